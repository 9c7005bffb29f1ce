from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from finrisk.metrics.psi_parts import bin_shares, moved_share, moves, psi_parts, tempered_parts
from finrisk.metrics.stability import characteristic_stability_index

BINS = 5
some_rows = st.lists(st.integers(0, 50), min_size=BINS, max_size=BINS).filter(lambda c: sum(c) > 0)
all_bins = st.lists(st.integers(1, 50), min_size=BINS, max_size=BINS)


def test_psi_of_known_shares_is_the_sum_by_hand() -> None:
    parts = psi_parts(np.array([50, 30, 20]), np.array([20, 30, 50]))

    assert parts.tolist() == pytest.approx([0.3 * math.log(2.5), 0.0, 0.3 * math.log(2.5)])


def test_the_tempered_psi_of_known_shares_is_the_sum_by_hand() -> None:
    parts = tempered_parts(np.array([50, 30, 20]), np.array([20, 30, 50]))

    deviance = 2.0 * (0.2 * math.log(0.4) + 0.3)
    assert parts.tolist() == pytest.approx([deviance, 0.0, 0.3 * math.log(2.5)])


@given(some_rows, some_rows)
@settings(max_examples=100, deadline=None)
def test_psi_is_what_the_gate_calls_by_that_name(before: list[int], now: list[int]) -> None:
    kinds = np.array(list("abcde"), dtype=object)
    seen = np.array(before) > 0
    before = np.where(seen, before, 0).tolist()
    now = np.where(seen, now, 0).tolist()  # unseen kinds would share one bin there
    if not sum(now):
        return

    theirs = characteristic_stability_index(np.repeat(kinds, before), np.repeat(kinds, now))

    ours = psi_parts(np.array(before), np.array(now)).sum()
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(some_rows, some_rows)
@settings(max_examples=100, deadline=None)
def test_every_distance_is_at_least_0_and_the_tempered_one_at_most_the_psi(
    before: list[int], now: list[int]
) -> None:
    r, q = np.array(before), np.array(now)

    psi, tempered = psi_parts(r, q), tempered_parts(r, q)

    assert (psi >= 0.0).all()
    assert (tempered >= -1e-15).all()
    assert (tempered <= psi + 1e-15).all()
    assert 0.0 <= moved_share(r, q) <= 1.0
    assert (moves(r, q) ** 2).sum() == pytest.approx(tempered.sum(), abs=1e-12)


@given(all_bins, all_bins, st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_only_shares_count_where_no_bin_is_empty(
    before: list[int], now: list[int], times: int, others: int
) -> None:
    r, q = np.array(before), np.array(now)

    for distance in (psi_parts, tempered_parts, moved_share):
        assert distance(times * r, others * q) == pytest.approx(distance(r, q), abs=1e-12)


@given(some_rows, some_rows, st.permutations(range(BINS)))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_bins_never_matters(
    before: list[int], now: list[int], order: list[int]
) -> None:
    r, q = np.array(before), np.array(now)

    assert psi_parts(r[order], q[order]).tolist() == psi_parts(r, q)[order].tolist()


def test_the_further_rows_move_the_larger_is_every_distance() -> None:
    before = np.array([500, 500])
    now = np.array([[500 - moved, 500 + moved] for moved in range(0, 500, 50)])

    for distance in (psi_parts, tempered_parts):
        assert (np.diff(distance(np.broadcast_to(before, now.shape), now).sum(axis=1)) > 0).all()
    assert moved_share(np.broadcast_to(before, now.shape), now).tolist() == pytest.approx(
        [moved / 1000 for moved in range(0, 500, 50)]
    )


def test_an_empty_bin_counts_as_half_a_row_and_one_empty_on_both_sides_as_nothing() -> None:
    before, now = np.array([50, 50, 0]), np.array([100, 0, 0])

    assert bin_shares(now).tolist() == [1.0, 0.005, 0.005]
    assert psi_parts(before, now)[1] == pytest.approx((0.005 - 0.5) * math.log(0.01))
    assert psi_parts(before, now)[2] == 0.0


@pytest.mark.parametrize("expected", [10, 20, 50])
def test_the_tempered_tail_of_a_bin_is_no_thinner_than_that_of_its_count(expected: int) -> None:
    rows = 1_000_000
    before = np.array([expected, rows - expected])

    for found in (0, expected // 4, expected // 2, 2 * expected, 4 * expected):
        part = tempered_parts(before, np.array([found, rows - found]))[0]
        tail = poisson.cdf(found, expected) if found < expected else poisson.sf(found - 1, expected)
        assert chi2.sf(rows * part, 1) > tail / 1.5
