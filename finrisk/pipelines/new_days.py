"""The days whose rows are still to be decided: landed, judged by a night, and not in the log yet.

A day waits for the night that holds its rows to their contract; a blocked night's days wait until
one passes. A night that leaves no record, though it was due, keeps nobody waiting: decisions must
not depend on whether models can be trained.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from finrisk.config import Connections, connection_from_environment
from finrisk.data.decision_log import DecisionLog
from finrisk.data.stored_files import DECISIONS
from finrisk.errors import ConfigurationError, NothingLanded
from finrisk.ledger.nights import StoredNight
from finrisk.pipelines.missed import missed_nights
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days
from finrisk.pipelines.scoring_report import ScoringReport
from finrisk.records import NightStatus, PromotionRecord

log = logging.getLogger(__name__)

CATCH_UP_DAYS = 35  # a month that lands at its end, and a few days until it does
ONE_DAY = timedelta(days=1)


def score_new_days(
    model: str,
    *,
    first: date | None = None,
    last: date | None = None,
    version: int | None = None,
    catch_up_days: int = CATCH_UP_DAYS,
    rooms: Rooms | None = None,
    connections: Connections = connection_from_environment,
    tell: Callable[[str], None] = log.info,
) -> ScoringReport:
    """Log the champion's decisions of days that have none; asked again, there is nothing to do.

    A day that an earlier champion decided stays decided: a new champion decides from then on.

    Parameters
    ----------
    first, last : date, optional
        Days that a person asks for: scored whether or not they were, whatever a night says of them.
        One alone is a single day.
    version : int, optional
        Another than the champion, for days asked for.
    catch_up_days : int
        No day is older than this many before today, unless it is asked for.

    Returns
    -------
    ScoringReport
        With a reason where nothing was scored, which is no error: there is no champion yet, or
        nothing new has landed.

    Raises
    ------
    ConfigurationError
        A version is asked for without days; or as :func:`finrisk.pipelines.scoring.score_days`.
    LandingError, ContractBreach, LabelError, ArtifactRejected
        As :func:`finrisk.pipelines.scoring.score_days`.
    """
    rooms = rooms or Rooms.open(model, connections=connections)
    if (begin := first or last) is not None:
        return score_days(rooms, begin, last or begin, version=version, tell=tell)
    if version is not None:
        raise ConfigurationError(
            f"version {version} is asked for without days",
            expected="the days that it is to score",
            remedy="say from and to; the champion alone scores whatever is new",
        )
    days, decided, reason = _open_days(rooms, catch_up_days)
    nothing = ScoringReport(model=model, scope=rooms.settings.scope, reason=reason)
    if not days:
        return nothing
    try:
        report = score_days(rooms, days[0], days[-1], without=decided, tell=tell)
    except NothingLanded:
        report = nothing
    if not report.rows:
        report = nothing.replace(reason=reason or f"nothing new has landed since {days[0]}")
    return report.replace(reason=report.reason or reason)


def _open_days(rooms: Rooms, most: int) -> tuple[list[date], frozenset[date], str]:
    """Return the days that may be decided now, those decided before, and what others wait for."""
    history, today = rooms.ledger.history(rooms.spec.name), rooms.day()
    if not history:
        return [], frozenset(), "there is no champion yet"
    judged, reason = _judged_until(rooms)
    since = max(_counts_from(history), today - most * ONE_DAY)
    until = min(judged, today - ONE_DAY)
    log_of_scope = DecisionLog(rooms.settings.store / DECISIONS, rooms.settings.scope)
    decided = log_of_scope.decided_days(rooms.spec.name, since, until)
    every = (since + n * ONE_DAY for n in range((until - since).days + 1))
    days = [day for day in every if day not in decided]
    return days, decided, reason or ("" if days else "every day that has passed is decided")


def _counts_from(history: Sequence[PromotionRecord]) -> date:
    """Return the first day that any champion decided."""
    return history[0].as_of or history[0].at.date()


def _judged_until(rooms: Rooms) -> tuple[date, str]:
    """Return the last day that no night is waited for, and why later ones wait."""
    model = rooms.spec.name
    newest = rooms.ledger.last_night(model)
    if newest is None or newest.decision.status is not NightStatus.BLOCKED:
        as_of = None if newest is None else newest.decision.as_of
        due = missed_nights(rooms.spec.schedule, as_of, rooms.now())
        nights = [night for night in (as_of, *due) if night is not None]
        return max(nights, default=date.min + ONE_DAY) - ONE_DAY, ""
    sound: StoredNight | None = newest
    while sound is not None and sound.decision.status is NightStatus.BLOCKED:
        sound = rooms.ledger.last_night(model, before=sound.decision.as_of)
    blocked = newest.decision.as_of
    reason = f"the night of {blocked} is blocked, and days that no other night has judged wait"
    return (sound.decision.as_of if sound else date.min + ONE_DAY) - ONE_DAY, reason
