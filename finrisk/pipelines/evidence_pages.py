"""The report of a night's evidence: made for people, kept on disk and beside the night in MLflow.

The ledger's evidence is what counts. A report can be made again from it at any time, so none is a
reason to lose a decision.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from finrisk.atomic import write_whole
from finrisk.config import Settings
from finrisk.data.spec_archive import SPECS, SpecArchive
from finrisk.errors import FinRiskError, LedgerCorrupted, UnknownModel
from finrisk.evaluation.evidence_details import Section
from finrisk.evaluation.evidence_report import evidence_markdown, evidence_page
from finrisk.evaluation.evidence_sections import evidence_sections
from finrisk.evaluation.evidence_sentence import decision_sentence
from finrisk.evidence import Evidence
from finrisk.ledger.store import Ledger
from finrisk.records import NightDecision
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec

if TYPE_CHECKING:  # it brings MLflow, and whoever only reads needs none
    from finrisk.pipelines.rooms import Rooms

EVIDENCE = "evidence"  # its folder in the store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplainedNight:
    """A decided night and what it was decided on; None where it did not come to the gate."""

    decision: NightDecision
    evidence: Evidence | None


def page_path(settings: Settings, model: str, as_of: date) -> Path:
    """Return where a night's page is kept, whether or not it is there."""
    return settings.store / EVIDENCE / settings.scope / model / f"{as_of}.html"


def sentence_of(evidence: Evidence, decision: NightDecision, spec: ModelSpec) -> str:
    """Return a night's decision in one sentence; the arguments are those of :func:`markdown_of`."""
    challenger, champion = _called(decision)
    return decision_sentence(evidence, spec.gate, challenger=challenger, champion=champion)


def sections_of(
    evidence: Evidence, decision: NightDecision, spec: ModelSpec
) -> tuple[Section, ...]:
    """Return a night's evidence section by section, for whoever draws it in another way."""
    challenger, champion = _called(decision)
    return evidence_sections(
        evidence,
        spec.gate,
        challenger=challenger,
        champion=champion,
        sha256=decision.evidence_sha256 or "",
    )


def markdown_of(evidence: Evidence, decision: NightDecision, spec: ModelSpec, scope: str) -> str:
    """Return a night's evidence as Markdown.

    Parameters
    ----------
    evidence, decision : Evidence, NightDecision
        Of one night.
    spec : ModelSpec
        The one it was judged under.
    scope : str
        Whose night it was.
    """
    challenger, champion = _names(decision)
    return evidence_markdown(
        evidence,
        spec.gate,
        title=spec.title,
        challenger=challenger,
        champion=champion,
        scope=scope,
        sha256=decision.evidence_sha256 or "",
    )


def page_of(
    evidence: Evidence,
    decision: NightDecision,
    spec: ModelSpec,
    scope: str,
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """Return a night's evidence as a page; the arguments are those of :func:`markdown_of`."""
    challenger, champion = _names(decision)
    return evidence_page(
        evidence,
        spec.gate,
        title=spec.title,
        challenger=challenger,
        champion=champion,
        scope=scope,
        sha256=decision.evidence_sha256 or "",
        pictures=pictures,
    )


def report_of(evidence: Evidence, decision: NightDecision, rooms: Rooms) -> str | None:
    """Return the Markdown of tonight's evidence, or None where it could not be written."""
    try:
        return markdown_of(evidence, decision, rooms.spec, rooms.settings.scope)
    except Exception:
        log.warning("%s: the evidence has no report", rooms.spec.name, exc_info=True)
        return None


def show_evidence(
    evidence: Evidence, decision: NightDecision, pictures: Mapping[str, bytes], rooms: Rooms
) -> None:
    """Keep the page of tonight's evidence on disk, and put it beside the night in MLflow.

    A rerun that came too late to decide has no run, and leaves the page of what stands. A page of
    this evidence is not replaced by one without pictures.
    """
    if decision.run_id is None or decision.evidence_sha256 is None:
        return
    path = page_path(rooms.settings, rooms.spec.name, decision.as_of)
    try:
        if not pictures and _is_of(path, decision.evidence_sha256):
            return
        page = page_of(evidence, decision, rooms.spec, rooms.settings.scope, pictures)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page.encode())
        rooms.tracker.log_evidence_page(decision.run_id, page)
    except Exception:
        log.warning("%s: the evidence's page could not be kept", rooms.spec.name, exc_info=True)


def night_to_explain(ledger: Ledger, model: str, night: date | None) -> ExplainedNight:
    """Return a night with its evidence: the one asked for, else the newest that has evidence.

    Where no night has any, the newest night is returned, whose reasons say why.

    Raises
    ------
    UnknownModel
        The night was never decided, or no night was.
    LedgerCorrupted
        The evidence was edited, or is gone.
    """
    decided = ledger.nights(model)
    if night is not None:
        decided = [decision for decision in decided if decision.as_of == night]
    if not decided:
        which = "no night" if night is None else f"no night as of {night}"
        raise UnknownModel(
            f"{which} of {model} in scope {ledger.scope}",
            remedy=f"`finrisk history {model}` lists its nights; scopes: {ledger.scopes()}",
        )
    with_evidence = [decision for decision in decided if decision.evidence_sha256 is not None]
    decision = (with_evidence or decided)[-1]
    if decision.evidence_sha256 is None:
        return ExplainedNight(decision, None)
    evidence = ledger.evidence(decision.evidence_sha256)
    if evidence is None:
        raise LedgerCorrupted(
            f"the evidence of {model}, night {decision.as_of}, is gone",
            expected=decision.evidence_sha256,
            remedy="restore the ledger from its backup",
        )
    return ExplainedNight(decision, evidence)


def spec_of_then(evidence: Evidence, settings: Settings) -> tuple[ModelSpec, str]:
    """Return the spec the evidence was judged under, and a note where only today's is there.

    Raises
    ------
    UnknownModel
        No spec declares the model any more.
    """
    model = evidence.facts.model
    now = find_spec(settings.conf_locations, model)
    if now.sha256 == evidence.policy_sha256:
        return now, ""
    try:
        return SpecArchive(settings.store / SPECS).open(evidence.policy_sha256), ""
    except FinRiskError as exc:
        log.info("%s: %s", model, exc)
        return now, (
            "The spec of that night was not kept: title, purses and confidence are today's; "
            "every rule, figure and limit is that night's."
        )


def _is_of(path: Path, evidence_sha256: str) -> bool:
    return path.exists() and evidence_sha256 in path.read_text(encoding="utf-8")


def _called(decision: NightDecision) -> tuple[str, str]:
    challenger, champion = _names(decision)
    return challenger or "the challenger", champion or "the champion"


def _names(decision: NightDecision) -> tuple[str, str]:
    """Return what to call challenger and champion; empty where the night does not know."""
    version, champion = decision.challenger, decision.champion_version
    challenger = f"v{version.version} {decision.candidate or ''}".strip() if version else ""
    return challenger, "" if champion is None else f"v{champion}"
