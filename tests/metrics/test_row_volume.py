from __future__ import annotations

import numpy as np
import pytest

from finrisk.metrics.day_counts import DayCounts
from finrisk.metrics.row_volume import volume_change


def days(rows: list[int], *, first_day: int = 0, weekly: bool = True) -> DayCounts:
    return DayCounts(first_day, weekly, np.array(rows).reshape(-1, 1))


def usual(weeks: int = 8) -> DayCounts:
    """Weeks of 100 rows a day and 40 at weekends, give or take a few."""
    rng = np.random.default_rng(1)
    rows = np.tile([100, 100, 100, 100, 100, 40, 40], weeks) + rng.integers(-3, 4, 7 * weeks)
    return days(rows.tolist())


def test_a_weekend_is_held_against_weekends() -> None:
    change = volume_change(usual(), days([40, 40], first_day=61))

    assert change is not None
    assert change.ratio == pytest.approx(1.0, abs=0.06)
    assert change.deviations == pytest.approx(0.0, abs=2.0)
    assert change.expected_a_day == pytest.approx(40, abs=3)


@pytest.mark.parametrize(("rows", "sign"), [([50] * 5, -1), ([200] * 5, 1), ([0] * 5, -1)])
def test_half_double_and_no_deliveries_show(rows: list[int], sign: int) -> None:
    change = volume_change(usual(), days(rows, first_day=56))

    assert change is not None
    assert change.deviations is not None
    assert sign * change.deviations > 4.0
    assert change.ratio == pytest.approx(sum(rows) / 500, rel=0.05)


def test_one_holiday_in_the_reference_changes_nothing() -> None:
    reference = usual()
    with_holiday = reference.counts.copy()
    with_holiday[3] = 0

    spoilt = volume_change(DayCounts(0, weekly=True, counts=with_holiday), days([50], first_day=59))
    clean = volume_change(reference, days([50], first_day=59))

    assert spoilt is not None
    assert clean is not None
    assert spoilt.ratio == pytest.approx(clean.ratio, rel=0.02)


def test_periods_without_weekdays_are_held_against_all() -> None:
    reference = days([10, 30, 20], weekly=False)

    change = volume_change(reference, days([40], first_day=9, weekly=False))

    assert change is not None
    assert (change.ratio, change.expected_a_day, change.rows_a_day) == (2.0, 20.0, 40.0)


def test_a_weekday_seen_less_than_three_times_is_held_against_all_days() -> None:
    reference = days([100] * 5 + [40] * 2)

    change = volume_change(reference, days([40], first_day=12))

    assert change is not None
    assert change.expected_a_day == 100.0


def test_days_all_alike_have_no_deviations() -> None:
    change = volume_change(days([5] * 9, weekly=False), days([7], weekly=False))

    assert change is not None
    assert (change.ratio, change.deviations) == (1.4, None)


def test_days_that_usually_have_no_rows_are_unknown() -> None:
    assert volume_change(days([100, 100, 100, 100, 100, 0, 0] * 4), days([5], first_day=33)) is None
