"""What monitors read of a deciding model, and what their alarms asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from finrisk.dashboard.kinds import KIND_WORDS
from finrisk.dashboard.monitoring.words import (
    MonitorToday,
    monitors_of,
    worst_of,
)
from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.keys import alarm_key
from finrisk.ledger.inbox import Rerun
from finrisk.ledger.reading_history import DayState, Point, began_on
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.missed import missed_nights
from finrisk.pipelines.trial import counts_from
from finrisk.records import Champion
from finrisk.specs.alerts import ALERT_OF_MONITOR
from finrisk.specs.monitoring import Monitoring

ALERTS_A_PAGE = 20
MOST_FEATURES = 20
BY_WEEK_BEYOND_DAYS = 92
WEEK = timedelta(days=7)
FEATURE_DRIFT = "feature_drift"


@dataclass(frozen=True, slots=True)
class Today:
    """The newest day that was read of a model.

    Parameters
    ----------
    as_of, first : date
        That day, and the first day that ever was.
    version : int or None
        The version that was read; None: nobody was champion.
    champion : Champion or None
        The champion that the ledger has now.
    """

    as_of: date
    first: date
    version: int | None
    champion: Champion | None
    readings: tuple[Reading, ...]
    monitors: tuple[MonitorToday, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the spec says of watching a model; its defaults where no spec declares the model."""

    monitoring: Monitoring
    zone: str
    headline_metric: str
    declared: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A day from which another version is champion, and how it came."""

    day: date
    label: str
    how: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """The highest PSI of a feature between two days, both included, and its worst state."""

    feature: str
    first: date
    last: date
    psi: float | None
    limit: float | None
    state: State


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """Alerts that asked for a run, newest first, and how many there are in all."""

    rows: tuple[Rerun, ...]
    total: int


@remembered
def policy_of(whose: Whose) -> Policy:
    """Return what the model's spec says of watching it."""
    spec = sources().spec(whose)
    if spec is None:
        return Policy(Monitoring(), "UTC", "auc", declared=False)
    return Policy(spec.monitoring, spec.schedule.timezone, spec.headline_metric, declared=True)


@remembered
def today(whose: Whose) -> Today | None:
    """Return the newest day that was read, monitor by monitor; None if none ever was."""
    ledger = sources().ledger(whose.scope)
    readings = ledger.newest_readings(whose.model)
    if not readings:
        return None
    history = states(whose)
    monitors = [_since(of, history) for of in monitors_of(readings)]
    keys = {key: of.monitor for of in monitors if (key := alert_key(whose.model, of))}
    asked = {keys[r.key]: r for r in ledger.alerts_of(whose.model, list(keys))} if keys else {}
    return Today(
        as_of=readings[0].as_of,
        first=min(of.as_of for of in history),
        version=readings[0].version,
        champion=ledger.champion(whose.model),
        readings=tuple(readings),
        monitors=tuple(replace(of, rerun=asked.get(of.monitor)) for of in monitors),
    )


def _since(monitor: MonitorToday, history: list[DayState]) -> MonitorToday:
    standing = {State.ALARM: (State.ALARM,), State.WARN: (State.ALARM, State.WARN)}
    if monitor.state not in standing:
        return monitor
    one = monitor.readings[0]
    began = began_on(history, monitor.monitor, one.version, one.as_of, standing[monitor.state])
    return replace(monitor, began=began)


def alert_key(model: str, monitor: MonitorToday) -> str | None:
    """Return the key under which a monitor's alarm is delivered; None where it never is."""
    alert = ALERT_OF_MONITOR.get(monitor.monitor)
    if alert is None or monitor.state is not State.ALARM or monitor.began is None:
        return None
    version = monitor.readings[0].version
    return alarm_key(model, alert, monitor.began, version)


def unread_days(whose: Whose, newest: date, now: datetime) -> tuple[date, ...]:
    """Return the nights after the newest reading that the model's schedule has had by now.

    Empty where no schedule holds: for a replay, and for a model that no spec declares.
    """
    spec = sources().spec(whose)
    if spec is None or not sources().is_scheduled(whose.scope):
        return ()
    return missed_nights(spec.schedule, newest, now)


@remembered
def states(whose: Whose) -> list[DayState]:
    """Return how each monitor stood on each day."""
    return sources().ledger(whose.scope).day_states(whose.model)


@remembered
def points(
    whose: Whose,
    monitor: str,
    since: date,
    subjects: tuple[str, ...] | None = None,
    told: tuple[str, ...] = (),
) -> list[Point]:
    """Return one monitor's figures since a day, by day and subject."""
    ledger = sources().ledger(whose.scope)
    return ledger.reading_points(whose.model, monitor, since=since, subjects=subjects, told=told)


@remembered
def changes(whose: Whose) -> list[Change]:
    """Return the days from which another version is champion, oldest first."""
    history = sources().ledger(whose.scope).history(whose.model)
    by_day = {counts_from(link): link for link in history}
    return [Change(day, f"v{link.version}", KIND_WORDS[link.kind]) for day, link in by_day.items()]


@remembered
def heat(whose: Whose, since: date, until: date) -> tuple[list[HeatCell], int]:
    """Return the PSI of the features that drifted most, by day or week, and how many there are.

    Beyond three months a cell is a week: its highest PSI, its worst state.
    """
    by_week = (until - since).days > BY_WEEK_BEYOND_DAYS
    found: dict[tuple[str, date], list[Point]] = defaultdict(list)
    for point in points(whose, FEATURE_DRIFT, since):
        found[point.subject, _cell_of(point.as_of, by_week=by_week)].append(point)
    cells = [_cell(of, first, by_week=by_week) for (_, first), of in found.items()]
    most: dict[str, float] = defaultdict(float)
    for cell in cells:
        most[cell.feature] = max(most[cell.feature], cell.psi or 0.0)
    shown = sorted(most, key=lambda feature: (-most[feature], feature))[:MOST_FEATURES]
    places = {feature: place for place, feature in enumerate(shown)}
    kept = sorted(
        (cell for cell in cells if cell.feature in places),
        key=lambda cell: (places[cell.feature], cell.first),
    )
    return kept, len(most)


def _cell_of(day: date, *, by_week: bool) -> date:
    return day - timedelta(days=day.weekday()) if by_week else day


def _cell(of: list[Point], first: date, *, by_week: bool) -> HeatCell:
    known = [point for point in of if point.value is not None]
    highest = max(known, key=lambda point: point.value or 0.0, default=None)
    return HeatCell(
        feature=of[0].subject,
        first=first,
        last=first + WEEK - timedelta(days=1) if by_week else first,
        psi=None if highest is None else highest.value,
        limit=None if highest is None else highest.threshold,
        state=worst_of(point.state for point in of),
    )


@remembered
def alerts(whose: Whose, page: int) -> AlertsPage:
    """Return a page of the alerts that asked for a run; the first page is 1."""
    ledger = sources().ledger(whose.scope)
    offset = (page - 1) * ALERTS_A_PAGE
    rows, total = ledger.alerts(whose.model, limit=ALERTS_A_PAGE, offset=offset)
    return AlertsPage(tuple(rows), total)


def recently_accepted(whose: Whose, now: datetime) -> list[Rerun]:
    """Return the alerts whose cool-down, or whose 24 hours, may still last."""
    days = max(policy_of(whose).monitoring.reruns.cool_down_days, 1)
    since = now - timedelta(days=days)
    return sources().ledger(whose.scope).accepted_alerts(whose.model, since)


def clock() -> datetime:
    """Return now, in UTC."""
    return datetime.now(UTC)
