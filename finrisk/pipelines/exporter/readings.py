"""From what monitors read to figures under their labels; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.exporter import declared as m
from finrisk.pipelines.exporter.declared import Metric
from finrisk.pipelines.exporter.samples import DAY_SECONDS, Sample, Whose, midnight

LEVELS = MappingProxyType({State.QUIET: 0, State.WARN: 1, State.ALARM: 2})
COUNTED_ONLY = frozenset({"slice"})  # a slice's name is a value of a column, and may be anything
FRESHNESS = "freshness"


@dataclass(frozen=True, slots=True)
class Shown:
    """Under which metrics a monitor's figures go; None where it has none of that."""

    value: Metric
    low: Metric | None = None
    high: Metric | None = None
    threshold: Metric | None = None


SHOWN: Mapping[str, Shown] = MappingProxyType(
    {
        "score_drift": Shown(m.SCORE_PSI, threshold=m.SCORE_PSI_LIMIT),
        "feature_drift": Shown(m.FEATURE_PSI, threshold=m.FEATURE_PSI_LIMIT),
        "missing_rate": Shown(m.MISSING),
        "categories": Shown(m.UNSEEN),
        "volume": Shown(m.VOLUME),
        "performance": Shown(
            m.PERFORMANCE, m.PERFORMANCE_LOWER, m.PERFORMANCE_UPPER, m.PERFORMANCE_LIMIT
        ),
        "estimate": Shown(m.ESTIMATE),
        "calibration": Shown(
            m.CALIBRATION, m.CALIBRATION_LOWER, m.CALIBRATION_UPPER, m.CALIBRATION_LIMIT
        ),
    }
)
PROMISED = "shown"  # what a reading of performance says of the champion's own hold-out


def of_readings(whose: Whose, readings: Iterable[Reading]) -> Iterator[Sample]:
    """Yield what each monitor read on its newest day."""
    days: dict[str, date] = {}
    states: Counter[tuple[str, State]] = Counter()
    for reading in readings:
        days[reading.monitor] = reading.as_of
        states[reading.monitor, reading.state] += 1
        yield from _of_reading(whose, reading)
    for monitor, day in days.items():
        yield from whose.told(m.MONITOR_DAY, midnight(day), monitor)
        for state in State:
            yield from whose.told(m.MONITOR_SUBJECTS, states[monitor, state], monitor, state)


def _of_reading(whose: Whose, reading: Reading) -> Iterator[Sample]:
    version = "" if reading.version is None else str(reading.version)
    if reading.monitor not in COUNTED_ONLY:
        level = LEVELS.get(reading.state)
        yield from whose.told(m.MONITOR_LEVEL, level, version, reading.monitor, reading.subject)
    if reading.monitor == FRESHNESS and reading.value is not None:
        newest = midnight(reading.as_of) - reading.value * DAY_SECONDS
        yield from whose.told(m.DATA_NEWEST, newest, reading.subject)
    if (shown := SHOWN.get(reading.monitor)) is not None:
        yield from _figures(whose, reading, shown, version)


def _figures(whose: Whose, reading: Reading, shown: Shown, version: str) -> Iterator[Sample]:
    figures = {
        shown.value: reading.value,
        shown.low: reading.low,
        shown.high: reading.high,
        shown.threshold: reading.threshold,
    }
    if shown.value is m.PERFORMANCE:
        figures[m.PERFORMANCE_PROMISED] = reading.detail.get(PROMISED)
    for metric, value in figures.items():
        if metric is not None:
            labels = (version, reading.subject)[: len(metric.labels) - len(whose)]
            yield from whose.told(metric, value, *labels)
