"""Which nights should have been decided and left no record: the schedule against the ledger.

It is about records alone: a paused Dag, a scheduler that was down and a night that failed for good
look the same. Only what came after the last record counts, because a night decides on everything
that matured until then: an older gap is made up for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from finrisk.config import Settings, load_settings
from finrisk.ledger.store import Ledger
from finrisk.records import Record
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import Schedule

if TYPE_CHECKING:
    from finrisk.pipelines.rooms import Rooms
    from finrisk.records import NightRequest

GRACE_HOURS = 6
MOST_LISTED = 60
NOW_DAYS = 1  # a night that a retry carried past midnight is still of now


@dataclass(frozen=True, slots=True)
class MissedNights(Record):
    """What is missing of a model's nights: the newest ``MOST_LISTED``, oldest first.

    ``due`` is the newest night whose record should be there, ``last_night`` the newest that is.
    """

    model: str
    scope: str
    last_night: date | None
    due: date
    grace_hours: int
    nights: tuple[date, ...]

    @property
    def sentence(self) -> str:
        """What to tell a person in one line."""
        if not self.nights:
            return f"{self.model}: the night of {self.due} is on record, or a later one"
        ever = f"the last record is of {self.last_night}"
        if self.last_night is None:
            ever = "no night was ever recorded"
        return f"{self.model}: {missed_sentence(self.nights)}; {ever}"


def missed_sentence(nights: Sequence[date]) -> str:
    """Return missed nights as half a sentence.

    Examples
    --------
    >>> missed_sentence([date(2026, 1, 5)])
    'no record of the night of 2026-01-05'
    >>> missed_sentence([date(2026, 1, 5), date(2026, 1, 7)])
    'no record of 2 nights, 2026-01-05 to 2026-01-07'
    """
    if len(nights) == 1:
        return f"no record of the night of {nights[0]}"
    count = f"the newest {MOST_LISTED}" if len(nights) >= MOST_LISTED else len(nights)
    return f"no record of {count} nights, {nights[0]} to {nights[-1]}"


def way_out(model: str, due: date) -> str:
    """Return what to do where nights are missing: one that is run makes up for them all."""
    return (
        "see that Airflow's scheduler runs and the Dag is not paused; without Airflow: "
        f"`finrisk retrain {model} --as-of {due}`, which makes up for all of them"
    )


def missed_nights(
    schedule: Schedule,
    last_night: date | None,
    now: datetime,
    *,
    grace_hours: int = GRACE_HOURS,
) -> tuple[date, ...]:
    """Return the scheduled nights after the last recorded one that are due by now, oldest first.

    A night is a day of the spec's time zone, however often its cron comes on it; it is due
    ``grace_hours`` after its first slot. Without any record the newest due night alone is missed.

    Parameters
    ----------
    schedule : Schedule
        The spec's cron and time zone.
    last_night : date or None
        The newest night that is on record.
    now : datetime
        With its time zone.

    Examples
    --------
    >>> now = datetime.fromisoformat("2026-01-08T07:30:00+00:00")
    >>> [str(day) for day in missed_nights(Schedule(), date(2026, 1, 5), now)]
    ['2026-01-06', '2026-01-07']
    """
    due = _due_nights(schedule, now, grace_hours)
    if last_night is None:
        return tuple(islice(due, 1))
    after = takewhile(lambda night: night > last_night, due)
    return tuple(islice(after, MOST_LISTED))[::-1]


def missed_before(request: NightRequest, rooms: Rooms) -> tuple[date, ...]:
    """Return the nights missed between the last recorded night and this one, oldest first.

    Empty where this one is of the past: a replay, or a rerun by hand, keeps no schedule.
    """
    schedule, now, today = rooms.spec.schedule, rooms.now(), rooms.day()
    last = rooms.ledger.last_night(request.model, before=request.as_of)
    if last is None or request.as_of < today - timedelta(days=NOW_DAYS):
        return ()
    missed = missed_nights(schedule, last.decision.as_of, now)
    return tuple(night for night in missed if night < request.as_of)


def missed_of(
    model: str,
    now: datetime,
    *,
    scope: str | None = None,
    grace_hours: int = GRACE_HOURS,
    settings: Settings | None = None,
) -> MissedNights:
    """Look a model's schedule and records up; only its spec and the ledger are read.

    Raises
    ------
    UnknownModel
        No spec declares it.
    Unreachable
        The ledger was never set up (``finrisk init``), or does not answer.
    """
    settings = settings or load_settings()
    schedule = find_spec(settings.conf_locations, model).schedule
    with Ledger.open(settings if scope is None else settings.in_scope(scope)) as ledger:
        last = ledger.last_night(model)
        scope = ledger.scope
    last_night = None if last is None else last.decision.as_of
    return MissedNights(
        model=model,
        scope=scope,
        last_night=last_night,
        due=next(_due_nights(schedule, now, grace_hours)),
        grace_hours=grace_hours,
        nights=missed_nights(schedule, last_night, now, grace_hours=grace_hours),
    )


def _due_nights(schedule: Schedule, now: datetime, grace_hours: int) -> Iterator[date]:
    """Yield the days whose first slot and the grace after it have passed, newest first."""
    zone = ZoneInfo(schedule.timezone)
    for slot in _first_slots(schedule.cron, now.astimezone(zone).date()):
        began = slot.replace(tzinfo=zone).astimezone(UTC)  # hours added in a zone are its clock's
        if began + timedelta(hours=grace_hours) <= now:
            yield slot.date()


def _first_slots(cron: str, until: date) -> Iterator[datetime]:
    """Yield the first slot of every day that has one, newest first, on the wall clock.

    Day by day, because a cron of every minute has 1440 slots on each.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # the scheduler's own parser

    midnight = datetime.combine(until, time()) + timedelta(days=1)
    while True:
        day = datetime.combine(croniter(cron, midnight).get_prev(datetime), time())
        yield croniter(cron, day - timedelta(seconds=1)).get_next(datetime)
        midnight = day
