"""Superiority: is the challenger better than the champion by more than chance at this α."""

from __future__ import annotations

import math

from finrisk.evidence import Facts, Outcome, RuleResult, Verdict
from finrisk.gate.budget import interval, minimum_detectable_difference, z_needed
from finrisk.gate.figures import label
from finrisk.records import Comparison, Decision
from finrisk.specs.policy import GatePolicy

RULE = "superiority"
MOST_DECIMALS = 6
ROWS, TWO_WAYS = "rows", " x "  # as the metrics name what a standard error is by
FEWEST_CLUSTERS = 2


def superiority(facts: Facts) -> RuleResult:
    """Return whether z reaches what the look's α asks for; an undefined z is unknown."""
    needed = _needed(facts)
    limit = "a z that depends on α" if needed is None else f"z ≥ {needed:.2f}"
    found = _measured(facts.comparison)
    if found is None or needed is None:
        text = "the models were not compared at a paid look"
        return RuleResult(RULE, Outcome.UNKNOWN, text, limit)
    delta = f"Δ {label(found.metric)} {found.difference:+.4f}"
    if found.z is None:
        text = f"{delta} with standard error {found.standard_error:g}: z is undefined"
        return RuleResult(RULE, Outcome.UNKNOWN, text, limit)
    z, least = told_apart(found.z, needed)
    outcome = Outcome.PASS if found.z >= needed else Outcome.FAIL
    return RuleResult(RULE, outcome, f"{delta}, z {z}", f"z ≥ {least}")


def decide_superiority(facts: Facts, policy: GatePolicy) -> tuple[Decision, str]:
    """Return what the comparison alone says, every precondition holding, and why."""
    rule, found, needed = superiority(facts), _measured(facts.comparison), _needed(facts)
    if found is None or found.z is None or needed is None:
        return Decision.HOLD, f"{rule.figure}; needed: {rule.limit}"
    if rule.outcome is Outcome.PASS:
        return Decision.PROMOTE, f"{rule.figure} ≥ {told_apart(found.z, needed)[1]} needed"
    if found.z <= policy.reject_z:
        worse = f"{rule.figure} ≤ {policy.reject_z:g}: significantly worse than the champion"
        return Decision.REJECT, worse
    least = told_apart(found.z, needed)[1]
    return Decision.HOLD, f"{rule.figure} < {least} needed: not enough evidence"


def with_figures(verdict: Verdict, facts: Facts) -> Verdict:
    """Return the verdict with the z needed, the interval and the minimum detectable difference."""
    found, needed = _measured(facts.comparison), _needed(facts)
    if found is None or found.z is None or needed is None:
        return verdict.replace(z_needed=needed)
    return verdict.replace(
        z_needed=needed,
        interval=interval(found.difference, found.standard_error, needed),
        minimum_detectable_difference=minimum_detectable_difference(found.standard_error, needed),
    )


def _needed(facts: Facts) -> float | None:
    if not facts.has_champion or facts.alpha is None or not 0.0 < facts.alpha < 1.0:
        return None
    clusters = _clusters(facts)
    return z_needed(facts.alpha, None if clusters is None else clusters - 1)


def _clusters(facts: Facts) -> int | None:
    """Return the clusters with bads that the standard error is by: of two ways, the fewer."""
    if facts.comparison is None or facts.comparison.variance_by == ROWS:
        return None
    counted = facts.bad_clusters or {}
    ways = facts.comparison.variance_by.split(TWO_WAYS)
    return min((counted.get(way, FEWEST_CLUSTERS) for way in ways), default=FEWEST_CLUSTERS)


def _measured(comparison: Comparison | None) -> Comparison | None:
    """Return the comparison if its figures are numbers; a z that is none becomes None."""
    if comparison is None:
        return None
    if not (math.isfinite(comparison.difference) and math.isfinite(comparison.standard_error)):
        return None
    if comparison.z is not None and not math.isfinite(comparison.z):
        return comparison.replace(z=None)
    return comparison


def told_apart(z: float, needed: float) -> tuple[str, str]:
    """Write both with so many decimals that a near miss does not read as equality."""
    texts = ("", "")
    for decimals in range(2, MOST_DECIMALS + 1):
        texts = (f"{z:.{decimals}f}", f"{needed:.{decimals}f}")
        if texts[0] != texts[1]:
            break
    return texts
