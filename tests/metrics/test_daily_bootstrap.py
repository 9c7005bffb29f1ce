from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from finrisk.errors import ConfigurationError, DataError, LabelError, NotEnoughData
from finrisk.metrics import daily_bootstrap
from finrisk.metrics.alerts import daily_precision, rows_by_day
from finrisk.metrics.clusters import cluster_codes
from finrisk.metrics.daily_bootstrap import (
    RankedDay,
    clusters_drawn,
    counted,
    paired_daily_precision,
    resampled_differences,
    rows_drawn,
)
from tests.metrics.factories import shared_signal, terminals

Ints = NDArray[np.int64]


def daily_rows(rows: int, *, seed: int, days: int = 5, decimals: int = 16) -> Any:
    """Labels, two models' scores, days, and clusters that lie on several days."""
    rng = np.random.default_rng(1_000 + seed)
    labels, a, b = shared_signal(rows, seed=seed, bad_rate=0.1)
    day = rng.integers(0, days, size=rows)
    return labels, a.round(decimals), b.round(decimals), day, rng.integers(0, rows // 4, size=rows)


def plain_daily_precision(labels: Ints, scores: Any, days: Ints, k: int) -> float:
    """Take a resample as it is: its days, each one's k riskiest, ties by expectation."""
    by_day: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for label, score, day in zip(labels.tolist(), scores.tolist(), days.tolist(), strict=True):
        by_day[day].append((score, label))
    precisions = []
    for rows in by_day.values():
        taken = min(k, len(rows))
        last = sorted(score for score, _ in rows)[-taken]
        above = [label for score, label in rows if score > last]
        tied = [label for score, label in rows if score == last]
        caught = sum(above) + (taken - len(above)) * sum(tied) / len(tied)
        precisions.append(caught / taken)
    return sum(precisions) / len(precisions) if precisions else 0.0


def differences_of(labels: Ints, a: Any, b: Any, days: Ints, drawn: Ints, k: int) -> Any:
    """Give each row a weight of its own in each replicate; ``drawn`` has shape (rows, B)."""
    rows = np.arange(labels.size)
    _, places = rows_by_day(days, rows.size)
    old, new = ([RankedDay.of(labels[p] == 1, s[p], rows[p]) for p in places] for s in (a, b))
    return resampled_differences(old, new, counted(drawn), k)


@pytest.mark.parametrize("decimals", [0, 1, 16])
@pytest.mark.parametrize("k", [1, 5, 20, 1_000])
def test_a_replicate_is_what_the_drawn_rows_give_when_sorted_anew(k: int, decimals: int) -> None:
    labels, a, b, days, _ = daily_rows(200, seed=1, decimals=decimals)
    drawn = np.random.default_rng(2).poisson(0.6, size=(200, 12))
    drawn[days == 3, 4] = 0  # a day that a replicate lacks

    found = differences_of(labels, a, b, days, drawn, k)

    for replicate in range(12):
        rows = np.repeat(np.arange(200), drawn[:, replicate])
        of_a, of_b = (plain_daily_precision(labels[rows], s[rows], days[rows], k) for s in (a, b))
        assert found[replicate] == pytest.approx(of_b - of_a, abs=1e-12)


def test_rows_drawn_once_each_give_the_figures_of_all_rows() -> None:
    labels, a, b, days, _ = daily_rows(300, seed=3, decimals=1)

    (found,) = differences_of(labels, a, b, days, np.ones((300, 1), dtype=np.int64), k=10)

    of_a, of_b = (daily_precision(labels, score, days, k=10) for score in (a, b))
    assert found == pytest.approx(of_b - of_a, abs=1e-12)
    of = paired_daily_precision(labels, a, b, days, k=10, replicates=2, seed=1)
    assert (of.champion, of.challenger, of.difference) == (of_a, of_b, of_b - of_a)


def test_whole_clusters_are_drawn_as_many_as_there_are() -> None:
    labels, a, b, days, cluster = daily_rows(200, seed=4)
    codes = cluster_codes("cluster", cluster, 200)
    count = int(codes.max()) + 1

    of = paired_daily_precision(labels, a, b, days, k=5, clusters=cluster, replicates=8, seed=6)

    rng = np.random.default_rng(6)
    for replicate in range(8):
        drawn = rng.integers(count, size=count)
        rows = np.concatenate([np.flatnonzero(codes == code) for code in drawn])
        of_a, of_b = (plain_daily_precision(labels[rows], s[rows], days[rows], 5) for s in (a, b))
        assert of.differences[replicate] == pytest.approx(of_b - of_a, abs=1e-12)


def test_blocks_of_replicates_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, a, b, days, cluster = daily_rows(200, seed=5)
    asked: dict[str, Any] = {"k": 5, "clusters": cluster, "replicates": 11, "seed": 7}
    whole = paired_daily_precision(labels, a, b, days, **asked)

    monkeypatch.setattr(daily_bootstrap, "CELLS", 3 * 50)
    monkeypatch.setattr(daily_bootstrap, "SUMMED_TOGETHER", 2)
    in_blocks = paired_daily_precision(labels, a, b, days, **asked)

    assert np.array_equal(whole.differences, in_blocks.differences)


def test_a_row_is_drawn_once_on_average_whoever_asks_first() -> None:
    times = rows_drawn(seed=1, replicates=4_000)
    one, other = times(np.array([5])), times(np.array([9]))
    both = times(np.array([9, 5]))

    assert one.mean() == pytest.approx(1.0, abs=0.05)
    assert one.var() == pytest.approx(1.0, abs=0.1)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert np.array_equal(both, one + other)
    assert np.array_equal(rows_drawn(seed=1, replicates=4_000)(np.array([9])), other)


def test_clusters_drawn_add_up_to_as_many_as_there_are() -> None:
    (times,) = clusters_drawn(np.array([0, 1, 2, 2]), replicates=30, seed=1)

    assert times(np.arange(3)).tolist() == [3] * 30


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 16]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_seed_gives_the_same_whatever_the_order_and_the_scale(
    seed: int, decimals: int, clustered: bool
) -> None:
    labels, a, b, days, cluster = daily_rows(80, seed=seed % 1_000, decimals=decimals)
    order = np.random.default_rng(seed).permutation(80)
    asked: dict[str, Any] = {"k": 4, "replicates": 6, "seed": seed}
    by, shuffled = (cluster, cluster[order]) if clustered else (None, None)

    of = paired_daily_precision(labels, a, b, days, clusters=by, **asked)
    again = paired_daily_precision(
        labels[order], np.exp(a[order]), 3 * b[order], days[order], clusters=shuffled, **asked
    )
    swapped = paired_daily_precision(labels, b, a, days, clusters=by, **asked)

    assert np.array_equal(of.differences, again.differences)
    assert np.array_equal(of.differences, -swapped.differences)


@pytest.mark.parametrize("clustered", [False, True])
def test_a_model_against_its_own_recalibration_never_differs(clustered: bool) -> None:
    labels, a, _, days, cluster = daily_rows(300, seed=8, decimals=2)
    by = cluster if clustered else None

    of = paired_daily_precision(labels, a, a**3, days, k=5, clusters=by, replicates=50, seed=1)

    assert not of.differences.any()
    assert (of.difference, of.standard_error, of.lower, of.upper) == (0.0, 0.0, 0.0, 0.0)


def test_bounds_are_quantiles_of_the_replicates_one_sided_at_95_percent() -> None:
    labels, a, b, days, _ = daily_rows(400, seed=9)

    of = paired_daily_precision(labels, a, b, days, k=7, replicates=500, seed=1)

    assert (of.lower, of.upper) == tuple(np.quantile(of.differences, [0.05, 0.95]))
    assert of.standard_error == pytest.approx(np.std(of.differences, ddof=1))


def test_the_standard_error_is_about_the_spread_of_repeated_samples() -> None:
    estimated, seen = [], []
    for seed in range(150):
        labels, a, b, days, _ = daily_rows(1_000, seed=seed)
        of = paired_daily_precision(labels, a, b, days, k=10, replicates=60, seed=seed)
        estimated.append(of.standard_error)
        seen.append(of.difference)

    assert np.mean(estimated) == pytest.approx(np.std(seen), rel=0.2)


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(80):
        labels, a, b, days, _ = daily_rows(1_000, seed=seed)  # equal models: the truth is 0
        of = paired_daily_precision(labels, a, b, days, k=10, replicates=120, seed=seed)
        inside += of.lower <= 0.0 <= of.upper

    assert 63 <= inside <= 79  # 72, give or take three standard errors, and not always


def test_rows_that_share_their_luck_widen_the_interval() -> None:
    terminal, labels, a, b = terminals(200, 10, np.random.default_rng(10))
    days = np.random.default_rng(11).integers(0, 5, size=labels.size)
    asked: dict[str, Any] = {"k": 40, "replicates": 300, "seed": 1}

    by_rows = paired_daily_precision(labels, a, b, days, **asked)
    by_terminal = paired_daily_precision(labels, a, b, days, clusters=terminal, **asked)

    assert by_terminal.standard_error > 1.3 * by_rows.standard_error


GOOD: dict[str, Any] = {
    "y_true": [1, 0, 0, 1],
    "champion": [0.9, 0.4, 0.8, 0.3],
    "challenger": [0.9, 0.4, 0.8, 0.3],
    "days": [1, 1, 2, 2],
    "k": 1,
    "clusters": ["a", "b", "a", "b"],
    "replicates": 2,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"y_true": [1, 1, 1, 1]}, LabelError, "one class only"),
        ({"challenger": [0.1, np.inf, 0.2, 0.3]}, DataError, "not finite"),
        ({"days": [1, 2]}, DataError, "days are no column of the rows"),
        ({"k": 0}, ConfigurationError, "alert budget is out of range"),
        ({"replicates": 1}, ConfigurationError, "too few replicates; expected at least 2; got 1"),
        ({"clusters": [1, 2]}, DataError, "'clusters' is no column of the rows"),
        ({"clusters": [1, 1, 1, 1]}, NotEnoughData, "at least 2 clusters"),
    ],
)
def test_what_cannot_be_resampled_is_an_error(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    paired_daily_precision(**GOOD)

    with pytest.raises(error, match=says):
        paired_daily_precision(**GOOD | change)
