from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from finrisk.errors import ConfigurationError, LabelError
from finrisk.metrics.ranking import ranking_metrics
from tests.metrics.factories import auc_by_definition, few_tied_rows, scored_rows

EXACT = 1e-12
LEVELS = [None, 1000, 20, 3]


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("seed", range(5))
def test_auc_ks_and_average_precision_are_those_of_scikit_learn(
    seed: int, levels: int | None
) -> None:
    labels, scores = scored_rows(2_000, seed=seed, levels=levels)

    metrics = ranking_metrics(labels, scores)

    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert metrics.auc == pytest.approx(roc_auc_score(labels, scores), abs=EXACT)
    assert metrics.gini == pytest.approx(2 * roc_auc_score(labels, scores) - 1, abs=EXACT)
    assert metrics.ks == pytest.approx(np.max(tpr - fpr), abs=EXACT)
    assert metrics.average_precision == pytest.approx(
        average_precision_score(labels, scores), abs=EXACT
    )


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("allowed", [0.0, 0.01, 0.05, 0.5, 1.0])
def test_detection_rate_is_the_best_tpr_on_the_roc_curve_within_the_fpr(
    allowed: float, levels: int | None
) -> None:
    labels, scores = scored_rows(2_000, seed=1, levels=levels)

    rate = ranking_metrics(labels, scores, fprs=(allowed,)).detection_rate[allowed]

    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert rate == pytest.approx(tpr[fpr <= allowed].max(), abs=EXACT)


@given(few_tied_rows(most=200))
@settings(max_examples=60, deadline=None)
def test_auc_is_the_definition_rounded_once(rows: tuple[list[int], list[int]]) -> None:
    exact = auc_by_definition(*rows)

    metrics = ranking_metrics(*rows)

    assert metrics.auc == float(exact)
    assert metrics.gini == float(2 * exact - 1)


@given(few_tied_rows(most=6), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_precision_at_k_is_the_mean_over_every_order_of_tied_rows(
    rows: tuple[list[int], list[int]], k: int
) -> None:
    labels, scores = rows
    places = min(k, len(labels))
    orders = [
        [labels[i] for i in order][:places]
        for order in permutations(range(len(labels)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]

    precision = ranking_metrics(labels, scores, ks=(k,)).precision_at_k[k]

    mean = Fraction(sum(map(sum, orders)), len(orders) * places)
    assert precision == pytest.approx(float(mean), abs=EXACT)


@given(few_tied_rows(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_rows_never_matters(
    rows: tuple[list[int], list[int]], chance: Any
) -> None:
    shuffled = list(zip(*rows, strict=True))
    chance.shuffle(shuffled)

    labels, scores = zip(*shuffled, strict=True)

    assert ranking_metrics(labels, scores, ks=(1, 3)) == ranking_metrics(*rows, ks=(1, 3))


@given(few_tied_rows())
@settings(max_examples=40, deadline=None)
def test_only_the_ranks_matter(rows: tuple[list[int], list[int]]) -> None:
    labels, scores = rows

    assert ranking_metrics(labels, np.exp(scores) - 5.0) == ranking_metrics(labels, scores)


def test_lift_is_the_bad_rate_among_the_riskiest_over_the_overall_one() -> None:
    labels = [1] * 5 + [0] * 5 + [1] * 5 + [0] * 85
    scores = np.linspace(1.0, 0.0, 100)

    lift = ranking_metrics(labels, scores, lift_percentiles=(0.05, 0.1, 1.0)).lift

    assert lift == pytest.approx({0.05: 10.0, 0.1: 5.0, 1.0: 1.0}, abs=EXACT)


def test_a_share_of_rows_is_taken_as_written_and_not_as_the_float_it_becomes() -> None:
    labels = [1] * 7 + [0] * 93
    scores = np.linspace(1.0, 0.0, 100)

    lift = ranking_metrics(labels, scores, lift_percentiles=(0.07,)).lift

    assert 0.07 * 100 > 7  # eight rows, if floats had their way
    assert lift[0.07] == pytest.approx(100 / 7, abs=EXACT)


def test_lift_of_a_constant_score_is_one() -> None:
    metrics = ranking_metrics([0, 1, 0, 1, 0], [0.4] * 5)

    assert metrics.lift == pytest.approx(dict.fromkeys((0.01, 0.05, 0.1), 1.0), abs=EXACT)
    assert (metrics.auc, metrics.gini, metrics.ks) == (0.5, 0.0, 0.0)


def test_a_score_that_ranks_backwards_has_no_ks() -> None:
    metrics = ranking_metrics([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4])

    assert (metrics.auc, metrics.gini, metrics.ks) == (0.0, -1.0, 0.0)


def test_nothing_is_detected_when_the_riskiest_score_alone_exceeds_the_fpr() -> None:
    metrics = ranking_metrics([0, 1, 1], [0.9, 0.9, 0.1], fprs=(0.5, 1.0))

    assert metrics.detection_rate == {0.5: 0.0, 1.0: 1.0}


def test_a_k_beyond_the_rows_takes_all_of_them() -> None:
    assert ranking_metrics([0, 1, 1, 0], [1, 2, 3, 4]).precision_at_k == {100: 0.5}


def test_every_figure_has_a_flat_name() -> None:
    names = ranking_metrics([0, 1], [0.1, 0.9], lift_percentiles=(0.07,), fprs=(0.005,)).named()

    assert set(names) == {
        "auc",
        "gini",
        "ks",
        "average_precision",
        "precision_at_100",
        "lift_top_7pct",
        "detection_rate_at_fpr_0.5pct",
    }


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ks": (10, 0)}, r"k is out of range; expected at least 1; got \(10, 0\)"),
        ({"lift_percentiles": (0.0,)}, r"expected in \(0, 1\]; got \(0.0,\)"),
        ({"fprs": (1.5,)}, r"expected in \[0, 1\]; got \(1.5,\)"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(
    wrong: dict[str, Sequence[float]], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        ranking_metrics([0, 1], [0.1, 0.9], **wrong)  # type: ignore[arg-type]


def test_one_class_has_no_ranking() -> None:
    with pytest.raises(LabelError, match="one class only"):
        ranking_metrics([0, 0], [0.1, 0.9])
