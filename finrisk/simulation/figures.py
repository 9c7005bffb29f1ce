"""What the pieces found, as the report's figures: plain JSON values, None where there is none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median, quantiles

import numpy as np
from numpy.typing import NDArray

from finrisk.records import JsonObject
from finrisk.simulation.intervals import binomial_interval, poisson_interval
from finrisk.simulation.size import Looks, Size, size_of
from finrisk.simulation.years import YearOutcome


def promotions(outcomes: Sequence[YearOutcome], name: str) -> JsonObject:
    """Return promotions a year under this name, with the exact Poisson interval."""
    count = sum(len(outcome.promoted_on) for outcome in outcomes)
    return {
        name: count / len(outcomes),
        "interval": list(poisson_interval(count, len(outcomes))),
        "promotions": count,
        "years": len(outcomes),
    }


def creep(outcomes: Sequence[YearOutcome]) -> JsonObject:
    """Return what a year of slightly worse challengers did to the champion's true AUC."""
    changes = [outcome.auc_change for outcome in outcomes]
    return {
        "auc_change": _mean(changes),
        "auc_change_worst_year": min(changes),
        **promotions(outcomes, "promotions_per_year"),
    }


def waiting(outcomes: Sequence[YearOutcome], name: str) -> JsonObject:
    """Return the nights to the first promotion under this name: median, quartiles, share of never.

    A year without one counts as longer than any other; a median among those is None.
    """
    nights = [outcome.promoted_on[0] if outcome.promoted_on else math.inf for outcome in outcomes]
    never = sum(math.isinf(night) for night in nights)
    spread = quantiles(nights, n=4, method="inclusive") if len(nights) > 1 else nights * 3
    return {
        name: _finite(median(nights)),
        "quartiles": [_finite(spread[0]), _finite(spread[2])],
        "never": never / len(nights),
        "years": len(nights),
    }


def power(promoted: Sequence[bool], gain: float) -> JsonObject:
    """Return the share of single looks that promote a challenger better by ``gain``."""
    found = sum(promoted)
    return {
        "gain": gain,
        "power": found / len(promoted),
        "power_interval": list(binomial_interval(found, len(promoted))),
        "looks": len(promoted),
    }


def sizes(looks: Looks, alphas: dict[str, float], *, undeclared: bool) -> JsonObject:
    """Return the size of a look at each α; ``ratio`` is at the first, the schedule's own.

    Parameters
    ----------
    looks : Looks
        Between equals, independent of each other.
    alphas : dict of name to float
        One-sided nominal sizes.
    undeclared : bool
        Measure as if no cluster had been declared.
    """
    z = looks.z_undeclared if undeclared else looks.z
    degrees = None if undeclared else looks.degrees_of_freedom
    found = {name: _size(size_of(z, alpha, degrees)) for name, alpha in alphas.items()}
    own = next(iter(found.values()))
    return {
        "ratio": own["ratio"],
        "interval": own["interval"],
        "looks": own["looks"],
        "z_sd": float(z.std()),
        "variance_over_rows": float(looks.difference.var() / np.mean(looks.rows_error**2)),
        "at": found,
    }


def expected_promotions(size: JsonObject, looks_per_year: int) -> JsonObject:
    """Return false promotions a year as looks × size of one look: an upper bound by the union.

    It is sharper than what was counted: a hundred thousand looks stand behind it, not some years.

    Parameters
    ----------
    size : dict
        From :func:`sizes`; its first α is the schedule's own.
    looks_per_year : int
        Looks the budget is split over.
    """
    alpha = size["at"]["own"]["alpha"] * looks_per_year
    return {
        "expected": alpha * size["ratio"],
        "expected_interval": [alpha * end for end in size["interval"]],
    }


def guards(found: Sequence[tuple[bool, tuple[str, ...]]], gain: float) -> JsonObject:
    """Return how often no guard blocks, of all challengers and of those that were superior."""
    passed = sum(not blocked for _, blocked in found)
    superior = [not blocked for is_superior, blocked in found if is_superior]
    blocked = Counter(name for _, names in found for name in names)
    return {
        "gain": gain,
        "joint_pass": passed / len(found),
        "interval": list(binomial_interval(passed, len(found))),
        "joint_pass_when_superior": sum(superior) / len(superior) if superior else None,
        "blocked_by": {name: count / len(found) for name, count in sorted(blocked.items())},
        "challengers": len(found),
    }


def _size(size: Size) -> JsonObject:
    return {
        "alpha": size.alpha,
        "ratio": size.ratio,
        "interval": list(size.interval),
        "beyond": size.beyond,
        "looks": size.looks,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: Sequence[float]) -> float:
    array: NDArray[np.float64] = np.asarray(values)
    return float(array.mean())
