from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from finrisk.evaluation.comparison import compare, credit_metrics, usable

RNG = np.random.default_rng(7)
LABELS = (RNG.random(500) < 0.2).astype(np.int8)
CHAMPION = RNG.random(500)
CHALLENGER = np.clip(0.3 * LABELS + 0.7 * RNG.random(500), 0.0, 1.0)


def test_the_difference_is_challenger_minus_champion() -> None:
    comparison = compare(LABELS, CHAMPION, CHALLENGER)

    assert comparison.challenger == pytest.approx(roc_auc_score(LABELS, CHALLENGER))
    assert comparison.champion == pytest.approx(roc_auc_score(LABELS, CHAMPION))
    assert comparison.difference == comparison.challenger - comparison.champion
    assert comparison.z is not None
    assert comparison.z > 0


def test_a_model_against_itself_differs_by_exactly_nothing() -> None:
    comparison = compare(LABELS, CHAMPION, CHAMPION)

    assert (comparison.difference, comparison.z, comparison.p_value) == (0.0, 0.0, 1.0)


def test_credit_metrics_are_the_documented_ones() -> None:
    figures = credit_metrics(LABELS, CHALLENGER, cutoff=0.5)

    assert set(figures) == {
        "auc",
        "gini",
        "ks",
        "average_precision",
        "brier",
        "precision",
        "recall",
        "f1_score",
        "accuracy",
    }
    assert figures["gini"] == pytest.approx(2 * figures["auc"] - 1)
    assert figures["brier"] == pytest.approx(brier_score_loss(LABELS, CHALLENGER))


def test_precision_is_left_out_where_nobody_is_declined() -> None:
    figures = credit_metrics(LABELS, CHALLENGER * 0.1, cutoff=0.9)

    assert "precision" not in figures
    assert figures["recall"] == 0.0


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ([0.1, 0.2, 0.3], True),
        ([0.2, 0.2, 0.2], False),
        ([0.1, np.nan, 0.3], False),
        ([0.1, np.inf, 0.3], False),
    ],
)
def test_scores_are_usable_when_finite_and_not_constant(scores: list[float], answer: bool) -> None:
    assert usable(np.array([0.1, 0.2, 0.3]), np.array(scores)) is answer
