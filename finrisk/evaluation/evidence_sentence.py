"""What a night decided in one sentence, for a person who reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finrisk.evidence import Evidence, Outcome, RuleResult, Verdict
from finrisk.gate.decision import STOPPING
from finrisk.gate.figures import label
from finrisk.gate.superiority import RULE as SUPERIORITY
from finrisk.gate.superiority import told_apart
from finrisk.records import Decision
from finrisk.specs.policy import GatePolicy

FLOOR = "floor_"
MOST_NAMED = 3
NOBODY = "nobody serves yet"


@dataclass(frozen=True, slots=True)
class Stages:
    """A verdict's rules by what they ask; a rule that is new falls into one by its place.

    ``test`` is superiority, or a first champion's floors; ``guards`` is what comes after it.
    """

    preconditions: tuple[RuleResult, ...]
    test: tuple[RuleResult, ...]
    guards: tuple[RuleResult, ...]

    @property
    def stopped(self) -> tuple[RuleResult, ...]:
        """Preconditions that did not hold; what comes after them was not measured."""
        return not_passed(self.preconditions)


def stages(verdict: Verdict) -> Stages:
    """Part a verdict's rules at its test; without one, all are preconditions.

    Examples
    --------
    >>> rules = [RuleResult(name, Outcome.PASS, "", "") for name in ("bads", SUPERIORITY, "ks")]
    >>> parts = stages(Verdict(Decision.HOLD, (), tuple(rules)))
    >>> [len(part) for part in (parts.preconditions, parts.test, parts.guards)]
    [1, 1, 1]
    """
    rules = verdict.rules
    tests = [n for n, rule in enumerate(rules) if _is_test(rule)]
    if not tests:
        return Stages(rules, (), ())
    first, after = tests[0], tests[-1] + 1
    return Stages(rules[:first], rules[first:after], rules[after:])


def not_passed(rules: Sequence[RuleResult]) -> tuple[RuleResult, ...]:
    """Return the rules that fail or are unknown; a warning stops nothing."""
    return tuple(rule for rule in rules if rule.outcome in STOPPING)


def decision_sentence(
    evidence: Evidence, policy: GatePolicy, *, challenger: str, champion: str
) -> str:
    """Return the decision with the figure that made it.

    Parameters
    ----------
    evidence : Evidence
        Of one night.
    policy : GatePolicy
        Says whether a person has to carry a promotion out.
    challenger, champion : str
        What to call them, such as ``v7 xgboost``.

    Returns
    -------
    str
        One sentence, its full stop included. A rejection for harm names the harm first.
    """
    verdict, parts = evidence.verdict, stages(evidence.verdict)
    stays = f"{champion} stays" if evidence.facts.has_champion else NOBODY
    if verdict.decision is Decision.PROMOTE:
        said = _promoted(evidence, policy, parts, challenger, champion)
    elif verdict.decision is Decision.REJECT:
        said = _rejected(evidence, parts, challenger, stays)
    elif not verdict.rules or parts.stopped:
        look = "" if evidence.look else " without a look"
        said = f"{stays}{look}: {_first(verdict.reasons)}"
    elif not evidence.facts.has_champion:
        said = f"{stays}, and {challenger} may not begin: {_below(parts)}"
    else:
        said = f"{stays}: {_held(evidence, parts, challenger)}"
    capital = said[:1].upper() if said.startswith(NOBODY) else said[:1]  # v5 stays v5
    return f"{capital}{said[1:].removesuffix('.')}."


def difference_text(evidence: Evidence) -> str:
    """Return the headline's difference with its z, as ``AUC +0.0312 (z 4.10, 2.71 needed)``."""
    found, needed = evidence.facts.comparison, evidence.verdict.z_needed
    if found is None:
        return "the models were not compared"
    text = f"{label(found.metric)} {found.difference:+.4f}"
    if found.z is None or needed is None:
        return f"{text} (z is undefined)"
    z, least = told_apart(found.z, needed)
    return f"{text} (z {z}, {least} needed)"


def _is_test(rule: RuleResult) -> bool:
    return rule.rule == SUPERIORITY or rule.rule.startswith(FLOOR)


def _promoted(
    evidence: Evidence, policy: GatePolicy, parts: Stages, challenger: str, champion: str
) -> str:
    waits = policy.approval == "person"
    if not evidence.facts.has_champion:
        reached = ", ".join(f"{rule.figure} ({rule.limit})" for rule in parts.test)
        becomes = (
            "may become the first champion, once a person approves"
            if waits
            else ("becomes the first champion")
        )
        return f"{challenger} {becomes}: {reached}"
    warned = sum(rule.outcome is Outcome.WARN for rule in parts.guards)
    warns = f" ({warned} warning{'' if warned == 1 else 's'})" if warned else ""
    replaces = "may replace" if waits else "replaces"
    waiting = ", once a person approves" if waits else ""
    found = difference_text(evidence)
    return f"{challenger} {replaces} {champion}{waiting}: {found}, and no guard objects{warns}"


def _rejected(evidence: Evidence, parts: Stages, challenger: str, stays: str) -> str:
    if parts.stopped:
        return f"{challenger} is rejected: {_first(evidence.verdict.reasons)}; {stays}"
    found, harmed = difference_text(evidence), tuple(rule for rule in parts.guards if rule.harm)
    if harmed:
        return (
            f"{challenger} is rejected for harm beyond chance: {_figures(harmed)}; {stays}, "
            f"whatever the test says: {found}"
        )
    return f"{challenger} is rejected as significantly worse: {found}; {stays}"


def _held(evidence: Evidence, parts: Stages, challenger: str) -> str:
    found, objecting = difference_text(evidence), not_passed(parts.guards)
    objects = "a guard objects" if len(objecting) == 1 else f"{len(objecting)} guards object"
    if parts.test[0].outcome is Outcome.UNKNOWN:
        return _first(evidence.verdict.reasons)
    if parts.test[0].outcome is Outcome.PASS:
        return f"{challenger} is better, {found}, but {objects}: {_figures(objecting)}"
    also = f", and {objects}" if objecting else ""
    return f"{found} is not enough evidence that {challenger} is better{also}"


def _figures(rules: Sequence[RuleResult]) -> str:
    more = len(rules) - MOST_NAMED
    named = "; ".join(rule.figure for rule in rules[:MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def _below(parts: Stages) -> str:
    return "; ".join(f"{rule.figure}, needed {rule.limit}" for rule in not_passed(parts.test))


def _first(reasons: Sequence[str]) -> str:
    """Name the first, which is what a person mends first, and count the others."""
    if not reasons:
        return "no reason was recorded"
    more = len(reasons) - 1
    return f"{reasons[0]} (and {more} more)" if more else reasons[0]
