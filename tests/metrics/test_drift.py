from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.day_counts import DayCounts, row_days
from finrisk.metrics.drift import ColumnDrift, Reference, column_drift, column_reference
from finrisk.metrics.stability import characteristic_stability_index, population_stability_index

DAYS, A_DAY = 40, 200
DAY_OF_ROW = np.repeat(np.arange(DAYS), A_DAY)
WINDOW = np.repeat(np.arange(50, 57), A_DAY)


def numbers(seed: int = 1, rows: int = DAYS * A_DAY) -> Any:
    return np.random.default_rng(seed).normal(size=rows)


def reference(values: Any = None, **how: Any) -> Reference:
    return column_reference(
        "x", numbers() if values is None else values, row_days(DAY_OF_ROW), **how
    )


def drift(of: Reference, values: Any, days: ArrayLike = WINDOW) -> ColumnDrift:
    return column_drift(of, of.count(values, row_days(days)))


def test_a_shift_between_known_shares_is_told_bin_by_bin() -> None:
    before = reference(np.tile(["own", "own", "rent", "rent", "rent"], 1600))

    found = drift(before, np.tile(["own", "rent"], 700))

    own, rent = 0.1 * math.log(0.5 / 0.4), 0.1 * math.log(0.6 / 0.5)
    assert {(b.label, b.before, b.now) for b in found.bins} == {
        ("rent", 0.6, 0.5),
        ("own", 0.4, 0.5),
    }
    assert [b.part for b in found.bins] == pytest.approx([rent, own])
    assert found.psi == pytest.approx(own + rent)
    assert found.moved_share == pytest.approx(0.1)
    assert found.rows == 1400


def test_psi_is_the_gates_for_numbers_and_for_kinds() -> None:
    values, fresh = numbers(), 0.3 + numbers(2, 1400)
    kinds, others = (
        np.array(list("abcd"), dtype=object)[np.abs(v).astype(int) % 4] for v in (values, fresh)
    )

    assert drift(reference(values), fresh).psi == pytest.approx(
        population_stability_index(values, fresh)
    )
    assert drift(reference(kinds), others).psi == pytest.approx(
        characteristic_stability_index(kinds, others)
    )


@given(st.randoms())
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_never_matters(chance: Any) -> None:
    order = list(range(WINDOW.size))
    chance.shuffle(order)
    fresh = numbers(3, WINDOW.size)
    before = reference()

    turned = drift(before, fresh[order], WINDOW[order])

    assert turned.psi == drift(before, fresh).psi
    assert turned.p_value == drift(before, fresh).p_value


def test_a_window_counted_in_parts_is_the_window() -> None:
    before, fresh = reference(), numbers(4, WINDOW.size)

    parts = [before.count(fresh[at::3], row_days(WINDOW[at::3])) for at in range(3)]

    whole = before.count(fresh, row_days(WINDOW))
    assert (parts[0] + parts[1] + parts[2]).counts.tolist() == whole.counts.tolist()


def test_a_window_of_the_same_source_is_chance_and_a_shifted_one_is_not() -> None:
    before = reference()

    same, shifted = drift(before, numbers(5, 1400)), drift(before, 0.5 + numbers(5, 1400))

    assert same.p_value is not None
    assert same.p_value > 0.01
    assert shifted.p_value is not None
    assert shifted.p_value < 1e-6
    assert shifted.psi is not None
    assert shifted.psi > 0.2


def test_the_further_a_column_shifts_the_larger_are_psi_and_moved_share() -> None:
    before = reference()
    found = [drift(before, shift + numbers(6, 1400)) for shift in (0.0, 0.2, 0.4, 0.8, 1.6)]

    assert all(a.psi < b.psi for a, b in pairwise(found))  # type: ignore[operator]
    assert all(a.moved_share < b.moved_share for a, b in pairwise(found))  # type: ignore[operator]


def test_a_limit_is_the_psi_at_which_the_p_value_reaches_the_share() -> None:
    found = drift(reference(), 0.2 + numbers(7, 1400))

    assert found.p_value is not None
    assert found.limit(found.p_value) == pytest.approx(found.psi, rel=1e-3)
    assert found.limit(found.p_value / 2) > found.psi  # type: ignore[operator]


def test_a_column_that_goes_missing_shows_in_its_share_and_in_the_psi() -> None:
    values = numbers()
    values[::50] = np.nan
    fresh = numbers(8, 1400)
    fresh[::5] = np.nan

    found = drift(reference(values), fresh)

    assert found.missing is not None
    assert (found.missing.before, found.missing.now) == (0.02, 0.2)
    assert 0.15 < found.missing.lower < 0.18 < found.missing.upper < 0.21
    assert found.bins[-1].label == "missing"
    assert found.psi is not None
    assert found.psi > 0.25


def test_a_share_of_missing_values_that_comes_in_outages_is_known_less_well() -> None:
    steady, outages = numbers(), numbers()
    steady[::20] = np.nan
    outages[DAY_OF_ROW % 20 == 0] = np.nan

    surer, less = (drift(reference(v), steady[:1400]).missing for v in (steady, outages))

    assert surer is not None
    assert less is not None
    assert less.upper - less.lower > 4 * (surer.upper - surer.lower)


def test_kinds_never_seen_are_counted_and_numbers_have_none() -> None:
    before = reference(np.tile(["a", "b"], 4000))

    found = drift(
        before, np.array(["a"] * 700 + ["new"] * 300 + ["newer"] * 50 + [None] * 350, dtype=object)
    )

    assert found.unseen_share == pytest.approx(0.25)
    assert found.missing is not None
    assert found.missing.now == 0.25
    assert drift(reference(), numbers(9, 1400)).unseen_share is None


@pytest.mark.parametrize(
    ("values", "fresh"),
    [
        (np.full(8000, 7.0), np.full(1400, 7.0)),
        (np.tile([0.0, 1.0], 4000), np.tile([0.0, 1.0], 700)),
        (np.tile([True, False], 4000), np.tile([True, False], 700)),
        (np.tile([1.0, np.nan], 4000), np.tile([1.0, np.nan], 700)),
    ],
    ids=["one value", "two values", "flags", "half missing"],
)
def test_a_column_that_stays_as_it_is_does_not_drift(values: Any, fresh: Any) -> None:
    found = drift(reference(values), fresh)

    assert (found.psi, found.moved_share, found.p_value) == pytest.approx((0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    "fresh",
    [np.full(1400, 6.9), np.full(1400, 7.1), np.full(1400, np.nan), np.array([None] * 1400)],
    ids=["below", "above", "missing", "missing of no type"],
)
def test_a_constant_that_changes_is_no_chance(fresh: Any) -> None:
    found = drift(reference(np.full(8000, 7.0)), fresh)

    assert found.moved_share == 1.0
    assert found.p_value == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("nothing", [[], np.empty(0), np.empty(0, dtype=object)])
def test_a_window_without_rows_is_unknown(nothing: Any) -> None:
    before = reference()
    days = row_days([], first=50, last=56)

    found = column_drift(before, before.count(nothing, days))

    assert (found.column, found.rows, found.bins) == ("x", 0, ())
    assert (found.psi, found.p_value, found.missing, found.limit(0.01)) == (None,) * 4


def test_a_window_of_few_rows_has_a_psi_and_no_p_value() -> None:
    found = drift(reference(), numbers(10, 50), np.full(50, 60))

    assert found.psi is not None
    assert (found.p_value, found.limit(0.01)) == (None, None)


def test_a_reference_of_a_few_days_has_a_psi_and_no_p_value() -> None:
    short = column_reference("x", numbers(rows=400), row_days(np.repeat([1, 2], 200)))

    found = drift(short, numbers(11, 1400))

    assert found.psi is not None
    assert (found.p_value, found.law) == (None, None)


def test_a_column_that_looks_back_needs_more_to_be_strange() -> None:
    fresh = 0.2 + numbers(12, 1400)

    plain, back = (drift(reference(look_back_days=days), fresh) for days in (0, 10))

    assert plain.psi == back.psi
    assert plain.p_value is not None
    assert back.p_value is not None
    assert back.p_value > 10 * plain.p_value


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full(1400, np.inf), "the current 'x' holds infinite values; .*1400 of 1400"),
        (np.full(1400, "a"), "the current 'x' is no column of numbers"),
        (np.zeros((1400, 2)), "the current 'x' is no column of numbers"),
        (np.zeros(3), "a column and its days differ in length; expected 1400 rows; got 3"),
    ],
)
def test_fresh_rows_of_another_make_are_an_error_that_names_the_column(
    values: Any, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        reference().count(values, row_days(WINDOW))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full(8000, np.nan), "the reference of 'x' is missing throughout"),
        (np.full(8000, -np.inf), "the reference of 'x' holds infinite values"),
        (np.zeros(8), "a column and its days differ in length"),
    ],
)
def test_a_reference_that_nothing_can_be_held_against_is_refused(values: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        reference(values)


def test_a_negative_look_back_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a look-back is below 0"):
        reference(look_back_days=-1)


def test_counts_of_other_bins_are_refused() -> None:
    other = DayCounts(50, weekly=False, counts=np.ones((7, 3), dtype=np.int64))

    with pytest.raises(DataError, match="unlike bins or days"):
        column_drift(reference(), other)


def test_dates_give_the_window_its_weekday() -> None:
    first = date(2024, 1, 1)
    days = np.datetime64(first) + DAY_OF_ROW
    weekend = (DAY_OF_ROW % 7 >= 5).astype(float)
    before = column_reference("weekend", weekend, row_days(days))
    saturday = np.datetime64(date(2024, 3, 2)) + np.zeros(200, dtype=np.int64)

    found = column_drift(before, before.count(np.ones(200), row_days(saturday)))

    assert found.psi is not None
    assert found.psi > 1.0
    assert found.p_value == pytest.approx(1.0, abs=0.05)
