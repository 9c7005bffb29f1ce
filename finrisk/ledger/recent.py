"""The newest of what a ledger has of a model, for whoever opens a page of it: bounded reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from finrisk.ledger import nights
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.freezes import newest as newest_freeze
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import EventRow, NightRow, RerunRow

TOLD = EventKind.NOTICE.value  # several a night, and nothing that happened to a champion


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest rows of a model, the newest first.

    Parameters
    ----------
    nights : tuple of StoredNight
        By their day.
    events : tuple of Event
        All but notices, which only say what people were told.
    reruns : tuple of Rerun
        Alerts that asked for a night.
    freeze : Freeze or None
        The decision about a freeze that counts, whether it holds or not.
    """

    nights: tuple[StoredNight, ...]
    events: tuple[Event, ...]
    reruns: tuple[Rerun, ...]
    freeze: Freeze | None


def recent(session: Session, scope: str, model: str, count: int) -> Recent:
    """Return the newest ``count`` of each kind."""
    mine = {"scope": scope, "model": model}

    def newest(rows: Select[Any]) -> Any:
        return session.scalars(rows.filter_by(**mine).limit(count))

    happened = select(EventRow).where(EventRow.kind != TOLD).order_by(EventRow.number.desc())
    decided = newest(select(NightRow).order_by(NightRow.as_of.desc()))
    asked = newest(select(RerunRow).order_by(RerunRow.received.desc()))
    return Recent(
        nights=tuple(map(nights.stored, decided)),
        events=tuple(as_record(Event, row, kind=EventKind(row.kind)) for row in newest(happened)),
        reruns=tuple(as_record(Rerun, row, outcome=Outcome(row.outcome)) for row in asked),
        freeze=newest_freeze(session, scope, model),
    )
