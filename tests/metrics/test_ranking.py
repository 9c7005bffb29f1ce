from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from finrisk.errors import ConfigurationError, DataError, LabelError
from finrisk.metrics.ranking import RankingMetrics, ranking_metrics
from tests.metrics.factories import auc_by_definition, few_tied_rows, scored_rows
from tests.metrics.plain_ranking import plain_ranking_metrics

EXACT = 1e-12
SETTINGS: dict[str, Any] = {"ks": (1, 3), "lift_percentiles": (0.05, 0.5), "fprs": (0.0, 0.1, 0.5)}
ANY_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
SOME_FLOATS = st.sampled_from([-1e300, -2.5, -2.0, -1.0, -5e-324, -0.0, 0.0, 5e-324, 0.3, 2.0, 7.0])


def assert_same(ours: RankingMetrics, oracle: RankingMetrics) -> None:
    assert (ours.auc, ours.gini) == (oracle.auc, oracle.gini)
    assert ours.named() == pytest.approx(oracle.named(), abs=EXACT)


@given(st.lists(st.tuples(st.integers(0, 1), SOME_FLOATS | ANY_FLOAT), min_size=2, max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_finite_floats_rank_as_in_the_plain_form(rows: list[tuple[int, float]]) -> None:
    labels, scores = zip(*[(0, 0.0), (1, 0.5), *rows], strict=True)

    assert_same(
        ranking_metrics(labels, scores, **SETTINGS),
        plain_ranking_metrics(labels, scores, **SETTINGS),
    )


@pytest.mark.parametrize("levels", [None, 100_000, 50, 1])
@pytest.mark.parametrize("bad_rate", [0.001, 0.3, 0.95])
def test_many_rows_rank_as_in_the_plain_form(levels: int | None, bad_rate: float) -> None:
    labels, scores = scored_rows(150_000, seed=9, levels=levels, bad_rate=bad_rate)
    logits = np.log(scores + 0.01) - np.log(1.01 - scores)

    for score in (scores, logits, -scores):
        assert_same(ranking_metrics(labels, score), plain_ranking_metrics(labels, score))


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=100, deadline=None)
def test_float32_scores_rank_as_the_same_numbers_in_float64(rows: list[tuple[int, float]]) -> None:
    labels, scores = zip(*[(0, 0.0), (1, 0.5), *rows], strict=True)
    narrow = np.array(scores, dtype=np.float32)

    assert ranking_metrics(labels, narrow) == ranking_metrics(labels, narrow.astype(np.float64))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None)
def test_integer_scores_are_told_apart_even_where_floats_cannot(scores: list[int]) -> None:
    labels = [0, 1] * (len(scores) // 2) + [1] * (len(scores) % 2)

    metrics = ranking_metrics(labels, np.array(scores, dtype=np.int64))

    assert metrics.auc == float(auc_by_definition(labels, scores))


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64, ">f8"]
)
def test_scores_of_any_numeric_type_rank_alike(kind: Any) -> None:
    labels, scores = scored_rows(300, seed=5, levels=20)
    whole = np.round(20 * scores)

    assert ranking_metrics(labels, whole.astype(kind)) == ranking_metrics(labels, whole)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint64, np.float32, np.float64])
def test_labels_of_any_numeric_type_mean_the_same(kind: Any) -> None:
    labels, scores = scored_rows(300, seed=6)

    assert ranking_metrics(labels.astype(kind), scores) == ranking_metrics(labels, scores)


@pytest.mark.parametrize("negative", [False, True])
def test_a_strided_or_read_only_column_is_measured_and_left_as_it_was(negative: bool) -> None:
    labels, scores = scored_rows(500, seed=7, levels=30)
    scores = scores - 0.5 if negative else scores
    table = np.stack([labels.astype(np.float64), scores], axis=1)
    table.flags.writeable = False
    before = table.copy()

    strided = ranking_metrics(table[::-1, 0], table[::-1, 1])

    assert strided == ranking_metrics(labels, scores)
    assert np.array_equal(table, before)


@pytest.mark.parametrize("bad_rate", [0.05, 0.5])
@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_no_more_than_three_times_the_scores_are_held_in_memory(
    bad_rate: float, shift: float
) -> None:
    labels, scores = scored_rows(300_000, seed=8, bad_rate=bad_rate)
    scores = scores + shift
    ranking_metrics(labels, scores)

    tracemalloc.start()
    ranking_metrics(labels, scores)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak <= 3.0 * scores.nbytes


@pytest.mark.parametrize(
    ("labels", "scores", "error"),
    [
        ([], [], DataError),
        ([1], [0.5], LabelError),
        ([1, 1], [0.5, 0.6], LabelError),
        ([0, 1], [0.5, np.inf], DataError),
        ([0, 1], [np.nan, 0.5], DataError),
        ([0, 1], [1e39, np.float32("inf")], DataError),
    ],
)
def test_what_cannot_be_ranked_is_an_error(
    labels: list[int], scores: list[float], error: type[DataError]
) -> None:
    with pytest.raises(error):
        ranking_metrics(labels, scores)


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
