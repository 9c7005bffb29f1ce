"""What monitors read over many days, as far as a picture needs it: no details, no whole table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from finrisk.ledger.readings import Reading, State
from finrisk.ledger.schema import ReadingRow
from finrisk.records import Record


@dataclass(frozen=True, slots=True)
class DayState(Record):
    """How many readings of one monitor were in one state on one day."""

    as_of: date
    monitor: str
    version: int | None
    state: State
    count: int


@dataclass(frozen=True, slots=True)
class Point(Record):
    """One reading as a picture needs it.

    Parameters
    ----------
    told : dict of str to float or None
        The numbers of its detail that were asked for; None where it has none.
    """

    as_of: date
    subject: str
    version: int | None
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None
    state: State
    told: dict[str, float | None] = field(default_factory=dict)


def began_on(
    history: Iterable[Reading] | Iterable[DayState],
    monitor: str,
    version: int | None,
    day: date,
    states: Collection[State] = (State.ALARM,),
) -> date:
    """Return the day since which a monitor is in one of these states, of any subject.

    Days on which nothing was known interrupt nothing, nor do those without a reading; another
    champion's alarm is another one.

    Parameters
    ----------
    history : iterable of Reading or of DayState
        Of all days; later ones do not count.
    day : date
        On which it is in such a state.
    """
    alike = [
        of
        for of in history
        if (of.monitor, of.version) == (monitor, version)
        and of.as_of <= day
        and of.state is not State.UNKNOWN
    ]
    standing = {of.as_of for of in alike if of.state in states}
    began = day
    for earlier in sorted({of.as_of for of in alike}, reverse=True):
        if earlier not in standing and earlier != day:
            break
        began = min(began, earlier)
    return began


def day_states(
    session: Session, scope: str, model: str, *, since: date | None = None
) -> list[DayState]:
    """Return how each monitor stood on each day, by day and monitor; counted in the database."""
    by = (ReadingRow.as_of, ReadingRow.monitor, ReadingRow.version, ReadingRow.state)
    asked = select(*by, func.count()).filter_by(scope=scope, model=model).group_by(*by)
    if since is not None:
        asked = asked.where(ReadingRow.as_of >= since)
    rows = session.execute(asked.order_by(*by))
    return [
        DayState(day, monitor, version, State(state), count)
        for day, monitor, version, state, count in rows
    ]


def points(
    session: Session,
    scope: str,
    model: str,
    monitor: str,
    *,
    since: date | None = None,
    subjects: Sequence[str] | None = None,
    told: Sequence[str] = (),
) -> list[Point]:
    """Return one monitor's figures, by day and subject.

    Parameters
    ----------
    subjects : sequence of str, optional
        Of these only.
    told : sequence of str
        Numbers of the detail that are wanted beside them.
    """
    figures = (
        ReadingRow.as_of,
        ReadingRow.subject,
        ReadingRow.version,
        ReadingRow.value,
        ReadingRow.low,
        ReadingRow.high,
        ReadingRow.threshold,
        ReadingRow.state,
    )
    details = [ReadingRow.detail[name].as_float() for name in told]
    asked = select(*figures, *details).where(
        ReadingRow.scope == scope, ReadingRow.model == model, ReadingRow.monitor == monitor
    )
    if since is not None:
        asked = asked.where(ReadingRow.as_of >= since)
    if subjects is not None:
        asked = asked.where(ReadingRow.subject.in_(subjects))
    rows = session.execute(asked.order_by(ReadingRow.as_of, ReadingRow.subject))
    return [
        Point(day, subject, version, value, low, high, limit, State(state), _named(told, numbers))
        for day, subject, version, value, low, high, limit, state, *numbers in map(tuple, rows)
    ]


def _named(names: Sequence[str], numbers: Sequence[float | None]) -> dict[str, float | None]:
    return dict(zip(names, numbers, strict=True))
