"""What happened to a champion beside its promotions: readings, findings, repairs; append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import EventRow, utc
from finrisk.records import JsonObject, Record


class EventKind(StrEnum):
    """What an event tells.

    ``BAKE``: what a fresh champion's early signals said on one night. ``REALISED``: how it did
    against its predecessor once labels had matured. ``REPAIR``: what a reconciliation found amiss.
    ``APPROVAL``: what a person answered, or that nobody did. ``NOTICE``: a notice that went out, or
    did not. ``SHADOW``, ``AB``: a challenger that was let run beside it, or stopped.
    """

    BAKE = "bake"
    REALISED = "realised"
    REPAIR = "repair"
    APPROVAL = "approval"
    NOTICE = "notice"
    SHADOW = "shadow"
    AB = "ab"


@dataclass(frozen=True, slots=True)
class Event(Record):
    """One thing that happened; never changed, and told once a key."""

    model: str
    number: int
    kind: EventKind
    key: str
    as_of: date | None
    document: JsonObject
    at: datetime


def record(
    session: Session,
    scope: str,
    model: str,
    *,
    kind: EventKind,
    key: str,
    as_of: date | None,
    document: JsonObject,
    at: datetime,
) -> Event:
    """Keep an event; the same key again returns the one that is kept, as it was."""
    known = session.scalars(select(EventRow).filter_by(scope=scope, model=model, key=key))
    if (row := known.one_or_none()) is not None:
        return as_record(Event, row, kind=EventKind(row.kind))
    newest = select(func.max(EventRow.number)).filter_by(scope=scope, model=model)
    event = Event(
        model=model,
        number=(session.scalar(newest) or 0) + 1,
        kind=kind,
        key=key,
        as_of=as_of,
        document=document,
        at=utc(at),
    )
    session.add(EventRow(scope=scope, **columns(event)))
    return event


def all_events(
    session: Session, scope: str, model: str, kind: EventKind | None = None
) -> list[Event]:
    """Return the model's events, oldest first."""
    rows = select(EventRow).filter_by(scope=scope, model=model)
    if kind is not None:
        rows = rows.filter_by(kind=kind.value)
    found = session.scalars(rows.order_by(EventRow.number))
    return [as_record(Event, row, kind=EventKind(row.kind)) for row in found]
