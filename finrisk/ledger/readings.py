"""What the monitors read of a deciding model, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import ReadingRow, utc
from finrisk.records import JsonObject, Record


class State(StrEnum):
    """What a reading says."""

    QUIET = "quiet"
    WARN = "warn"
    ALARM = "alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading(Record):
    """One figure of one day.

    Parameters
    ----------
    monitor : str
        ``score_drift``, ``feature_drift``, ``missing_rate``, ``categories``, ``volume``,
        ``calibration``, ``performance``, ``estimate``, ``slice``, ``freshness``.
    subject : str
        What of: a feature, a slice, a metric; empty where there is one subject only.
    version : int or None
        The version that decided.
    value, low, high : float or None
        The figure and its interval; None is unknown.
    threshold : float or None
        The limit it was held against.
    detail : dict
        What else a person wants to see.
    """

    model: str
    as_of: date
    monitor: str
    subject: str
    version: int | None
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None
    state: State
    detail: JsonObject


def keep(session: Session, scope: str, readings: Sequence[Reading], at: datetime) -> None:
    """Keep a day's readings; the same day read again takes their place, all of it."""
    for model, day in {(reading.model, reading.as_of) for reading in readings}:
        session.execute(delete(ReadingRow).filter_by(scope=scope, model=model, as_of=day))
    session.add_all(ReadingRow(scope=scope, at=utc(at), **columns(reading)) for reading in readings)


def of_model(
    session: Session,
    scope: str,
    model: str,
    *,
    monitor: str | None = None,
    since: date | None = None,
) -> list[Reading]:
    """Return the model's readings, by day, monitor and subject."""
    rows = select(ReadingRow).filter_by(scope=scope, model=model)
    if monitor is not None:
        rows = rows.filter_by(monitor=monitor)
    if since is not None:
        rows = rows.where(ReadingRow.as_of >= since)
    order = (ReadingRow.as_of, ReadingRow.monitor, ReadingRow.subject)
    return [
        as_record(Reading, row, state=State(row.state))
        for row in session.scalars(rows.order_by(*order))
    ]


def newest(session: Session, scope: str, model: str) -> list[Reading]:
    """Return the readings of the newest day that has any."""
    last = select(ReadingRow.as_of).filter_by(scope=scope, model=model)
    day = session.scalars(last.order_by(ReadingRow.as_of.desc()).limit(1)).one_or_none()
    return [] if day is None else of_model(session, scope, model, since=day)
