"""What monitors read of a day, in the words of a person who has to act on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from finrisk.dashboard.look import moment
from finrisk.dashboard.monitoring.reading_words import TITLES, said
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.readings import Reading, State
from finrisk.specs.alerts import ALERT_OF_MONITOR, RERUN_REASONS
from finrisk.specs.monitoring import Monitoring
from finrisk.wording import counted

DECISIONS_ODD, BLIND = "FinRiskDecisionsOdd", "FinRiskMonitorsBlind"
LABELS_STALE, DATA_STALE = "FinRiskLabelsStale", "FinRiskDataStale"
ODD = ("missing_rate", "categories", "volume", "slice")
WORST_FIRST = (State.ALARM, State.WARN, State.UNKNOWN, State.QUIET)
MOST_NAMED = 3
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MonitorToday:
    """One monitor on the newest day that was read.

    Parameters
    ----------
    readings : tuple of Reading
        Those in the worst state first.
    began : date or None
        Since when it alarms, or warns, without a known day between; None where it does neither.
    rerun : Rerun or None
        The alert that its alarm delivered.
    """

    monitor: str
    state: State
    readings: tuple[Reading, ...]
    began: date | None = None
    rerun: Rerun | None = None

    @property
    def title(self) -> str:
        """What people call the monitor."""
        return TITLES.get(self.monitor, self.monitor)

    @property
    def sentence(self) -> str:
        """What it found, its worst figures first."""
        worst = [r for r in self.readings if r.state is self.state]
        if self.state is State.UNKNOWN:
            return "; ".join(dict.fromkeys(said(r) for r in worst))
        told = "; ".join(said(r) for r in worst[:MOST_NAMED])
        more = len(worst) - MOST_NAMED
        return f"{told}; and {more} more" if more > 0 else told


def monitors_of(readings: Iterable[Reading]) -> list[MonitorToday]:
    """Return a day's readings monitor by monitor, those that alarm first."""
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        found.setdefault(reading.monitor, []).append(reading)
    monitors = [
        MonitorToday(name, worst_of(r.state for r in of), tuple(sorted(of, key=_worst_first)))
        for name, of in found.items()
    ]
    places = list(TITLES)
    return sorted(
        monitors,
        key=lambda m: (
            WORST_FIRST.index(m.state),
            places.index(m.monitor) if m.monitor in places else len(places),
        ),
    )


def worst_of(states: Iterable[State]) -> State:
    """Return what a person has to know first.

    Examples
    --------
    >>> worst_of([State.QUIET, State.UNKNOWN, State.WARN]).value
    'warn'
    """
    return min(states, key=WORST_FIRST.index, default=State.UNKNOWN)


def _worst_first(reading: Reading) -> tuple[int, float, str]:
    return (WORST_FIRST.index(reading.state), -abs(reading.value or 0.0), reading.subject)


def without_news(monitors: Sequence[MonitorToday]) -> list[tuple[str, str]]:
    """Return why monitors cannot say anything, those of one reason together.

    Returns
    -------
    list of (str, str)
        The reason, and the titles of the monitors.
    """
    found: dict[str, list[str]] = {}
    for monitor in monitors:
        if monitor.state is State.UNKNOWN:
            for reading in monitor.readings:
                why = str(reading.detail.get("reason") or "nobody can say why")
                titles = found.setdefault(why, [])
                if reading.state is State.UNKNOWN and monitor.title not in titles:
                    titles.append(monitor.title)
    return [(why, ", ".join(titles)) for why, titles in found.items() if titles]


def runbook_of(monitor: MonitorToday) -> str | None:
    """Return the name of the runbook that says what to do; None where there is nothing to do."""
    if monitor.state is State.UNKNOWN:
        return BLIND if monitor.monitor == "score_drift" else None
    if monitor.state is not State.ALARM:
        return None
    if monitor.monitor == "freshness":
        late = {r.subject for r in monitor.readings if r.state is State.ALARM}
        return LABELS_STALE if late == {"labels"} else DATA_STALE
    if monitor.monitor in ODD:
        return DECISIONS_ODD
    alert = ALERT_OF_MONITOR.get(monitor.monitor)
    return None if alert is None else alert.value


def asked_sentence(monitor: MonitorToday, policy: Monitoring, zone: str) -> str:
    """Return what an alarm asked for, and what became of it."""
    alert = ALERT_OF_MONITOR.get(monitor.monitor)
    if alert is None:
        return "Asks for no night: an alarm of this monitor only tells."
    if RERUN_REASONS[alert] not in policy.reruns.alarms:
        return (
            f"Asks for no night: {RERUN_REASONS[alert]} is not among monitoring.reruns.alarms "
            "of the spec."
        )
    if monitor.rerun is None:
        return "Asked for no night that is on record; a day read with --tell-only asks for none."
    return f"Asked for a night: {outcome_sentence(monitor.rerun, zone)}."


def outcome_sentence(rerun: Rerun, zone: str) -> str:
    """Return what became of an alert."""
    if rerun.outcome is Outcome.COOLING_DOWN:
        return "refused, its class was cooling down; it asks again once it has ended and begun anew"
    if rerun.outcome is Outcome.CAPPED:
        return "refused, the nights of that day were used up"
    if rerun.started is None:
        return "accepted, and not started yet (finrisk_reruns starts it, every five minutes)"
    return f"accepted, and started on {moment(rerun.started, zone)}"


def headline(monitors: Sequence[MonitorToday]) -> str:
    """Return how many monitors are in which state, in one sentence.

    Examples
    --------
    >>> headline([MonitorToday("volume", State.ALARM, ()), MonitorToday("slice", State.QUIET, ())])
    '1 monitor alarms, 1 is quiet'
    """
    words = {
        State.ALARM: ("alarms", "alarm"),
        State.WARN: ("warns", "warn"),
        State.UNKNOWN: ("cannot say", "cannot say"),
        State.QUIET: ("is quiet", "are quiet"),
    }
    told: list[str] = []
    for state in WORST_FIRST:
        count = sum(of.state is state for of in monitors)
        if count:
            what = str(count) if told else counted(count, "monitor")
            told.append(f"{what} {words[state][count > 1]}")
    return ", ".join(told)


def limits_sentences(
    accepted: Sequence[Rerun], policy: Monitoring, now: datetime, zone: str
) -> list[str]:
    """Return what keeps the next alert from starting a night, and until when.

    Parameters
    ----------
    accepted : sequence of Rerun
        Those accepted in the last cool-down or 24 hours, whichever is longer.
    """
    cool_down = timedelta(days=policy.reruns.cool_down_days)
    told = []
    for alert in sorted({of.alert for of in accepted}):
        last = max(of.received for of in accepted if of.alert == alert)
        if last > now - cool_down:
            told.append(
                f"{alert} cools down until {moment(last + cool_down, zone)}: "
                f"it started a night on {moment(last, zone)}."
            )
    today = sorted(of.received for of in accepted if of.received > now - ONE_DAY)
    most = policy.reruns.most_a_day
    if len(today) >= most:
        told.append(
            f"{len(today)} of {counted(most, 'night')} in 24 hours used: no alert of any class "
            f"starts one before {moment(today[-most] + ONE_DAY, zone)}."
        )
    return told or [
        "Nothing cools down and no cap is reached: the next alert that may ask starts a night."
    ]


def may_ask_sentence(policy: Monitoring) -> str:
    """Return which alarms ask, and how often they may.

    Examples
    --------
    >>> may_ask_sentence(Monitoring())
    'May ask: score_drift, performance, calibration. One night a class in 7 days, 1 in 24 hours.'
    """
    asking = ", ".join(policy.reruns.alarms) or "none"
    days = counted(policy.reruns.cool_down_days, "day")
    return (
        f"May ask: {asking}. One night a class in {days}, {policy.reruns.most_a_day} in 24 hours."
    )
