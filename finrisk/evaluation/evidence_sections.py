"""What an evidence report says, section by section, before it is Markdown or a page."""

from __future__ import annotations

from finrisk.evaluation.evidence_details import (
    Section,
    all_figures,
    calibration,
    fairness,
    slices,
)
from finrisk.evaluation.evidence_rows import guard_rows, result_word
from finrisk.evaluation.evidence_sentence import Stages, not_passed, stages
from finrisk.evidence import Evidence, Facts, Outcome, RuleResult
from finrisk.gate.figures import label
from finrisk.records import Comparison, LookKind
from finrisk.specs.policy import GatePolicy

SHORT = 12  # digits of a digest that a person compares
NOT_REACHED = "not reached"
PURSES = {
    LookKind.SCHEDULED: "the schedule's",
    LookKind.RESERVE: "the reserve's, for alerts and reruns by hand",
}


def evidence_sections(
    evidence: Evidence, policy: GatePolicy, *, challenger: str, champion: str, sha256: str
) -> tuple[Section, ...]:
    """Return the sections in the order a risk officer reads them; an empty one is left out.

    Parameters
    ----------
    evidence : Evidence
        Of one night; every rule of its verdict is in one of the sections.
    policy : GatePolicy
        The one it was judged under.
    challenger, champion : str
        What to call them.
    sha256 : str
        Under which the ledger keeps the evidence.
    """
    facts, parts = evidence.facts, stages(evidence.verdict)
    names = (champion, challenger)
    found = facts.guards
    sections = (
        _compared(evidence, names),
        _difference(evidence, parts),
        _guards(parts, facts, policy, names),
        _preconditions(parts, evidence),
        *([calibration(found, names), fairness(found, names), slices(found)] if found else []),
        all_figures(facts, names),
        _budget(evidence, policy),
        _digests(evidence, sha256),
    )
    return tuple(section for section in sections if section.terms or section.rows or section.note)


def _compared(evidence: Evidence, names: tuple[str, str]) -> Section:
    facts, look = evidence.facts, evidence.look
    champion, challenger = names
    mine = evidence.challenger.artifact_sha256 if evidence.challenger else None
    theirs = look.champion_sha256 if look else None
    terms = [("Challenger", _contender(challenger, mine, facts.challenger_train_end))]
    if facts.has_champion:
        terms.append(("Champion", _contender(champion, theirs, facts.champion_train_end)))
    if (window := facts.holdout) is not None:
        share = f"{100 * window.bads / window.rows:.1f} %" if window.rows else "no rows"
        rows = f"{window.rows:,} rows, {window.bads:,} bads ({share})"
        terms.append(("Hold-out", f"{window.first_day} to {window.last_day}: {rows}"))
    terms += [
        (f"Bads by {column}", f"in {count:,} clusters")
        for column, count in (facts.bad_clusters or {}).items()
    ]
    if look is not None:
        digests = (("snapshot", look.snapshot_sha256), ("hold-out", look.holdout_sha256))
        terms.append(("Digests", ", ".join(f"{what} {sha[:SHORT]}" for what, sha in digests)))
    note = ""
    if look is None:
        measured = "figures are on the rows that came with the model"
        unmeasured = "for this evidence no label of the hold-out met a score"
        note = f"There was no look: {measured if facts.challenger_metrics else unmeasured}."
    return Section("What was compared", note=note, terms=tuple(terms))


def _contender(name: str, sha256: str | None, train_end: object) -> str:
    artifact = f", artifact {sha256[:SHORT]}" if sha256 else ""
    until = f"developed on rows up to {train_end}" if train_end else "end of development unknown"
    return f"{name}{artifact}, {until}"


def _difference(evidence: Evidence, parts: Stages) -> Section:
    found, verdict = evidence.facts.comparison, evidence.verdict
    rows = tuple((rule.figure, rule.limit, _reached(rule)) for rule in parts.test)
    columns = ("Figure", "Needed", "Result")
    if parts.stopped and found is None:
        return Section(
            "What stopped the night",
            note="The first of these did not hold, so nothing after it was measured.",
            columns=columns,
            rows=tuple(
                (rule.figure, rule.limit, result_word(rule))
                for rule in (*parts.stopped, *parts.test)
            ),
            judged=True,
        )
    if found is None:
        about = "" if rows else "; ".join(verdict.reasons)
        return Section(
            "The floors of a first champion", note=about, columns=columns, rows=rows, judged=True
        )
    name = label(found.metric)
    terms = [(name, f"challenger {found.challenger:.4f}, champion {found.champion:.4f}")]
    if verdict.interval is not None:
        lower, upper = verdict.interval
        around = f"from {lower:+.4f} to {upper:+.4f} (Δ ± the z needed × its standard error)"
        terms.append((f"Δ {name}", f"{found.difference:+.4f}, {around}"))
    if (least := verdict.minimum_detectable_difference) is not None:
        told = "a true Δ of this size would be found four times in five"
        terms.append(("Minimum detectable Δ", f"{least:.4f}: {told}"))
    terms.append(("Standard error", _standard_errors(found)))
    heading = f"The difference in {name}"
    return Section(heading, terms=tuple(terms), columns=columns, rows=rows, judged=True)


def _reached(rule: RuleResult) -> str:
    """A challenger that is not better is no fault: nothing blocks, the night is a normal one."""
    return NOT_REACHED if rule.outcome is Outcome.FAIL else result_word(rule)


def _standard_errors(found: Comparison) -> str:
    if not found.standard_errors:
        return f"{found.standard_error:.4f}, by {found.variance_by}"
    each = ", ".join(f"{s:.4f} by {by}" for by, s in found.standard_errors.items())
    alone = len(found.standard_errors) == 1
    return each if alone else f"{each}; the largest decides: {found.variance_by}"


def _guards(parts: Stages, facts: Facts, policy: GatePolicy, names: tuple[str, str]) -> Section:
    objecting = len(not_passed(parts.guards))
    objects = "objects" if objecting == 1 else "object"
    told = f"{objecting} of {len(parts.guards)} {objects}." if objecting else "None objects."
    if facts.guards is None:
        told = "Not measured."
    note = (
        f"{told} A guard blocks where its limit is broken and the challenger is the worse one; "
        f"bounds of Δ are one-sided, {100 * policy.guards.confidence:g} % each."
    )
    return Section(
        "Guards",
        note=note if parts.guards else "",
        columns=("Guard", *names, "Δ (bounds)", "Limit", "Result"),
        rows=tuple(row.cells for row in guard_rows(parts.guards, facts)),
        judged=True,
    )


def _preconditions(parts: Stages, evidence: Evidence) -> Section:
    rules = parts.preconditions
    held = sum(rule.outcome is Outcome.PASS for rule in rules)
    # where no look was made the rules that follow it are unknown, which is no second fault
    return Section(
        f"Preconditions: {held} of {len(rules)} hold",
        columns=("Figure", "Needed", "Result"),
        rows=tuple((rule.figure, rule.limit, result_word(rule)) for rule in rules),
        judged=True,
        folded=held == len(rules) or evidence.look is None,
    )


def _budget(evidence: Evidence, policy: GatePolicy) -> Section:
    budget, look, year = policy.error_budget, evidence.look, evidence.facts.as_of.year
    if look is None:
        terms = [("This night", "no look, so this evidence cost nothing")]
    elif not evidence.facts.has_champion:
        terms = [("This night", "a first champion is compared with nobody: nothing was spent")]
    else:
        terms = [
            ("Purse", f"{PURSES[look.kind]} (at most {_looks(look.kind, policy)} looks a year)"),
            ("α of this look", f"{look.alpha:.3g}"),
        ]
    if (left := evidence.budget_left) is not None:
        whole = f"{budget.alpha_year:g} false promotions a year"
        terms.append((f"Left in {year}", f"{left:.3g} of {whole}, over both purses"))
    return Section("Error budget", terms=tuple(terms))


def _looks(kind: LookKind, policy: GatePolicy) -> int:
    budget = policy.error_budget
    scheduled = kind is LookKind.SCHEDULED
    return budget.looks_per_year if scheduled else budget.reserve_looks_per_year


def _digests(evidence: Evidence, sha256: str) -> Section:
    look, version = evidence.look, evidence.challenger
    named = (
        ("Evidence", sha256),
        ("Policy and spec", evidence.policy_sha256),
        ("Snapshot", look.snapshot_sha256 if look else None),
        ("Hold-out", look.holdout_sha256 if look else None),
        ("Challenger's artifact", version.artifact_sha256 if version else None),
        ("Champion's artifact", look.champion_sha256 if look else None),
    )
    terms = [(what, digest) for what, digest in named if digest]
    return Section("Digests (sha256)", terms=(*terms, ("Code version", evidence.code_version)))
