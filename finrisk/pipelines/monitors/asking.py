"""An alarm that stands asks for a night, through the inbox that alerts from outside come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from finrisk.evaluation.watched import CALIBRATION, FEATURE_DRIFT, PERFORMANCE, SCORE_DRIFT
from finrisk.keys import run_key
from finrisk.ledger.inbox import Asked, Limits, Rerun
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.rooms import Rooms
from finrisk.specs.alerts import RERUN_REASONS, AlertClass
from finrisk.specs.model_spec import ModelSpec

MONITOR = "monitor"
"""Who delivers: the source of what is asked here."""
CLASSES = {
    SCORE_DRIFT: AlertClass.SCORE_DRIFT,
    FEATURE_DRIFT: AlertClass.FEATURE_DRIFT,
    PERFORMANCE: AlertClass.PERFORMANCE_LOSS,
    CALIBRATION: AlertClass.CALIBRATION_LOSS,
}
"""The monitors whose alarms may ask. An estimate is none of them: it has seen no label."""
MOST_NAMED = 3


def ask(readings: Sequence[Reading], rooms: Rooms) -> list[Rerun]:
    """Deliver each kind of alarm of a day that may ask; return what became of it.

    The same alarm on the next day is the same alert, delivered again: it is only counted.

    Parameters
    ----------
    readings : sequence of Reading
        Of one day; they are kept already.
    """
    spec = rooms.spec
    reruns = spec.monitoring.reruns
    limits = Limits(timedelta(days=reruns.cool_down_days), reruns.most_a_day)
    alarming = {r.monitor for r in readings if r.state is State.ALARM} & CLASSES.keys()
    history = [
        reading
        for monitor in sorted(alarming)
        for reading in rooms.ledger.readings(spec.name, monitor=monitor)
    ]
    found = list(askings(readings, history, spec))
    return [rooms.ledger.receive_alert(asked, limits, rooms.now()) for asked in found]


def askings(
    readings: Sequence[Reading], history: Sequence[Reading], spec: ModelSpec
) -> Iterator[Asked]:
    """Yield what the alarms of a day ask for, a class of alert at most once.

    Parameters
    ----------
    readings, history : sequences of Reading
        Of the day; of all days, at least those of the monitors that alarm.
    """
    for monitor, alert in CLASSES.items():
        alarms = [r for r in readings if r.monitor == monitor and r.state is State.ALARM]
        if not alarms or RERUN_REASONS[alert] not in spec.monitoring.reruns.alarms:
            continue
        began = began_on(alarms[0], history)
        yield Asked(
            model=spec.name,
            key=run_key(spec.name, alert.value, str(began), f"v{alarms[0].version}"),
            alert=alert.value,
            source=MONITOR,
            reason=reason_of(alarms),
            began=datetime.combine(began, time(), ZoneInfo(spec.schedule.timezone)),
            as_of=readings[0].as_of,
        )


def began_on(alarm: Reading, history: Sequence[Reading]) -> date:
    """Return the day since which each known reading of the monitor had an alarm, of any subject.

    Days without a reading interrupt nothing, nor do those on which nothing was known; another
    champion's alarm is another alarm.

    Parameters
    ----------
    alarm : Reading
        Of the day.
    history : sequence of Reading
        Of all days; later ones do not count.
    """
    alike = [
        r
        for r in history
        if (r.monitor, r.version) == (alarm.monitor, alarm.version)
        and r.as_of <= alarm.as_of
        and r.state is not State.UNKNOWN
    ]
    alarming = {r.as_of for r in alike if r.state is State.ALARM}
    began = alarm.as_of
    for day in sorted({r.as_of for r in alike}, reverse=True):
        if day not in alarming and day != alarm.as_of:
            break
        began = min(began, day)
    return began


def reason_of(alarms: Sequence[Reading]) -> str:
    """Return why, with figures: people read it in Airflow, the ledger and the evidence."""
    monitor = alarms[0].monitor
    told = [_TOLD[monitor](alarm) for alarm in alarms[:MOST_NAMED]]
    more = f", and {len(alarms) - MOST_NAMED} more" if len(alarms) > MOST_NAMED else ""
    detail = alarms[0].detail
    span = f" over {detail['first_day']} to {detail['last_day']}" if "last_day" in detail else ""
    return f"{', '.join(told)}{more}{span}"


def _drift(alarm: Reading) -> str:
    what = "score PSI" if alarm.monitor == SCORE_DRIFT else f"PSI of {alarm.subject}"
    return f"{what} {alarm.value:.2f} (limit {alarm.threshold:.2f})"


def _performance(alarm: Reading) -> str:
    shown = alarm.detail.get("shown")
    promised = "" if shown is None else f", shown {shown:.3f} at its promotion"
    return (
        f"{alarm.subject} {alarm.value:.3f} on matured labels "
        f"(limit {alarm.threshold:.3f}{promised})"
    )


def _calibration(alarm: Reading) -> str:
    detail = alarm.detail
    return (
        f"bad rate {detail['bad_rate']:.2%} where {detail['mean_score']:.2%} was said "
        f"(offset {alarm.value:+.2f}, limit {alarm.threshold:.2f})"
    )


_TOLD = {
    SCORE_DRIFT: _drift,
    FEATURE_DRIFT: _drift,
    PERFORMANCE: _performance,
    CALIBRATION: _calibration,
}
