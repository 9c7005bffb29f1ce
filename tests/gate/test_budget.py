from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from finrisk.gate.budget import (
    Spent,
    alpha_for_look,
    interval,
    minimum_detectable_difference,
    year_budget,
    z_needed,
)
from finrisk.records import LookKind
from finrisk.specs.policy import ErrorBudget

SCHEDULED, RESERVE = LookKind.SCHEDULED, LookKind.RESERVE
ROUNDING = 1e-12

budgets = st.builds(
    ErrorBudget,
    alpha_year=st.floats(0.001, 0.49),
    scheduled_share=st.floats(0.0, 1.0),
    looks_per_year=st.integers(1, 366),
    reserve_looks_per_year=st.integers(1, 52),
)
looks = st.lists(
    st.tuples(st.sampled_from(LookKind), budgets, st.integers(1, 30)), min_size=1, max_size=8
)


def after(spent: Spent, kind: LookKind, alpha: float, budget: ErrorBudget) -> Spent:
    ceiling = min(budget.alpha_year, spent.alpha_year_ceiling or 1.0)
    scheduled = kind is SCHEDULED
    return Spent(
        scheduled_looks=spent.scheduled_looks + scheduled,
        scheduled_alpha=spent.scheduled_alpha + alpha * scheduled,
        reserve_looks=spent.reserve_looks + (not scheduled),
        reserve_alpha=spent.reserve_alpha + alpha * (not scheduled),
        alpha_year_ceiling=ceiling,
        year=spent.year,
    )


def spend_all(
    kind: LookKind, budget: ErrorBudget, spent: Spent | None = None
) -> tuple[list[float], str]:
    spent, alphas = spent or Spent(year=2026), []
    while (grant := alpha_for_look(kind, budget, spent)).alpha is not None:
        alphas.append(grant.alpha)
        spent = after(spent, kind, grant.alpha, budget)
    return alphas, str(grant.refused)


@pytest.mark.parametrize(
    ("kind", "looks_per_year", "z"),
    [(SCHEDULED, 12, 2.71), (SCHEDULED, 365, 3.70), (RESERVE, 12, 2.81)],
)
def test_a_look_asks_for_the_z_of_the_policy(kind: LookKind, looks_per_year: int, z: float) -> None:
    grant = alpha_for_look(kind, ErrorBudget(looks_per_year=looks_per_year), Spent())

    assert grant.alpha is not None
    assert round(z_needed(grant.alpha), 2) == z


def test_a_year_of_scheduled_looks_spends_the_scheduled_share_and_no_more() -> None:
    alphas, refused = spend_all(SCHEDULED, ErrorBudget())

    assert len(alphas) == 12
    assert math.fsum(alphas) == pytest.approx(0.04, abs=ROUNDING)
    assert refused == "error budget gone: 12 of 12 scheduled looks of 2026 are spent"


def test_the_reserve_has_its_own_looks() -> None:
    alphas, refused = spend_all(RESERVE, ErrorBudget())

    assert alphas == pytest.approx([0.01 / 4] * 4)
    assert refused == "error budget gone: 4 of 4 reserve looks of 2026 are spent"


def test_one_purse_does_not_lend_to_the_other() -> None:
    spent = Spent(scheduled_looks=12, scheduled_alpha=0.04)

    assert alpha_for_look(SCHEDULED, ErrorBudget(), spent).alpha is None
    assert alpha_for_look(RESERVE, ErrorBudget(), spent).alpha == pytest.approx(0.0025)


def test_without_a_year_the_refusal_says_this_year() -> None:
    grant = alpha_for_look(RESERVE, ErrorBudget(), Spent(reserve_looks=4, reserve_alpha=0.01))

    assert grant.refused == "error budget gone: 4 of 4 reserve looks of this year are spent"


def test_what_is_left_is_the_years_over_both_purses() -> None:
    spent = Spent(scheduled_looks=3, scheduled_alpha=0.01, reserve_looks=1, reserve_alpha=0.0025)

    grant = alpha_for_look(SCHEDULED, ErrorBudget(), spent)

    assert grant.left == pytest.approx(0.05 - 0.01 - 0.0025 - 0.04 / 12)


def test_a_raised_alpha_year_does_not_count_before_the_next_year() -> None:
    raised = ErrorBudget(alpha_year=0.2)

    grant = alpha_for_look(SCHEDULED, raised, Spent(alpha_year_ceiling=0.05))

    assert grant.alpha == pytest.approx(0.04 / 12)


def test_a_lowered_alpha_year_counts_at_once() -> None:
    spent = Spent(scheduled_looks=2, scheduled_alpha=2 * 0.04 / 12, alpha_year_ceiling=0.05)

    grant = alpha_for_look(SCHEDULED, ErrorBudget(alpha_year=0.012), spent)

    assert grant.alpha == pytest.approx(0.012 * 0.8 / 12)
    assert grant.left == pytest.approx(0.012 - 2 * 0.04 / 12 - 0.012 * 0.8 / 12)


def test_an_alpha_year_lowered_below_what_is_spent_leaves_nothing() -> None:
    spent = Spent(scheduled_looks=6, scheduled_alpha=0.02, alpha_year_ceiling=0.05, year=2026)

    grant = alpha_for_look(RESERVE, ErrorBudget(alpha_year=0.01), spent)

    assert (grant.alpha, grant.left) == (None, 0.0)
    assert grant.refused == (
        "error budget gone: 0 of 0.002 for reserve looks, and 0.01 of 0.01 in all, "
        "are spent in 2026"
    )


@given(
    budget=budgets, earlier=budgets, kind=st.sampled_from(LookKind), spent_before=st.integers(0, 9)
)
def test_the_looks_that_are_left_are_those_that_will_be_paid(
    budget: ErrorBudget, earlier: ErrorBudget, kind: LookKind, spent_before: int
) -> None:
    spent = Spent(year=2026)
    for _ in range(spent_before):
        grant = alpha_for_look(kind, earlier, spent)
        if grant.alpha is not None:
            spent = after(spent, kind, grant.alpha, earlier)

    told = year_budget(budget, spent).looks_left[kind]

    assert told == len(spend_all(kind, budget, spent)[0])


def test_a_look_never_takes_more_than_its_purse_still_holds() -> None:
    spent = Spent(scheduled_looks=6, scheduled_alpha=0.02, alpha_year_ceiling=0.05)
    changed = ErrorBudget(alpha_year=0.0275, looks_per_year=7)

    grant = alpha_for_look(SCHEDULED, changed, spent)

    assert grant.alpha == pytest.approx(0.0275 * 0.8 - 0.02)  # not the 0.022 / 7 of a whole look


def test_moving_the_share_after_one_purse_is_spent_buys_nothing() -> None:
    spent = Spent(scheduled_looks=12, scheduled_alpha=0.04, alpha_year_ceiling=0.05)

    grant = alpha_for_look(RESERVE, ErrorBudget(scheduled_share=0.0), spent)

    assert grant.alpha == pytest.approx(0.01)
    assert grant.left == pytest.approx(0.0)


def test_a_purse_without_a_share_grants_nothing() -> None:
    grant = alpha_for_look(RESERVE, ErrorBudget(scheduled_share=1.0), Spent(year=2026))

    assert grant.alpha is None
    assert grant.refused is not None
    assert "0 of 0 for reserve looks" in grant.refused


@given(looks)
@settings(max_examples=100, deadline=None)
def test_no_order_of_looks_and_policy_changes_spends_more_than_the_smallest_alpha_year(
    years_looks: list[tuple[LookKind, ErrorBudget, int]],
) -> None:
    spent, alphas, smallest, left = Spent(), [], 1.0, 1.0
    for kind, budget, times in years_looks:
        for _ in range(times):
            grant = alpha_for_look(kind, budget, spent)
            assert 0.0 <= grant.left <= left + ROUNDING
            if grant.alpha is None:
                assert grant.refused is not None
                break
            assert grant.alpha > 0.0
            alphas.append(grant.alpha)
            smallest, left = min(smallest, budget.alpha_year), grant.left
            spent = after(spent, kind, grant.alpha, budget)
            assert math.fsum(alphas) <= smallest + ROUNDING


@given(st.floats(1e-9, 0.49))
def test_the_z_needed_is_the_normal_quantile(alpha: float) -> None:
    assert NormalDist().cdf(-z_needed(alpha)) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("clusters", [30, 50, 100, 400])
@pytest.mark.parametrize("alpha", [0.05, 0.04 / 12, 0.04 / 365])
def test_by_clusters_the_z_needed_is_students(clusters: int, alpha: float) -> None:
    assert z_needed(alpha, clusters - 1) == pytest.approx(t.isf(alpha, clusters - 1), abs=2e-5)


@given(st.floats(1e-6, 0.3), st.integers(1, 10_000))
def test_fewer_clusters_never_need_less(alpha: float, degrees: int) -> None:
    needed = z_needed(alpha, degrees)

    assert z_needed(alpha) <= z_needed(alpha, degrees + 1) <= needed


def test_the_interval_reaches_zero_where_z_is_just_enough() -> None:
    low, high = interval(z_needed(0.01) * 0.02, 0.02, z_needed(0.01))

    assert low == pytest.approx(0.0)
    assert high == pytest.approx(2 * z_needed(0.01) * 0.02)


def test_the_minimum_detectable_difference_has_80_percent_power() -> None:
    difference = minimum_detectable_difference(0.02, z_needed(0.01))

    assert difference == pytest.approx((2.3263479 + 0.84) * 0.02)
    assert NormalDist(difference, 0.02).cdf(z_needed(0.01) * 0.02) == pytest.approx(0.2, abs=0.001)
