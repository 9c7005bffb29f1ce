"""An alarm that stands asks for a night, through the inbox that alerts from outside come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from finrisk.evaluation.watched import CALIBRATION, FEATURE_DRIFT, PERFORMANCE, SCORE_DRIFT
from finrisk.keys import alarm_key
from finrisk.ledger.inbox import Asked, Limits, Rerun
from finrisk.ledger.reading_history import began_on
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.rooms import Rooms
from finrisk.specs.alerts import ALERT_OF_MONITOR, RERUN_REASONS
from finrisk.specs.model_spec import ModelSpec

MONITOR = "monitor"
"""Who delivers: the source of what is asked here."""
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
    alarming = {r.monitor for r in readings if r.state is State.ALARM} & ALERT_OF_MONITOR.keys()
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
    for monitor, alert in ALERT_OF_MONITOR.items():
        alarms = [r for r in readings if r.monitor == monitor and r.state is State.ALARM]
        if not alarms or RERUN_REASONS[alert] not in spec.monitoring.reruns.alarms:
            continue
        one = alarms[0]
        began = began_on(history, monitor, one.version, one.as_of)
        yield Asked(
            model=spec.name,
            key=alarm_key(spec.name, alert, began, one.version),
            alert=alert.value,
            source=MONITOR,
            reason=reason_of(alarms),
            began=datetime.combine(began, time(), ZoneInfo(spec.schedule.timezone)),
            as_of=readings[0].as_of,
        )


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
