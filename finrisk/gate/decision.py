"""May the challenger replace the champion? Facts in, verdict with every rule and its figure out.

- PROMOTE: every precondition holds, superiority passes and no guard blocks; without a champion,
  each floor is reached.
- REJECT: an artifact does not verify, the challenger is significantly worse, or a guard found harm
  beyond chance.
- HOLD: everything else, a normal night. Unknown holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from finrisk.evidence import Facts, Outcome, RuleResult, Verdict
from finrisk.gate.guards import guards
from finrisk.gate.rules import (
    FREEZE_RULE,
    INTEGRITY_RULES,
    LOOK_RULE,
    before_look,
    floors,
    look_granted,
    scores_usable,
    verified,
)
from finrisk.gate.superiority import RULE as SUPERIORITY
from finrisk.gate.superiority import decide_superiority, superiority, with_figures
from finrisk.records import Decision
from finrisk.specs.policy import GatePolicy

STOPPING = frozenset({Outcome.FAIL, Outcome.UNKNOWN})

LEAST_BY_HAND = 20
"""Bads, and goods, in the rows of a model logged by hand: fewer have no rank statistic to trust."""

BY_CHANCE_Z = 2.326
"""A model that ranks by chance is this many standard errors above AUC 0.5 in 1 of 100 tries."""


def decide(facts: Facts, policy: GatePolicy) -> Verdict:
    """Decide on one night's facts.

    The rules come in stages: before the look, the look, the scores, the test with its guards. The
    first stage with a rule that fails or is unknown decides, and those rules alone are the reasons,
    since nothing after them is measured. The verdict lists every rule all the same.

    Parameters
    ----------
    facts : Facts
        What was measured; None where it could not be.
    policy : GatePolicy
        The limits.

    Returns
    -------
    Verdict
        Where a look was paid and z is defined, ``interval`` is Δ AUC ± z needed × standard error
        (its lower end reaches 0 when superiority passes), and ``minimum_detectable_difference``
        the true Δ found four times in five; else both are None.
    """
    preconditions = (
        before_look(facts, policy),
        (look_granted(facts, policy),),
        (scores_usable(facts),),
    )
    if facts.has_champion:
        test = (superiority(facts), *guards(facts, policy.guards))
    else:
        test = floors(facts, policy)
    decision, reasons = _decided(preconditions, test, facts, policy)
    rules = tuple(rule for stage in (*preconditions, test) for rule in stage)
    return with_figures(Verdict(decision, reasons, rules), facts)


def decide_first_by_hand(facts: Facts, policy: GatePolicy) -> Verdict:
    """Decide on a first champion that somebody logged by hand, on rows without dates or ids.

    Nobody is compared, so nothing is spent: its artifact must verify, the rows that came with it
    must be enough, and its figures on them must reach the floors and not be what chance gives.
    Where there is a champion, undated rows decide nothing.
    """
    if facts.has_champion:
        return hold("there is a champion, and rows without dates cannot replace it")
    bads, rows = facts.challenger_metrics.get("bads"), facts.challenger_metrics.get("rows")
    goods = None if bads is None or rows is None else rows - bads
    enough = (
        verified("challenger", facts.challenger_verified),
        _enough_by_hand("bads", bads),
        _enough_by_hand("goods", goods),
    )
    test = (*floors(facts, policy), _above_chance(facts, bads, goods))
    decision, reasons = _decided((enough,), test, facts, policy)
    return Verdict(decision, reasons, (*enough, *test))


def _enough_by_hand(what: str, count: float | None) -> RuleResult:
    rule, limit = f"enough_{what}", f"at least {LEAST_BY_HAND}"
    if count is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{what} in its rows were not counted", limit)
    outcome = Outcome.PASS if count >= LEAST_BY_HAND else Outcome.FAIL
    return RuleResult(rule, outcome, f"{count:g} {what} in the rows it was logged with", limit)


def _above_chance(facts: Facts, bads: float | None, goods: float | None) -> RuleResult:
    """Return whether so few rows can tell the AUC from 0.5, by the rank sum's variance (Wilcoxon).

    Scores that are tied vary less, so the limit is on the safe side.
    """
    rule, auc = "above_chance", facts.challenger_metrics.get("auc")
    if auc is None or not math.isfinite(auc) or not bads or not goods or min(bads, goods) < 1:
        return RuleResult(rule, Outcome.UNKNOWN, "AUC was not measured", "above chance")
    least = 0.5 + BY_CHANCE_Z * math.sqrt((bads + goods + 1) / (12 * bads * goods))
    figure = f"AUC {auc:.4f} on {bads:g} bads and {goods:g} goods"
    limit = f"at least {least:.4f}, which chance reaches in 1 of 100 tries"
    return RuleResult(rule, Outcome.PASS if auc >= least else Outcome.FAIL, figure, limit)


def may_look(facts: Facts, policy: GatePolicy) -> bool:
    """Say whether every rule before the look passes, so that a look is worth its α."""
    return not _not_passed(before_look(facts, policy))


def in_the_way_of_refresh(verdict: Verdict) -> tuple[str, ...]:
    """Return why a version that is not better may not replace the champion by a signed refresh.

    Superiority is not asked for; every other rule is, guards and anchor among them, and what was
    rejected as significantly worse stays rejected.
    """
    if not any(rule.rule == SUPERIORITY for rule in verdict.rules):
        return ("it was never compared with the champion",)
    if verdict.decision is Decision.REJECT:
        return verdict.reasons
    asked = [rule for rule in verdict.rules if rule.rule != SUPERIORITY]
    return tuple(_sentence(rule) for rule in _not_passed(asked))


def hold(*reasons: str) -> Verdict:
    """Return the verdict of a night without facts: data blocked, nothing new, too little.

    Examples
    --------
    >>> hold("no new evidence").reasons
    ('no new evidence',)
    """
    return Verdict(Decision.HOLD, reasons, rules=())


def _decided(
    preconditions: Sequence[Sequence[RuleResult]],
    test: Sequence[RuleResult],
    facts: Facts,
    policy: GatePolicy,
) -> tuple[Decision, tuple[str, ...]]:
    for stage in preconditions:
        if stopped := _not_passed(stage):
            return _stopped(stopped)
    if facts.has_champion:
        return _against_champion(test[1:], facts, policy)
    if below := _not_passed(test):
        return Decision.HOLD, tuple(f"no champion yet, and {_sentence(rule)}" for rule in below)
    reached = ", ".join(f"{rule.figure} ({rule.limit})" for rule in test)
    return Decision.PROMOTE, (f"no champion yet, and every floor is reached: {reached}",)


def _against_champion(
    guarded: Sequence[RuleResult], facts: Facts, policy: GatePolicy
) -> tuple[Decision, tuple[str, ...]]:
    """Weigh superiority and the guards: harm rejects, a better challenger waits for each guard."""
    decision, reason = decide_superiority(facts, policy)
    harmed = [_sentence(rule) for rule in guarded if rule.harm]
    if harmed:
        return Decision.REJECT, (reason, *(f"harm: {sentence}" for sentence in harmed))
    blocking = [f"guard: {_sentence(rule)}" for rule in _not_passed(guarded)]
    if decision is Decision.PROMOTE and blocking:
        return Decision.HOLD, (reason, *blocking)
    return decision, (reason,)


def _stopped(rules: Sequence[RuleResult]) -> tuple[Decision, tuple[str, ...]]:
    broken = [r for r in rules if r.rule in INTEGRITY_RULES and r.outcome is Outcome.FAIL]
    if broken:
        return Decision.REJECT, tuple(_sentence(rule) for rule in broken)
    return Decision.HOLD, tuple(_sentence(rule) for rule in rules)


def _not_passed(rules: Sequence[RuleResult]) -> list[RuleResult]:
    return [rule for rule in rules if rule.outcome in STOPPING]


def _sentence(rule: RuleResult) -> str:
    if rule.rule in (LOOK_RULE, FREEZE_RULE):  # what the ledger says is a sentence of its own
        return rule.figure
    return f"{rule.figure}; needed: {rule.limit}"
