from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.data.maturity import (
    add_months,
    first_day,
    is_mature,
    last_day,
    maturity_day,
    months_later,
    vintage_of,
    window_end,
    window_ends,
)
from finrisk.specs.data import Label

SOME_DAY = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))


def a_label(**changes: Any) -> Label:
    return Label.model_validate({"rule": {"kind": "column", "column": "bad"}, **changes})


@pytest.mark.parametrize(
    ("vintage", "months", "days", "lag", "matures"),
    [
        ("2023-01", 6, 0, 30, date(2023, 8, 30)),
        ("2023-02", 6, 0, 0, date(2023, 8, 31)),  # a month's end stays a month's end
        ("2024-02", 12, 0, 0, date(2025, 2, 28)),  # from a leap year
        ("2023-02", 12, 0, 0, date(2024, 2, 29)),  # into one
        ("2023-08", 6, 0, 0, date(2024, 2, 29)),
        ("2023-08", 6, 0, 30, date(2024, 3, 30)),
        ("2011-12", 18, 0, 0, date(2013, 6, 30)),
        ("2024-02-28", 12, 0, 0, date(2025, 2, 28)),
        ("2024-02-29", 12, 0, 0, date(2025, 2, 28)),
        ("2023-02-28", 12, 0, 0, date(2024, 2, 29)),
        ("2024-02-28", 0, 1, 0, date(2024, 2, 29)),
        ("2024-02-28", 0, 30, 7, date(2024, 4, 5)),
        ("2024-05-31", 0, 0, 0, date(2024, 5, 31)),
    ],
)
def test_a_vintage_matures_on_its_last_day_plus_window_plus_lag(
    vintage: str, months: int, days: int, lag: int, matures: date
) -> None:
    label = a_label(
        performance_window_months=months, performance_window_days=days, reporting_lag_days=lag
    )

    assert maturity_day(vintage, label) == matures
    assert is_mature(vintage, label, matures)
    assert not is_mature(vintage, label, matures - timedelta(days=1))


@settings(deadline=None, max_examples=30)
@given(SOME_DAY)
def test_a_day_lies_in_its_vintage(day: date) -> None:
    month = vintage_of(day, "month")

    assert first_day(month) <= day <= last_day(month)
    assert first_day(vintage_of(day, "day")) == day == last_day(vintage_of(day, "day"))


@settings(deadline=None, max_examples=30)
@given(st.lists(SOME_DAY, min_size=1), st.integers(min_value=0, max_value=120))
def test_many_days_at_once_agree_with_one_at_a_time(days: list[date], months: int) -> None:
    many = months_later(np.array(days, dtype="datetime64[D]"), months)

    assert many.tolist() == [add_months(day, months) for day in days]


@settings(deadline=None, max_examples=30)
@given(SOME_DAY, st.integers(min_value=0, max_value=36), st.integers(min_value=0, max_value=90))
def test_no_row_s_window_ends_after_its_vintage_s(day: date, months: int, days: int) -> None:
    label = a_label(performance_window_months=months, performance_window_days=days)

    assert day <= window_end(day, label) <= maturity_day(vintage_of(day, "month"), label)


def test_a_missing_day_has_a_missing_window_end() -> None:
    days = np.array(["NaT", "2024-01-31"], dtype="datetime64[D]")

    ends = window_ends(days, a_label(performance_window_months=1, performance_window_days=2))

    assert np.isnat(ends[0])
    assert ends[1] == np.datetime64("2024-03-02")
