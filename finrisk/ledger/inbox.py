"""The inbox of alerts: stored first, then turned into one run, however often they are delivered.

An alert is known by its fingerprint and the moment it began. Whether it may start a run is decided
in the transaction that stores it, under the model's lock: one run a model and class of alert in a
cool-down, and so many a day. What was accepted stays pending until its run is started, by whoever
comes first: the receiver that took it, or a drainer after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from finrisk.errors import PromotionError
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import RerunRow, utc
from finrisk.records import Record


class Outcome(StrEnum):
    """What became of an alert."""

    ACCEPTED = "accepted"
    COOLING_DOWN = "cooling down"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often alerts may start a run of one model.

    Parameters
    ----------
    cool_down : timedelta
        Between two runs of one class of alert.
    most_a_day : int
        Runs in 24 hours, of all classes.
    """

    cool_down: timedelta = timedelta(days=1)
    most_a_day: int = 2


@dataclass(frozen=True, slots=True)
class Asked(Record):
    """An alert that asks for a run.

    Parameters
    ----------
    key : str
        Of the alert and the moment it began: the same delivered again has the same.
    alert : str
        Its class, which the allow-list names: ``FinRiskScoreDrift``.
    source : str
        Who delivered it: ``alertmanager``, ``monitor``.
    reason : str
        What the run says about why it was started.
    as_of : date, optional
        The day that the run is to decide; None: the day it runs.
    """

    model: str
    key: str
    alert: str
    source: str
    reason: str
    began: datetime
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Rerun(Record):
    """An alert as it is stored, and what became of it; ``run_id`` names the run it may start."""

    model: str
    key: str
    alert: str
    source: str
    reason: str
    began: datetime
    received: datetime
    deliveries: int
    outcome: Outcome
    run_id: str | None
    started: datetime | None
    as_of: date | None = None


def receive(session: Session, scope: str, asked: Asked, limits: Limits, at: datetime) -> Rerun:
    """Store an alert and decide whether it may start a run; delivered again, it is only counted."""
    row = session.get(RerunRow, (scope, asked.model, asked.key))
    if row is not None:
        row.deliveries += 1
        return _rerun(row)
    outcome = _outcome(session, scope, asked, limits, utc(at))
    run_id = run_id_of(asked, utc(at)) if outcome is Outcome.ACCEPTED else None
    rerun = Rerun(
        model=asked.model,
        key=asked.key,
        alert=asked.alert,
        source=asked.source,
        reason=asked.reason,
        began=utc(asked.began),
        received=utc(at),
        deliveries=1,
        outcome=outcome,
        run_id=run_id,
        started=None,
        as_of=asked.as_of,
    )
    session.add(RerunRow(scope=scope, **columns(rerun)))
    return rerun


def run_id_of(asked: Asked, at: datetime) -> str:
    """Return the run's id: told twice to Airflow it is one run, the second is refused there.

    Examples
    --------
    >>> at = datetime.fromisoformat("2026-03-01T02:30:00+00:00")
    >>> run_id_of(Asked("fraud", "4f1c" * 16, "FinRiskScoreDrift", "monitor", "", at), at)
    'alert__FinRiskScoreDrift__20260301T023000__4f1c4f1c'
    """
    return f"alert__{asked.alert}__{at:%Y%m%dT%H%M%S}__{asked.key[:8]}"


def pending(session: Session, scope: str) -> list[Rerun]:
    """Return what was accepted and has not started, the oldest first."""
    rows = (
        select(RerunRow)
        .filter_by(scope=scope, outcome=Outcome.ACCEPTED.value)
        .where(RerunRow.started.is_(None))
        .order_by(RerunRow.received)
    )
    return [_rerun(row) for row in session.scalars(rows)]


def mark_started(session: Session, scope: str, rerun: Rerun, at: datetime) -> None:
    """Record that the run was started, or was there already; the first moment stands.

    Raises
    ------
    PromotionError
        There is no such alert, or it was not accepted.
    """
    row = session.get(RerunRow, (scope, rerun.model, rerun.key))
    if row is None or row.outcome != Outcome.ACCEPTED:
        raise PromotionError(f"alert {rerun.key} of {rerun.model} starts no run")
    if row.started is None:
        row.started = utc(at)


def all_reruns(session: Session, scope: str, model: str) -> list[Rerun]:
    """Return every alert of the model, the oldest first."""
    rows = select(RerunRow).filter_by(scope=scope, model=model).order_by(RerunRow.received)
    return [_rerun(row) for row in session.scalars(rows)]


def page(
    session: Session, scope: str, model: str, *, limit: int, offset: int = 0
) -> tuple[list[Rerun], int]:
    """Return alerts of the model, the newest first, and how many there are in all."""
    mine = select(RerunRow).filter_by(scope=scope, model=model)
    order = (RerunRow.received.desc(), RerunRow.key)
    rows = session.scalars(mine.order_by(*order).limit(limit).offset(offset))
    total = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    return [_rerun(row) for row in rows], total


def accepted_since(session: Session, scope: str, model: str, moment: datetime) -> list[Rerun]:
    """Return the alerts that were accepted after a moment, the newest first."""
    rows = (
        select(RerunRow)
        .filter_by(scope=scope, model=model, outcome=Outcome.ACCEPTED.value)
        .where(RerunRow.received > utc(moment))
        .order_by(RerunRow.received.desc())
    )
    return [_rerun(row) for row in session.scalars(rows)]


def of_keys(session: Session, scope: str, model: str, keys: Sequence[str]) -> list[Rerun]:
    """Return the alerts of these keys that were ever delivered."""
    rows = select(RerunRow).filter_by(scope=scope, model=model).where(RerunRow.key.in_(keys))
    return [_rerun(row) for row in session.scalars(rows)]


def _outcome(session: Session, scope: str, asked: Asked, limits: Limits, at: datetime) -> Outcome:
    accepted = (
        select(RerunRow)
        .filter_by(scope=scope, model=asked.model, outcome=Outcome.ACCEPTED.value)
        .where(RerunRow.received > at - max(limits.cool_down, timedelta(days=1)))
    )
    recent = session.scalars(accepted).all()
    alike = [row for row in recent if row.alert == asked.alert]
    if any(row.received > at - limits.cool_down for row in alike):
        return Outcome.COOLING_DOWN
    today = [row for row in recent if row.received > at - timedelta(days=1)]
    return Outcome.CAPPED if len(today) >= limits.most_a_day else Outcome.ACCEPTED


def _rerun(row: RerunRow) -> Rerun:
    return as_record(Rerun, row, outcome=Outcome(row.outcome))
