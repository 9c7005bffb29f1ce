"""A day's readings as an MLflow run: each figure a metric, and what came before as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from finrisk.errors import Unreachable
from finrisk.evaluation.watched import ESTIMATE, FEATURE_DRIFT, PERFORMANCE, SCORE_DRIFT
from finrisk.keys import run_key
from finrisk.ledger.readings import Reading, State
from finrisk.pictures.over_time import Track, drift_picture, performance_picture
from finrisk.pipelines.rooms import Rooms
from finrisk.tracking.run_writer import RunContents

SHOWN_DAYS = 120
FEATURES_SHOWN = 3
SCORE = "score"


def log_readings(
    readings: Sequence[Reading], history: Sequence[Reading], rooms: Rooms
) -> str | None:
    """Log a day to MLflow, once for the same readings; return the run, None where it is away.

    Parameters
    ----------
    readings : sequence of Reading
        Of one day.
    history : sequence of Reading
        Of that day and of those before, for the pictures.
    """
    spec, as_of = rooms.spec, readings[0].as_of
    told = sha256(b"\n".join(reading.canonical() for reading in readings)).hexdigest()
    key = run_key("monitoring", rooms.settings.scope, spec.name, str(as_of), told)
    contents = RunContents(
        metrics={name_of(reading): reading.value for reading in readings},
        documents={"readings.json": [reading.to_json() for reading in readings]},
        pictures=pictures_of(readings, history, rooms) if rooms.settings.pictures else {},
    )
    states = {state.value: sum(r.state is state for r in readings) for state in State}
    try:
        return rooms.tracker.log_monitoring(
            key,
            contents,
            model=spec.name,
            model_type=spec.model_type,
            as_of=as_of,
            states=states,
        )
    except Unreachable:
        return None


def name_of(reading: Reading) -> str:
    """Return a reading's name as a metric.

    Examples
    --------
    >>> from datetime import date
    >>> of = Reading("m", date(2024, 3, 1), "slice", "channel=web", 1, None, None, None, None,
    ...              State.UNKNOWN, {})
    >>> name_of(of)
    'slice.channel=web'
    """
    subject = reading.subject.replace("/", "_")
    return f"{reading.monitor}.{subject}" if subject else reading.monitor


def pictures_of(
    readings: Sequence[Reading], history: Sequence[Reading], rooms: Rooms
) -> dict[str, bytes]:
    """Draw drift and performance over the days up to this one."""
    spec, as_of = rooms.spec, readings[0].as_of
    since = as_of - timedelta(days=SHOWN_DAYS)
    known = [r for r in history if since <= r.as_of <= as_of]
    drifts = {SCORE: track_of(known, SCORE_DRIFT, "")}
    drifts |= {name: track_of(known, FEATURE_DRIFT, name) for name in _most_drifted(readings)}
    drifts = {name: track for name, track in drifts.items() if any(_known(track))}
    pictures: dict[str, bytes] = {}
    if drifts:
        pictures["drift_over_time"] = drift_picture(
            drifts,
            least=spec.monitoring.least_psi,
            model=spec.name,
            about=f"{spec.monitoring.window_days} days of decisions against the champion's "
            "reference; dashed: alarm limits",
        )
    metric = spec.headline_metric
    matured, estimated = (track_of(known, m, metric) for m in (PERFORMANCE, ESTIMATE))
    if any(_known(matured)) or any(_known(estimated)):
        pictures["performance_over_time"] = performance_picture(
            matured,
            estimated,
            metric=metric,
            model=spec.name,
            least=_least(readings, metric),
            about="the champion of each day, on decisions that it made",
        )
    return pictures


def track_of(history: Sequence[Reading], monitor: str, subject: str) -> Track:
    """Return one figure by day."""
    of = [r for r in history if (r.monitor, r.subject) == (monitor, subject)]
    return Track(
        days=[r.as_of for r in of],
        values=[r.value for r in of],
        low=[r.low for r in of],
        high=[r.high for r in of],
        limits=[r.threshold for r in of],
    )


def _known(track: Track) -> list[bool]:
    return [value is not None for value in track.values]


def _most_drifted(readings: Sequence[Reading]) -> list[str]:
    known = [r for r in readings if r.monitor == FEATURE_DRIFT and r.value is not None]
    return [r.subject for r in sorted(known, key=lambda r: -(r.value or 0.0))[:FEATURES_SHOWN]]


def _least(readings: Sequence[Reading], metric: str) -> float | None:
    for reading in readings:
        if (reading.monitor, reading.subject) == (PERFORMANCE, metric):
            least: float | None = reading.detail.get("least")
            return least
    return None
