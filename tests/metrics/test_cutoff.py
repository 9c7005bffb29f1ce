from __future__ import annotations

import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.cutoff import cutoff_metrics
from tests.metrics.factories import scored_rows


@pytest.mark.parametrize("cutoff", [0.2, 0.5, 0.65])
def test_the_figures_are_those_of_scikit_learn(cutoff: float) -> None:
    labels, probability = scored_rows(1_000, seed=1)
    declined = probability >= cutoff

    at = cutoff_metrics(labels, probability, cutoff)

    assert at.precision == pytest.approx(precision_score(labels, declined), abs=1e-12)
    assert at.recall == pytest.approx(recall_score(labels, declined), abs=1e-12)
    assert at.f1 == pytest.approx(f1_score(labels, declined), abs=1e-12)
    assert at.accuracy == pytest.approx(accuracy_score(labels, declined), abs=1e-12)
    assert at.approval_rate == pytest.approx(1 - declined.mean(), abs=1e-12)
    assert at.bad_rate_approved == pytest.approx(labels[~declined].mean(), abs=1e-12)


def test_a_row_at_the_cutoff_is_declined() -> None:
    assert cutoff_metrics([0, 1], [0.1, 0.5], 0.5).recall == 1.0


def test_precision_is_unknown_where_nobody_is_declined() -> None:
    at = cutoff_metrics([0, 1, 0], [0.1, 0.2, 0.3], 0.9)

    assert at.precision is None
    assert (at.recall, at.f1, at.approval_rate) == (0.0, 0.0, 1.0)


def test_the_bad_rate_of_the_approved_is_unknown_where_nobody_is_approved() -> None:
    at = cutoff_metrics([0, 1, 0], [0.1, 0.2, 0.3], 0.0)

    assert at.bad_rate_approved is None
    assert (at.recall, at.approval_rate) == (1.0, 0.0)


def test_a_cutoff_lies_between_0_and_1() -> None:
    with pytest.raises(ConfigurationError, match=r"cut-off .* expected in \[0, 1\]; got 50"):
        cutoff_metrics([0, 1], [0.1, 0.2], 50)


def test_a_score_that_is_no_probability_is_refused() -> None:
    with pytest.raises(DataError, match="1 of 2 outside"):
        cutoff_metrics([0, 1], [0.1, 640.0], 0.5)
