"""May the challenger replace the champion? Facts in, verdict with every rule and its figure out.

- PROMOTE: every precondition holds and superiority (or, without a champion, each floor) passes.
- REJECT: an artifact does not verify, or the challenger is significantly worse.
- HOLD: everything else, a normal night. Unknown holds.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from finrisk.gate.superiority import decide_superiority, superiority, with_figures
from finrisk.records import Decision, Facts, Outcome, RuleResult, Verdict
from finrisk.specs.policy import GatePolicy


def decide(facts: Facts, policy: GatePolicy) -> Verdict:
    """Decide on one night's facts.

    The rules come in stages: before the look, the look, the scores, the test. The first stage with
    a rule that fails or is unknown decides, and those rules alone are the reasons, since nothing
    after them is measured. The verdict lists every rule all the same.

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
    test = (superiority(facts),) if facts.has_champion else floors(facts, policy)
    decision, reasons = _decided(preconditions, test, facts, policy)
    rules = tuple(rule for stage in (*preconditions, test) for rule in stage)
    return with_figures(Verdict(decision, reasons, rules), facts)


def decide_first_by_hand(facts: Facts, policy: GatePolicy) -> Verdict:
    """Decide on a first champion that somebody logged by hand, on rows without dates or ids.

    Nobody is compared, so nothing is spent: its artifact must verify, and its figures on the rows
    that came with it must reach the floors. Where there is a champion, undated rows decide nothing.
    """
    if facts.has_champion:
        return hold("there is a champion, and rows without dates cannot replace it")
    rules = (verified("challenger", facts.challenger_verified), *floors(facts, policy))
    decision, reasons = _decided((rules[:1],), rules[1:], facts, policy)
    return Verdict(decision, reasons, rules)


def may_look(facts: Facts, policy: GatePolicy) -> bool:
    """Say whether every rule before the look passes, so that a look is worth its α."""
    return not _not_passed(before_look(facts, policy))


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
        decision, reason = decide_superiority(facts, policy)
        return decision, (reason,)
    if below := _not_passed(test):
        return Decision.HOLD, tuple(f"no champion yet, and {_sentence(rule)}" for rule in below)
    reached = ", ".join(f"{rule.figure} ({rule.limit})" for rule in test)
    return Decision.PROMOTE, (f"no champion yet, and every floor is reached: {reached}",)


def _stopped(rules: Sequence[RuleResult]) -> tuple[Decision, tuple[str, ...]]:
    broken = [r for r in rules if r.rule in INTEGRITY_RULES and r.outcome is Outcome.FAIL]
    if broken:
        return Decision.REJECT, tuple(_sentence(rule) for rule in broken)
    return Decision.HOLD, tuple(_sentence(rule) for rule in rules)


def _not_passed(rules: Sequence[RuleResult]) -> list[RuleResult]:
    return [rule for rule in rules if rule.outcome is not Outcome.PASS]


def _sentence(rule: RuleResult) -> str:
    if rule.rule in (LOOK_RULE, FREEZE_RULE):  # what the ledger says is a sentence of its own
        return rule.figure
    return f"{rule.figure}; needed: {rule.limit}"
