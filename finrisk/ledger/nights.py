"""Nights: what each one decided, and the digests that tell whether the next has anything new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import NightRow
from finrisk.records import NightDecision


@dataclass(frozen=True, slots=True)
class StoredNight:
    """A decided night; the digests are None where the data did not get that far.

    ``seconds`` are from the start of the try that decided it to its record; None in one of an
    earlier release.
    """

    decision: NightDecision
    snapshot_sha256: str | None
    spec_sha256: str
    holdout_sha256: str | None
    at: datetime
    seconds: float | None = None


def record(session: Session, scope: str, night: StoredNight) -> None:
    """Keep the night; a rerun of it takes the place of the earlier record."""
    decision = night.decision
    row = NightRow(
        scope=scope,
        model=decision.model,
        as_of=decision.as_of,
        decision=decision.to_json(),
        snapshot_sha256=night.snapshot_sha256,
        spec_sha256=night.spec_sha256,
        holdout_sha256=night.holdout_sha256,
        at=night.at,
        seconds=night.seconds,
    )
    session.merge(row)


def lookup(session: Session, scope: str, model: str, as_of: date) -> StoredNight | None:
    """Return the night of this day, if it was decided."""
    row = session.get(NightRow, (scope, model, as_of))
    return None if row is None else stored(row)


def last(session: Session, scope: str, model: str, before: date | None) -> StoredNight | None:
    """Return the newest night, or the newest one before a day."""
    nights = select(NightRow).filter_by(scope=scope, model=model)
    if before is not None:
        nights = nights.where(NightRow.as_of < before)
    row = session.scalars(nights.order_by(NightRow.as_of.desc()).limit(1)).one_or_none()
    return None if row is None else stored(row)


def all_nights(session: Session, scope: str, model: str) -> list[StoredNight]:
    """Return the nights, by night."""
    rows = select(NightRow).filter_by(scope=scope, model=model).order_by(NightRow.as_of)
    return [stored(row) for row in session.scalars(rows)]


def stored(row: NightRow) -> StoredNight:
    """Return a row as the record that other rooms know."""
    return as_record(StoredNight, row, decision=NightDecision.from_json(row.decision))
