"""Where a model stands, for whoever looks every few seconds: counts and newest rows, no history.

Everything is asked in one transaction, and each question reads a bounded number of rows or counts
in the database: a scrape must not grow with the years.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from finrisk.gate.budget import Spent
from finrisk.ledger import freezes, looks, nights, promotions
from finrisk.ledger.events import EventKind
from finrisk.ledger.inbox import Outcome
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import (
    EventRow,
    EvidenceRow,
    NightRow,
    PromotionRow,
    ReadingRow,
    RerunRow,
)
from finrisk.records import Champion, Decision, NightStatus, PromotionKind

MOST_HELD = 366
READ_WITHIN_DAYS = 35  # a monitor that reads by the month has one; an older reading is history
HELD_IN = (NightStatus.READY.value, NightStatus.BLOCKED.value)

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Alerts that asked for a run.

    Parameters
    ----------
    asked : mapping of (str, Outcome) to int
        How many there are, by class of alert and what became of them.
    deliveries : int
        How often they were delivered, repetitions counted.
    pending : int
        Accepted, and their run not started.
    oldest_pending : datetime or None
        When the oldest of those came.
    """

    asked: Mapping[tuple[str, Outcome], int]
    deliveries: int
    pending: int
    oldest_pending: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One model at one moment.

    Parameters
    ----------
    came_by : PromotionKind or None
        How the champion's version number came: the newest link of the chain.
    since : datetime or None
        Since when the champion's bytes decide; a restored number changes nothing.
    promotions, decisions, events : mapping
        Counts since the first day, of rows that nothing removes.
    held : int
        Judged or blocked nights in a row, up to the newest, without a PROMOTE; others, such as
        one with nothing new, neither count nor end the row. 366 at most.
    matured_until : date or None
        Last event day of the newest hold-out.
    spent : Spent
        The error budget's, in the year of ``day``.
    frozen : bool
        Whether a change freeze holds on ``day``.
    readings : tuple of Reading
        Of each monitor, the newest day it read.
    """

    model: str
    champion: Champion | None
    came_by: PromotionKind | None
    since: datetime | None
    promotions: Mapping[PromotionKind, int]
    decisions: Mapping[Decision, int]
    events: Mapping[EventKind, int]
    last_night: StoredNight | None
    held: int
    matured_until: date | None
    spent: Spent
    frozen: bool
    readings: tuple[Reading, ...]
    inbox: Inbox


def standing(session: Session, scope: str, model: str, day: date) -> Standing:
    """Return where the model stands on a day, by the clock of its nights."""
    came_by, since = _since(session, scope, model)
    return Standing(
        model=model,
        champion=promotions.champion(session, scope, model),
        came_by=came_by,
        since=since,
        promotions=_count(session, PromotionRow.kind, PromotionKind, scope, model),
        decisions=_count(session, EvidenceRow.decision, Decision, scope, model),
        events=_count(session, EventRow.kind, EventKind, scope, model),
        last_night=nights.last(session, scope, model, None),
        held=_held(session, scope, model),
        matured_until=_matured_until(session, scope, model),
        spent=looks.spent_in(session, scope, model, day.year),
        frozen=freezes.holding(session, scope, model, day) is not None,
        readings=_readings(session, scope, model),
        inbox=_inbox(session, scope, model),
    )


def _count(
    session: Session, column: InstrumentedAttribute[Any], words: type[Word], scope: str, model: str
) -> dict[Word, int]:
    """Count a table's rows by a word of theirs; a word that no row has counts 0."""
    asked = select(column, func.count()).filter_by(scope=scope, model=model).group_by(column)
    found = {words(word): count for word, count in session.execute(asked)}
    return {word: found.get(word, 0) for word in words}


def _since(
    session: Session, scope: str, model: str
) -> tuple[PromotionKind | None, datetime | None]:
    newest = PromotionRow.epoch.desc()
    links = select(PromotionRow.kind, PromotionRow.at).filter_by(scope=scope, model=model)
    last = session.execute(links.order_by(newest).limit(1)).one_or_none()
    if last is None:
        return None, None
    changed = links.where(PromotionRow.kind != PromotionKind.RESTORED).order_by(newest).limit(1)
    bytes_since = session.execute(changed).one_or_none()
    return last.kind, last.at if bytes_since is None else bytes_since.at


def _held(session: Session, scope: str, model: str) -> int:
    status = NightRow.decision["status"].as_string()
    decision = NightRow.decision["decision"].as_string()
    newest = (
        select(decision)
        .filter_by(scope=scope, model=model)
        .where(status.in_(HELD_IN))
        .order_by(NightRow.as_of.desc())
        .limit(MOST_HELD)
    )
    without = takewhile(lambda word: word != Decision.PROMOTE.value, session.scalars(newest))
    return sum(1 for _ in without)


def _matured_until(session: Session, scope: str, model: str) -> date | None:
    newest = (
        select(EvidenceRow.document)
        .filter_by(scope=scope, model=model)
        .order_by(EvidenceRow.night.desc(), EvidenceRow.at.desc())
        .limit(1)
    )
    document = session.scalars(newest).one_or_none()
    holdout = json.loads(document).get("facts", {}).get("holdout") if document else None
    return date.fromisoformat(holdout["last_day"]) if holdout else None


def _readings(session: Session, scope: str, model: str) -> tuple[Reading, ...]:
    mine = (ReadingRow.scope == scope, ReadingRow.model == model)
    last = session.scalar(select(func.max(ReadingRow.as_of)).where(*mine))
    if last is None:
        return ()
    days = (
        select(ReadingRow.monitor, func.max(ReadingRow.as_of).label("day"))
        .where(*mine, ReadingRow.as_of > last - timedelta(days=READ_WITHIN_DAYS))
        .group_by(ReadingRow.monitor)
    )
    newest = {row.monitor: row.day for row in session.execute(days)}
    # by day alone, which the key leads with; nearly all monitors read on the same one
    rows = session.scalars(
        select(ReadingRow)
        .where(*mine, ReadingRow.as_of.in_(sorted(set(newest.values()))))
        .order_by(ReadingRow.monitor, ReadingRow.subject)
    )
    of_their_day = (row for row in rows if row.as_of == newest.get(row.monitor))
    return tuple(as_record(Reading, row, state=State(row.state)) for row in of_their_day)


def _inbox(session: Session, scope: str, model: str) -> Inbox:
    mine = (RerunRow.scope == scope, RerunRow.model == model)
    counts = (func.count(), func.sum(RerunRow.deliveries))
    by_kind = (
        select(RerunRow.alert, RerunRow.outcome, *counts)
        .where(*mine)
        .group_by(RerunRow.alert, RerunRow.outcome)
    )
    rows = session.execute(by_kind).all()
    waiting = select(func.count(), func.min(RerunRow.received)).where(
        *mine, RerunRow.outcome == Outcome.ACCEPTED.value, RerunRow.started.is_(None)
    )
    pending, oldest = session.execute(waiting).one()
    return Inbox(
        asked={(alert, Outcome(outcome)): count for alert, outcome, count, _ in rows},
        deliveries=sum(int(delivered) for *_, delivered in rows),
        pending=pending,
        oldest_pending=oldest,
    )
