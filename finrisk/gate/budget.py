"""The error budget: what one look may spend of the year's chance of a false promotion.

A Bonferroni split of an annual budget, valid by the union bound alone, whatever the overlap of
the nights' hold-outs. Pure arithmetic: the ledger says what is spent, and spends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from finrisk.records import LookKind
from finrisk.specs.policy import ErrorBudget

POWER_Z = 0.84  # Φ⁻¹(0.80): a difference of this size is found four times in five
ROUNDING = 1e-12  # what remains of a purse below this is float dust, not budget
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Spent:
    """What a calendar year of one model has spent before this look.

    ``alpha_year_ceiling`` is the lowest ``alpha_year`` under which a look was paid earlier this
    year, None before the first; ``year`` only makes the refusal readable.
    """

    scheduled_looks: int = 0
    scheduled_alpha: float = 0.0
    reserve_looks: int = 0
    reserve_alpha: float = 0.0
    alpha_year_ceiling: float | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One look's α, or why there is none; ``left`` is the year's α after it, over both purses."""

    alpha: float | None
    refused: str | None
    left: float


@dataclass(frozen=True, slots=True)
class Purse:
    """One kind's part of the year: its α, its number of looks, and what both have lost."""

    alpha: float
    looks: int
    alpha_spent: float
    looks_spent: int


@dataclass(frozen=True, slots=True)
class YearBudget:
    """What a year may spend in all, what is left of it, and each kind's purse.

    ``looks_left`` are those that a purse can still pay.
    """

    whole: float
    left: float
    purses: Mapping[LookKind, Purse]
    looks_left: Mapping[LookKind, int]


def year_budget(budget: ErrorBudget, spent: Spent) -> YearBudget:
    """Return a year's budget over both purses, and each of them.

    Examples
    --------
    >>> year = year_budget(ErrorBudget(), Spent(scheduled_looks=3, scheduled_alpha=0.01))
    >>> year.whole, round(year.left, 4), year.looks_left[LookKind.SCHEDULED]
    (0.05, 0.04, 9)
    """
    whole = _effective_alpha_year(budget, spent)
    left = max(0.0, whole - spent.scheduled_alpha - spent.reserve_alpha)
    purses = {kind: _purse(kind, budget, spent, whole) for kind in LookKind}
    looks_left = {kind: _looks_left(purse, left) for kind, purse in purses.items()}
    return YearBudget(whole=whole, left=left, purses=purses, looks_left=looks_left)


def alpha_for_look(kind: LookKind, budget: ErrorBudget, spent: Spent) -> Grant:
    """Return what one more look of this kind may spend.

    A scheduled look takes ``scheduled_share · alpha_year / looks_per_year``, a reserve look
    ``(1 − scheduled_share) · alpha_year / reserve_looks_per_year``; never more than its purse or
    the year has left. A policy change can only lower what is left: the year's budget is the lowest
    ``alpha_year`` a look of it was paid under, and neither purse lends to the other.

    Examples
    --------
    >>> round(alpha_for_look(LookKind.SCHEDULED, ErrorBudget(), Spent()).alpha, 6)
    0.003333
    >>> gone = Spent(scheduled_looks=12, scheduled_alpha=0.04, year=2026)
    >>> alpha_for_look(LookKind.SCHEDULED, ErrorBudget(), gone).refused
    'error budget gone: 12 of 12 scheduled looks of 2026 are spent'
    """
    year_alpha = _effective_alpha_year(budget, spent)
    year_left = max(0.0, year_alpha - spent.scheduled_alpha - spent.reserve_alpha)
    purse = _purse(kind, budget, spent, year_alpha)
    year = "this year" if spent.year is None else str(spent.year)
    if purse.looks_spent >= purse.looks:
        refused = (
            f"error budget gone: {purse.looks_spent} of {purse.looks} {kind} looks of {year} "
            "are spent"
        )
        return Grant(alpha=None, refused=refused, left=year_left)
    alpha = min(purse.alpha / purse.looks, purse.alpha - purse.alpha_spent, year_left)
    if alpha <= ROUNDING:
        refused = (
            f"error budget gone: {purse.alpha_spent:.4g} of {purse.alpha:.4g} for {kind} looks, "
            f"and {year_alpha - year_left:.4g} of {year_alpha:.4g} in all, are spent in {year}"
        )
        return Grant(alpha=None, refused=refused, left=year_left)
    return Grant(alpha=alpha, refused=None, left=max(0.0, year_left - alpha))


def z_needed(alpha: float, degrees_of_freedom: int | None = None) -> float:
    """Return the z a challenger must reach in a look that spends α: Φ⁻¹(1 − α).

    Where the standard error is by clusters, z has Student's t with about as many degrees of freedom
    as there are clusters with bads, less one, and the tails of t count at a small α: with 50
    clusters a daily look at Φ⁻¹ would pass an equal 2.5 times as often as it was paid for.

    Parameters
    ----------
    alpha : float
        In (0, 1).
    degrees_of_freedom : int, optional
        At least 1; without it rows are independent and many. By the expansion of Abramowitz &
        Stegun 1964, 26.7.5; from 30 degrees on and α ≥ 1e-4 it is exact to 2e-5, and never below
        the normal quantile.

    Examples
    --------
    >>> [round(z_needed(alpha), 2) for alpha in (0.04 / 12, 0.04 / 365, 0.01 / 4)]
    [2.71, 3.7, 2.81]
    >>> [round(z_needed(0.04 / 365, clusters - 1), 2) for clusters in (50, 100, 400)]
    [3.99, 3.84, 3.73]
    """
    z = -_NORMAL.inv_cdf(alpha)  # 1 − α would lose a small α's digits
    if degrees_of_freedom is None:
        return z
    n = float(max(1, degrees_of_freedom))
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
        (79.0 * z**9 + 776.0 * z**7 + 1482.0 * z**5 - 1920.0 * z**3 - 945.0 * z) / 92160.0,
    )
    return z + sum(term / n**power for power, term in enumerate(terms, start=1))


def interval(difference: float, standard_error: float, z: float) -> tuple[float, float]:
    """Return Δ ± z · s; with the z needed, the lower end is ≥ 0 when the look passes."""
    return difference - z * standard_error, difference + z * standard_error


def minimum_detectable_difference(standard_error: float, z: float) -> float:
    """Return (z + 0.84) · s, the true Δ that a look which needs this z finds four times in five."""
    return (z + POWER_Z) * standard_error


def _looks_left(purse: Purse, year_left: float) -> int:
    """Return how many looks are still paid, the last one perhaps in part."""
    left, each = min(purse.alpha - purse.alpha_spent, year_left), purse.alpha / purse.looks
    if purse.looks_spent >= purse.looks or min(left, each) <= ROUNDING:
        return 0
    return min(purse.looks - purse.looks_spent, math.ceil((left - ROUNDING) / each))


def _effective_alpha_year(budget: ErrorBudget, spent: Spent) -> float:
    if spent.alpha_year_ceiling is None:
        return budget.alpha_year
    return min(budget.alpha_year, spent.alpha_year_ceiling)


def _purse(kind: LookKind, budget: ErrorBudget, spent: Spent, year_alpha: float) -> Purse:
    if kind is LookKind.SCHEDULED:
        return Purse(
            alpha=budget.scheduled_share * year_alpha,
            looks=budget.looks_per_year,
            alpha_spent=spent.scheduled_alpha,
            looks_spent=spent.scheduled_looks,
        )
    return Purse(
        alpha=(1.0 - budget.scheduled_share) * year_alpha,
        looks=budget.reserve_looks_per_year,
        alpha_spent=spent.reserve_alpha,
        looks_spent=spent.reserve_looks,
    )
