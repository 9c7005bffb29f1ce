from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.wording import day_ranges, plain


@given(st.sets(st.integers(0, 400), max_size=60))
def test_ranges_of_days_are_as_few_as_can_be_and_lose_none(offsets: set[int]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in sorted(offsets)]

    ranges = day_ranges(days)

    found = []
    for text in ranges:
        first, _, last = text.partition(" to ")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            found.append(day)
            day += timedelta(days=1)
    assert found == days
    assert len(ranges) == sum(day - timedelta(days=1) not in days for day in days)


@given(st.floats(-1e14, 1e14).map(lambda value: float(f"{value:.4g}")))
def test_a_plain_number_reads_back_as_it_was(value: float) -> None:
    assert float(plain(value).replace(",", "")) == value


@pytest.mark.parametrize("value", [2e6, 40_110.0, 123_456_789.0, 1e14])
def test_money_is_never_written_with_an_exponent(value: float) -> None:
    assert "e" not in plain(value)
