from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.day_counts import DayCounts, count_by_day, row_days

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40)


def counted(pairs: list[tuple[int, int]]) -> DayCounts:
    day, bin_of_row = (np.array(column) for column in zip(*pairs, strict=True))
    return count_by_day(bin_of_row, 4, row_days(day))


def test_rows_are_counted_by_day_and_bin_and_days_without_rows_stay_days() -> None:
    counts = count_by_day(np.array([0, 2, 2]), 3, row_days([7, 9, 9]))

    assert counts.counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 2]]
    assert (counts.first_day, counts.days, counts.rows) == (7, 3, 3)
    assert counts.rows_by_day.tolist() == [1, 0, 2]
    assert counts.by_bin.tolist() == [1, 0, 2]


@given(rows, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_never_matters(pairs: list[tuple[int, int]], chance: Any) -> None:
    turned = list(pairs)
    chance.shuffle(turned)

    assert counted(pairs).counts.tolist() == counted(turned).counts.tolist()


@given(rows, rows)
@settings(max_examples=60, deadline=None)
def test_parts_add_up_to_the_whole(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    together, whole = counted(some) + counted(others), counted(some + others)

    assert together.first_day == whole.first_day
    assert together.counts.tolist() == whole.counts.tolist()


def test_dates_and_moments_are_the_same_days_and_have_weekdays() -> None:
    dates = row_days(np.array(["2024-03-01", "2024-03-03"], "datetime64[D]"))
    moments = row_days(np.array(["2024-03-01T09:00", "2024-03-03T23:59"], "datetime64[m]"))

    assert dates.weekly
    assert (dates.first_day, dates.days) == (moments.first_day, moments.days)
    assert dates.of_row.tolist() == moments.of_row.tolist() == [0, 2]


def test_a_span_keeps_days_without_rows_at_either_end() -> None:
    day = np.array(["2024-03-02"], "datetime64[D]")

    days = row_days(day, first=date(2024, 3, 1), last=date(2024, 3, 7))

    assert days.days == 7
    assert days.of_row.tolist() == [1]
    assert row_days([], first=3, last=4).days == 2


def test_a_span_cuts_and_pads() -> None:
    counts = DayCounts(5, weekly=False, counts=np.array([[1], [2], [3]]))

    assert counts.span(6, 5).counts.tolist() == [[2], [3], [0], [0], [0]]
    assert counts.span(0, 2).counts.tolist() == [[0], [0]]
    with pytest.raises(ConfigurationError, match="a span of no days"):
        counts.span(0, 0)


@pytest.mark.parametrize(
    ("days", "span", "says"),
    [
        ([], {}, "no rows to tell the days by"),
        ([1, 5], {"first": 2}, "days outside the span; .*got 1 of 2 rows outside"),
        ([1], {"first": 3, "last": 2}, "days outside the span"),
        (["a"], {}, "days are no days"),
        (np.array(["NaT"], "datetime64[D]"), {}, "days are missing"),
    ],
)
def test_days_that_cannot_be_counted_are_refused(
    days: Any, span: dict[str, int], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        row_days(days, **span)


def test_a_column_of_other_rows_is_refused() -> None:
    with pytest.raises(DataError, match="differ in length; expected 2 rows; got 1"):
        count_by_day(np.array([0]), 2, row_days([1, 1]))


@pytest.mark.parametrize(
    "other",
    [
        DayCounts(0, weekly=False, counts=np.zeros((1, 3), dtype=np.int64)),
        DayCounts(0, weekly=True, counts=np.zeros((1, 2), dtype=np.int64)),
    ],
    ids=["bins", "weekdays"],
)
def test_counts_of_unlike_bins_or_days_do_not_add_up(other: DayCounts) -> None:
    counts = DayCounts(0, weekly=False, counts=np.zeros((1, 2), dtype=np.int64))

    with pytest.raises(DataError, match="unlike bins or days"):
        counts + other
