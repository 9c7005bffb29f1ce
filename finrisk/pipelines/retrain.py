"""A night in one process, and many nights in their order, without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

import pandas as pd

from finrisk.errors import ConfigurationError
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightDecision, NightRequest, NightStatus

Tell = Callable[[str], None]
MOST_NIGHTS = 3660


def run_night(request: NightRequest, rooms: Rooms, *, tell: Tell) -> NightDecision:
    """Run the four steps one after the other; ``tell`` hears of each."""
    rooms.day(request.as_of)  # a night that has not come is refused before anything is told
    tell("validating and freezing the snapshot")
    prepared = steps.prepare(request, rooms)
    if prepared.status is NightStatus.DECIDED:
        tell(prepared.reasons[0])
    if (complete := prepared.data.label_completeness) is not None:
        tell(f"{complete:.1%} of the bads were reported by the time their labels are believed")
    trained = []
    if prepared.status is NightStatus.READY:
        for candidate in prepared.candidates:
            tell(f"training {candidate}")
            trained.append(steps.train(prepared, candidate, rooms))
        tell("comparing with the champion")
    decision = steps.decide(prepared, trained, rooms)
    return steps.promote(decision, rooms)


def nights_between(start: date, to: date, every: str) -> list[date]:
    """Return the nights from ``start`` to ``to``, both included where they fall on a step.

    Examples
    --------
    >>> [d.isoformat() for d in nights_between(date(2024, 1, 31), date(2024, 4, 1), "month")]
    ['2024-01-31', '2024-02-29', '2024-03-31']

    Raises
    ------
    ConfigurationError
        ``every`` is no step, or the range is empty or too long.
    """
    if every == "month":
        months = (to.year - start.year) * 12 + to.month - start.month
        steps_on = [
            (pd.Timestamp(start) + pd.DateOffset(months=n)).date() for n in range(months + 1)
        ]
    else:
        days = {"day": 1, "week": 7}.get(every) or (int(every) if every.isdecimal() else 0)
        if days < 1:
            raise ConfigurationError(
                "no such step between nights",
                expected="month, week, day or a number of days",
                got=every,
            )
        count = (to - start).days // days
        steps_on = [start + timedelta(days=days * n) for n in range(count + 1)]
    nights = [night for night in steps_on if night <= to]
    if not 0 < len(nights) <= MOST_NIGHTS:
        raise ConfigurationError(
            f"{len(nights)} nights from {start} to {to}", expected=f"1 to {MOST_NIGHTS}"
        )
    return nights


def run_replay(rooms: Rooms, nights: Sequence[date], *, tell: Tell) -> list[NightDecision]:
    """Run past nights in their order; one that its data block holds, and the next follows."""
    decisions = []
    for count, as_of in enumerate(nights, start=1):
        request = NightRequest(
            model=rooms.spec.name, as_of=as_of, reason="replay", actor=rooms.settings.actor
        )
        told = partial(_tell_of, tell, f"night {count} of {len(nights)}, as of {as_of}")
        decisions.append(run_night(request, rooms, tell=told))
    return decisions


def _tell_of(tell: Tell, night: str, text: str) -> None:
    tell(f"{night}: {text}")
