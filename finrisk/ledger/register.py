"""The register: a page of a model's versions, newest first, with the night that judged each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import EvidenceRow, LookRow, NightRow, VersionRow
from finrisk.records import Decision, ModelVersion, NightDecision


@dataclass(frozen=True, slots=True)
class OnRegister:
    """A registered version, and what the newest night that judged it as the challenger said.

    The fields after the version are None where no night has judged it; ``candidate`` also where
    another try of that night took the place of its record.
    """

    version: ModelVersion
    night: date | None = None
    decision: Decision | None = None
    evidence_sha256: str | None = None
    snapshot_sha256: str | None = None
    candidate: str | None = None


def page(
    session: Session, scope: str, model: str, *, limit: int, offset: int
) -> tuple[list[OnRegister], int]:
    """Return a page of the versions, highest number first, and how many there are."""
    of_model = {"scope": scope, "model": model}
    total = session.scalar(select(func.count()).select_from(VersionRow).filter_by(**of_model)) or 0
    rows = session.scalars(
        select(VersionRow)
        .filter_by(**of_model)
        .order_by(VersionRow.version.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    judged = _judged(session, scope, model, [row.version for row in rows])
    versions = [as_record(ModelVersion, row) for row in rows]
    return [judged.get(one.version, OnRegister(one)) for one in versions], total


def _judged(
    session: Session, scope: str, model: str, numbers: Sequence[int]
) -> dict[int, OnRegister]:
    """Return what is known of those that a night judged; no evidence is read whole."""
    of_look = and_(
        LookRow.scope == EvidenceRow.scope, LookRow.evidence_sha256 == EvidenceRow.sha256
    )
    asked = (
        select(
            VersionRow,
            EvidenceRow.night,
            EvidenceRow.decision,
            EvidenceRow.sha256,
            LookRow.snapshot_sha256,
        )
        .join(
            VersionRow,
            and_(
                VersionRow.scope == EvidenceRow.scope,
                VersionRow.model == EvidenceRow.model,
                VersionRow.version == EvidenceRow.challenger_version,
            ),
        )
        .outerjoin(LookRow, of_look)
        .where(
            EvidenceRow.scope == scope,
            EvidenceRow.model == model,
            EvidenceRow.challenger_version.in_(numbers),
        )
        .order_by(EvidenceRow.night, EvidenceRow.at)
    )
    newest = {found[0].version: found for found in session.execute(asked)}
    nights = [found[1] for found in newest.values()]
    candidates = _candidates(session, scope, model, nights)
    return {
        number: OnRegister(
            version=as_record(ModelVersion, row),
            night=night,
            decision=decision,
            evidence_sha256=evidence,
            snapshot_sha256=snapshot,
            candidate=candidates.get((night, number)),
        )
        for number, (row, night, decision, evidence, snapshot) in newest.items()
    }


def _candidates(
    session: Session, scope: str, model: str, days: Sequence[date]
) -> dict[tuple[date, int], str | None]:
    """Return what the challenger of these nights was called, by night and version."""
    rows = session.scalars(
        select(NightRow).filter_by(scope=scope, model=model).where(NightRow.as_of.in_(days))
    )
    decisions = [NightDecision.from_json(row.decision) for row in rows]
    return {
        (told.as_of, told.challenger.version): told.candidate
        for told in decisions
        if told.challenger is not None
    }
