"""What the nights decided: the newest of them, and one with its evidence and its report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.errors import FinRiskError
from finrisk.evaluation.evidence_details import Section
from finrisk.evidence import Evidence
from finrisk.ledger.nights import StoredNight
from finrisk.pipelines.evidence_pages import (
    night_to_explain,
    page_of,
    page_path,
    sections_of,
    sentence_of,
    spec_of_then,
)
from finrisk.records import Decision, NightDecision

MOST_CHOSEN_FROM = 1000


@dataclass(frozen=True, slots=True)
class NightChoice:
    """A night to choose; without evidence it did not come to the gate."""

    as_of: date
    decision: Decision
    challenger: int | None
    has_evidence: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One night, and what it was decided on.

    Parameters
    ----------
    evidence : Evidence or None
        None where the night did not come to the gate.
    sentence : str
        The gate's decision with the figure that made it; empty without evidence.
    sections : tuple of Section
        The evidence as its report has it.
    note : str
        Where the spec of that night was not kept, what is today's; or why nothing can be told.
    """

    decision: NightDecision
    evidence: Evidence | None
    sentence: str = ""
    sections: tuple[Section, ...] = ()
    note: str = ""


@remembered
def newest_nights(whose: Whose, count: int) -> list[StoredNight]:
    """Return the newest nights of a model, the newest first."""
    return list(sources().ledger(whose.scope).recent(whose.model, count).nights)


@remembered
def night_choices(whose: Whose) -> list[NightChoice]:
    """Return the nights there are evidence and reasons of, the newest first."""
    return [_choice(night.decision) for night in newest_nights(whose, MOST_CHOSEN_FROM)]


def _choice(decision: NightDecision) -> NightChoice:
    challenger = decision.challenger
    return NightChoice(
        as_of=decision.as_of,
        decision=decision.decision,
        challenger=None if challenger is None else challenger.version,
        has_evidence=decision.evidence_sha256 is not None,
    )


@remembered
def explained(whose: Whose, night: date) -> Explained:
    """Return a night with its evidence, and of no other night.

    Raises
    ------
    UnknownModel
        The night was never decided.
    LedgerCorrupted
        The evidence was edited, or is gone.
    """
    found = night_to_explain(sources().ledger(whose.scope), whose.model, night)
    if found.evidence is None:
        return Explained(found.decision, None)
    try:
        spec, note = spec_of_then(found.evidence, sources().settings.in_scope(whose.scope))
    except FinRiskError as exc:  # no spec declares the model any more
        return Explained(found.decision, found.evidence, note=exc.what)
    return Explained(
        decision=found.decision,
        evidence=found.evidence,
        sentence=sentence_of(found.evidence, found.decision, spec),
        sections=sections_of(found.evidence, found.decision, spec),
        note=note,
    )


def report_page(whose: Whose, night: date) -> bytes:
    """Return the printable report of a night: as it was kept with its pictures, or made anew.

    Raises
    ------
    UnknownModel
        The night has no evidence, or no spec declares its model.
    """
    settings = sources().settings.in_scope(whose.scope)
    found = night_to_explain(sources().ledger(whose.scope), whose.model, night)
    decision, evidence = found.decision, found.evidence
    kept = page_path(settings, whose.model, night)
    if decision.evidence_sha256 and kept.exists():
        page = kept.read_bytes()
        if decision.evidence_sha256.encode() in page:  # not that of a night judged anew since
            return page
    if evidence is None:
        return b""
    spec, _ = spec_of_then(evidence, settings)
    return page_of(evidence, decision, spec, whose.scope).encode()
