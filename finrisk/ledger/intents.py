"""Intents: written before something is done elsewhere, so that a lost reply is not done twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from finrisk.errors import PromotionError
from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import IntentRow, utc
from finrisk.records import JsonObject


@dataclass(frozen=True, slots=True)
class Intent:
    """Something to be done once; ``result`` is None until it is known to be done."""

    idem_key: str
    kind: str
    payload: JsonObject
    result: JsonObject | None
    at: datetime


def begin(
    session: Session, scope: str, idem_key: str, kind: str, payload: JsonObject, at: datetime
) -> Intent:
    """Write the intent, or return the one of this key as it stands."""
    row = session.get(IntentRow, (scope, idem_key))
    if row is None:
        row = IntentRow(
            scope=scope, idem_key=idem_key, kind=kind, payload=payload, result=None, at=utc(at)
        )
        session.add(row)
    return as_record(Intent, row)


def finish(session: Session, scope: str, idem_key: str, result: JsonObject) -> Intent:
    """Keep what came of it; the first result stands.

    Raises
    ------
    PromotionError
        Nobody began an intent of this key.
    """
    row = session.get(IntentRow, (scope, idem_key))
    if row is None:
        raise PromotionError(
            f"intent {idem_key} was never begun", remedy="begin it before acting on it"
        )
    if row.result is None:
        row.result = result
    return as_record(Intent, row)
