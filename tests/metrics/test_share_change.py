from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import DataError
from finrisk.metrics.fairness import wilson_interval
from finrisk.metrics.share_change import design_effect, share_change


@pytest.mark.parametrize(
    ("now", "rows_now", "before", "rows_before", "lower", "upper"),
    [  # Newcombe 1998, table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_the_intervals_are_newcombes(
    now: int, rows_now: int, before: int, rows_before: int, lower: float, upper: float
) -> None:
    change = share_change(before, rows_before, now, rows_now)

    assert (change.lower, change.upper) == pytest.approx((lower, upper), abs=5e-5)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(50, 90), st.floats(1.0, 20.0))
@settings(max_examples=100, deadline=None)
def test_an_interval_holds_its_difference_and_stays_within_1(
    before: int, now: int, rows: int, effect: float
) -> None:
    change = share_change(before, rows, now, rows, design_effect=effect)

    assert -1.0 <= change.lower <= change.difference <= change.upper <= 1.0
    assert change.upper > change.lower


def test_rows_that_move_together_widen_it_as_fewer_rows_would() -> None:
    clustered = share_change(100, 1000, 200, 1000, design_effect=10.0)
    fewer = share_change(10, 100, 20, 100)

    assert (clustered.lower, clustered.upper) == pytest.approx((fewer.lower, fewer.upper))


def test_against_a_share_of_nearly_no_doubt_it_is_wilsons() -> None:
    change = share_change(0, 10**12, 3, 40)

    assert (change.lower, change.upper) == pytest.approx(wilson_interval(3, 40), abs=1e-4)


def test_independent_rows_have_a_design_effect_of_about_1() -> None:
    rng = np.random.default_rng(1)
    rows = np.full(2_000, 50)

    assert design_effect(rng.binomial(rows, 0.1), rows) == pytest.approx(1.0, abs=0.1)


def test_rows_that_come_in_tens_have_a_design_effect_of_ten() -> None:
    rng = np.random.default_rng(2)

    having = 10 * rng.binomial(np.full(2_000, 50), 0.1)

    assert design_effect(having, np.full(2_000, 500)) == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize(
    ("having", "rows"),
    [([0, 0], [9, 9]), ([9, 9], [9, 9]), ([3], [9]), ([3, 0], [9, 0]), ([3, 3], [9, 9])],
    ids=["none", "all", "one day", "one day with rows", "less than chance"],
)
def test_where_nothing_tells_rows_count_as_independent(having: list[int], rows: list[int]) -> None:
    assert design_effect(np.array(having), np.array(rows)) == 1.0


@pytest.mark.parametrize(
    ("before", "rows_before", "now", "rows_now", "effect"),
    [
        (0, 0, 1, 2, 1.0),
        (1, 2, 0, 0, 1.0),
        (3, 2, 1, 2, 1.0),
        (-1, 2, 1, 2, 1.0),
        (1, 2, 1, 2, 0.9),
    ],
)
def test_shares_that_are_none_are_refused(
    before: int, rows_before: int, now: int, rows_now: int, effect: float
) -> None:
    with pytest.raises(DataError, match="shares that cannot be compared"):
        share_change(before, rows_before, now, rows_now, design_effect=effect)
