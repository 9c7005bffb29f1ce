from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from finrisk.errors import ConfigurationError
from finrisk.metrics.day_counts import DayCounts
from finrisk.metrics.drift_limits import ChanceLaw, chance_law
from finrisk.metrics.psi_parts import tempered_parts

EVEN = np.full(10, 0.1)


def independent(days: int, rows: int = 500, *, seed: int) -> DayCounts:
    return DayCounts(0, False, np.random.default_rng(seed).multinomial(rows, EVEN, size=days))


def clustered(days: int, *, seed: int) -> DayCounts:
    """Days of 100 clusters, whose ten rows lie in one bin."""
    return DayCounts(0, False, 10 * independent(days, 100, seed=seed).counts)


def known(law: ChanceLaw | None) -> ChanceLaw:
    assert law is not None
    return law


def limit(reference: DayCounts, share: float, rows: int, **window: int) -> float:
    asked = {"first_day": reference.days, "days": 1} | window
    found = known(chance_law(reference, **asked)).limit(share, rows)
    assert found is not None
    return found


def drifted(reference: DayCounts, windows: NDArray[np.int64]) -> tuple[Any, Any]:
    before = np.broadcast_to(reference.by_bin, windows.shape)
    return tempered_parts(before, windows).sum(axis=1), windows.sum(axis=1)


@pytest.mark.parametrize("share", [0.05, 1e-3, 1e-6])
def test_independent_rows_have_the_limit_of_chi_squared(share: float) -> None:
    reference = independent(600, 1_000, seed=1)

    by_table = chi2.isf(share, 9) * (1 / 1_000 + 1 / 600_000)

    assert limit(reference, share, 1_000) == pytest.approx(by_table, rel=0.06)


def test_rows_that_move_together_have_the_limit_of_as_many_fewer() -> None:
    reference = clustered(600, seed=2)

    by_table = chi2.isf(0.001, 9) * (1 / 100 + 1 / 60_000)

    assert limit(reference, 0.001, 1_000) == pytest.approx(by_table, rel=0.1)


def test_days_that_move_together_have_a_wider_limit_than_their_rows() -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(200 * EVEN, size=120)  # each day has a mix of its own
    counts = np.stack([rng.multinomial(5_000, of_day) for of_day in shares])

    of_days = limit(DayCounts(0, False, counts), 1e-3, 5_000)

    assert of_days > 10 * limit(independent(120, 5_000, seed=3), 1e-3, 5_000)


@pytest.mark.parametrize(
    ("of", "days", "window", "at_least"),
    [
        (clustered, 112, 1, 0.02),
        (clustered, 112, 7, 0.02),
        # from few windows moves seem to have fewer directions than they have: a wider limit
        (clustered, 12, 1, 0.0),
        (independent, 40, 7, 0.0),
    ],
)
def test_windows_without_drift_come_as_far_as_a_limit_no_more_often_than_it_says(
    of: Any, days: int, window: int, at_least: float
) -> None:
    beyond = []
    for seed in range(60):
        counts = of(days + 20 * window, seed=seed).counts
        windows = counts[days:].reshape(20, window, -1).sum(axis=1)
        reference = DayCounts(0, False, counts[:days])
        p = known(chance_law(reference, days, window)).p_values(*drifted(reference, windows))
        beyond.append(np.mean(p <= 0.05))

    assert at_least <= np.mean(beyond) <= 0.055


def test_a_limit_is_where_its_share_is_reached() -> None:
    law = known(chance_law(clustered(60, seed=8), 60, 1))

    for share in (0.1, 1e-3, 1e-7):
        at = law.limit(share, 700)
        assert law.p_values([at], [700])[0] == pytest.approx(share, rel=1e-4)


def test_the_further_a_window_moved_the_less_is_it_chance() -> None:
    p = known(chance_law(clustered(60, seed=8), 60, 1)).p_values(
        np.linspace(0.0, 2.0, 50), np.full(50, 700)
    )

    assert p[0] == 1.0
    assert (np.diff(p) <= 0.0).all()


def test_a_smaller_window_has_a_wider_limit_and_a_larger_one_no_narrower_than_usual() -> None:
    reference = clustered(60, seed=9)
    by_rows = [limit(reference, 1e-3, rows) for rows in (200, 500, 1_000, 100_000)]

    assert by_rows[0] > by_rows[1] > by_rows[2]
    assert by_rows[3] == pytest.approx(by_rows[2], rel=1e-6)


def test_a_shorter_reference_has_a_wider_limit() -> None:
    limits = [
        np.mean([limit(clustered(days, seed=seed), 1e-6, 1_000) for seed in range(10)])
        for days in (5, 10, 30, 200)
    ]

    assert limits == sorted(limits, reverse=True)
    assert limits[0] > 4 * limits[-1]


def test_counting_every_row_twice_makes_nobody_surer() -> None:
    reference = clustered(60, seed=10)
    twice = DayCounts(0, False, 2 * reference.counts)

    assert limit(twice, 1e-3, 2_000) == pytest.approx(limit(reference, 1e-3, 1_000), rel=1e-6)


def test_days_that_vary_less_than_chance_are_believed_to_vary_as_chance_does() -> None:
    steady = DayCounts(0, False, np.full((60, 10), 100))

    assert limit(steady, 0.05, 1_000) > chi2.isf(0.05, 9) / 1_000


def test_a_reference_of_one_bin_takes_any_other_for_strange() -> None:
    counts = np.zeros((60, 3), dtype=np.int64)
    counts[:, 1] = 500

    law = known(chance_law(DayCounts(0, False, counts), 60, 1))

    assert law.p_values([0.0, 0.1], [500, 500]).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)


def weekends(weeks: int, *, seed: int) -> DayCounts:
    """Days whose bins are other ones at weekends."""
    rng = np.random.default_rng(seed)
    week = [[0.5, 0.3, 0.2]] * 5 + [[0.2, 0.3, 0.5]] * 2
    return DayCounts(
        0, weekly=True, counts=np.stack([rng.multinomial(800, of) for of in week * weeks])
    )


def test_a_weekend_is_no_drift_and_a_weekend_on_a_weekday_is() -> None:
    reference = weekends(12, seed=11)
    saturday = DayCounts(5 + 84, weekly=True, counts=np.array([[160, 240, 400]]))

    of_day, rows = drifted(reference, saturday.counts)
    on_saturday = known(chance_law(reference, 84 + 5, 1)).p_values(of_day, rows)[0]
    on_monday = known(chance_law(reference, 84, 1)).p_values(of_day, rows)[0]

    assert of_day[0] > 0.10
    assert on_saturday > 0.5
    assert on_monday < 1e-9


def test_whole_weeks_are_held_against_all_weeks() -> None:
    reference = weekends(12, seed=12)

    by_weekday = [limit(reference, 1e-3, 5_600, days=7, first_day=84 + day) for day in range(7)]

    assert len(set(by_weekday)) == 1
    assert by_weekday[0] < 0.02


def test_days_without_rows_are_no_windows() -> None:
    reference = weekends(12, seed=13)
    closed = reference.counts.copy()
    closed[6::7] = 0

    open_days = DayCounts(0, weekly=True, counts=closed)

    assert limit(open_days, 1e-3, 800, first_day=84) > 0.0
    assert chance_law(open_days, 84 + 6, 1) is None


def test_a_column_that_looks_back_is_known_from_fewer_windows() -> None:
    reference = clustered(112, seed=14)
    plain, week, month = (known(chance_law(reference, 112, 7, back)).degrees for back in (0, 7, 30))

    assert plain > 1.5 * week > 3 * month > 6
    assert limit(reference, 1e-3, 7_000, days=7, look_back_days=30) > 2 * limit(
        reference, 1e-3, 7_000, days=7
    )


def months_that_linger(days: int, back: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Days of rows whose mix is the sum of what happened on so many days before."""
    happened = rng.normal(size=(days + back, 4))
    sums = np.cumsum(happened, axis=0)
    mix = np.exp(0.1 * (sums[back:] - sums[:-back]) / np.sqrt(back))
    shares = mix / mix.sum(axis=1, keepdims=True)
    return np.stack([rng.multinomial(3_000, of_day) for of_day in shares])


def test_what_lingers_for_a_month_is_no_drift_if_it_is_said_and_often_one_if_it_is_not() -> None:
    rng = np.random.default_rng(15)
    said, unsaid = [], []
    for _ in range(30):
        days = months_that_linger(84 + 90, 30, rng)
        reference = DayCounts(0, False, days[:84])
        moved = drifted(reference, days[84:])
        said.append(np.mean(known(chance_law(reference, 84, 1, 30)).p_values(*moved) <= 0.01))
        unsaid.append(np.mean(known(chance_law(reference, 84, 1)).p_values(*moved) <= 0.01))

    assert np.mean(said) <= 0.01
    assert np.mean(unsaid) >= 0.04


@pytest.mark.parametrize(
    ("days", "window", "back"),
    [(2, 1, 0), (10, 7, 0), (54, 7, 30), (30, 28, 0), (45, 1, 30)],
)
def test_a_reference_too_short_to_say_is_unknown(days: int, window: int, back: int) -> None:
    assert chance_law(clustered(days, seed=16), days, window, back) is None


def test_days_without_rows_do_not_make_a_reference_longer() -> None:
    counts = clustered(80, seed=21).counts.copy()
    whole = chance_law(DayCounts(0, False, counts), 80, 7, 30)
    counts[20:50] = 0  # the rows that a model was fitted on have no score

    assert whole is not None
    assert chance_law(DayCounts(0, False, counts), 80, 7, 30) is None


def test_a_few_vintages_are_enough_for_a_wide_limit() -> None:
    vintages = clustered(12, seed=17)

    assert known(chance_law(vintages, 12, 1)).degrees == pytest.approx(11.0)
    assert limit(vintages, 1e-3 / 12, 1_000) > 1.5 * limit(
        clustered(600, seed=17), 1e-3 / 12, 1_000
    )


def test_a_window_of_few_rows_is_unknown() -> None:
    law = known(chance_law(clustered(60, seed=18), 60, 1))

    assert np.isnan(law.p_values([0.5], [99])).all()
    assert law.limit(0.01, 99) is None


def test_the_same_counts_have_the_same_limit() -> None:
    reference = clustered(60, seed=19)
    again = DayCounts(0, False, reference.counts.copy())

    assert limit(reference, 1e-6, 900) == limit(again, 1e-6, 900)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"look_back_days": -1}], ids=str)
def test_a_window_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    asked = {"first_day": 0, "days": 1} | wrong

    with pytest.raises(ConfigurationError, match="a window out of range"):
        chance_law(clustered(60, seed=20), **asked)
