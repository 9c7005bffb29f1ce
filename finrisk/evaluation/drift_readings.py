"""What the decisions of a window say before any label is known: drift, gaps, strangers, volume."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from finrisk.evaluation.watched import (
    CATEGORIES,
    FEATURE_DRIFT,
    MISSING_RATE,
    SCORE,
    SCORE_DRIFT,
    SURE,
    VOLUME,
    Watched,
    certain,
    document,
    rounded,
)
from finrisk.ledger.readings import Reading, State
from finrisk.metrics.day_counts import DAYS_OF_A_WEEK, DayCounts
from finrisk.metrics.drift import ColumnDrift, Reference
from finrisk.metrics.drift_bins import KindBins
from finrisk.metrics.drift_levels import DriftLevel, DriftPolicy, JudgedColumn
from finrisk.metrics.row_volume import VolumeChange, volume_change
from finrisk.metrics.share_change import share_change
from finrisk.metrics.table_drift import table_drift
from finrisk.records import JsonObject
from finrisk.specs.model_spec import ModelSpec

STATES = {
    DriftLevel.QUIET: State.QUIET,
    DriftLevel.WARN: State.WARN,
    DriftLevel.ALARM: State.ALARM,
    DriftLevel.UNKNOWN: State.UNKNOWN,
}
WARN_DEVIATIONS, ALARM_DEVIATIONS = 3.0, 5.0
LEAST_CHANGE = 1.25  # times the rows, or as many times fewer: below it nobody would act
WORSE = (State.QUIET, State.WARN, State.ALARM)
BINS_SHOWN = 3


@dataclass(frozen=True)
class DriftBasis:
    """What a window is compared with, and the window.

    Parameters
    ----------
    references : mapping of str to Reference
        By column; the score is among them as ``score``.
    windows : mapping of str to DayCounts
        Of the same columns.
    usual_rows, rows : DayCounts
        All rows by day, of the reference and of the window, each in one bin.
    without : mapping of str to str
        Columns that have no reference, and why.
    about : dict
        Which days both are of; it goes into each reading.
    """

    references: Mapping[str, Reference]
    windows: Mapping[str, DayCounts]
    usual_rows: DayCounts
    rows: DayCounts
    without: Mapping[str, str]
    about: JsonObject


def drift_readings(watched: Watched, basis: DriftBasis, spec: ModelSpec) -> list[Reading]:
    """Read score and feature drift, missing values, unseen categories and volume.

    All columns are judged together: limits are corrected for their number, and for a look a day.
    """
    policy = DriftPolicy(
        least_psi=spec.monitoring.least_psi,
        false_discoveries=spec.monitoring.false_discoveries,
        alarm_years=spec.monitoring.alarm_years,
    )
    judged = table_drift(basis.references, basis.windows, policy)
    readings = [_drift(watched, name, column, spec, basis.about) for name, column in judged.items()]
    for name, why in basis.without.items():
        monitor, subject = (SCORE_DRIFT, "") if name == SCORE else (FEATURE_DRIFT, name)
        readings.append(watched.unknown(monitor, subject, why=why, **basis.about))
    features = {name: column for name, column in judged.items() if name != SCORE}
    readings += _missing(watched, features, spec)
    readings += _categories(watched, features, basis, spec)
    return [*readings, _volume(watched, basis)]


def _drift(
    watched: Watched, name: str, judged: JudgedColumn, spec: ModelSpec, about: JsonObject
) -> Reading:
    drift = judged.drift
    return watched.reading(
        SCORE_DRIFT if name == SCORE else FEATURE_DRIFT,
        "" if name == SCORE else name,
        state=STATES[judged.level],
        value=drift.psi,
        threshold=judged.alarm_limit,
        rows=drift.rows,
        **document(
            reason=_why_unknown(judged),
            p_value=drift.p_value,
            moved_share=rounded(drift.moved_share),
            most_moved=_most_moved(name, drift, spec),
        ),
        **about,
    )


def _why_unknown(judged: JudgedColumn) -> str | None:
    if judged.level is not DriftLevel.UNKNOWN:
        return None
    if judged.drift.law is None:
        return "the reference is too short to say what chance does over such a window"
    return "too few rows to say what chance does"


def _most_moved(name: str, drift: ColumnDrift, spec: ModelSpec) -> list[JsonObject] | None:
    """Return the bins that moved most; a word that no spec declares may be anything, and stays."""
    column = spec.columns.get(name)
    if column is not None and column.type == "category" and column.values is None:
        return None
    bins = sorted(drift.bins, key=lambda shift: -shift.part)[:BINS_SHOWN]
    return [
        {"bin": shift.label, "before": rounded(shift.before), "now": rounded(shift.now)}
        for shift in bins
    ]


def _missing(
    watched: Watched, features: Mapping[str, JudgedColumn], spec: ModelSpec
) -> Iterator[Reading]:
    least = spec.monitoring.least_share
    wider = certain(spec, len(features)) / SURE
    for name, judged in features.items():
        change = judged.drift.missing
        if change is None:
            yield watched.unknown(MISSING_RATE, name, why="no rows")
            continue
        # either way: values that were missing and now are there come from somewhere else
        more = change.difference >= 0.0
        size = abs(change.difference)
        chance = change.difference - change.lower if more else change.upper - change.difference
        yield watched.reading(
            MISSING_RATE,
            name,
            state=_beyond(size, least, chance, wider * chance),
            value=change.now,
            low=max(0.0, change.before + change.lower),
            high=min(1.0, change.before + change.upper),
            threshold=_within(change.before + max(least, wider * chance) * (1 if more else -1)),
            before=rounded(change.before),
        )


def _categories(
    watched: Watched, features: Mapping[str, JudgedColumn], basis: DriftBasis, spec: ModelSpec
) -> Iterator[Reading]:
    least = spec.monitoring.least_share
    kinds = [name for name in features if isinstance(basis.references[name].bins, KindBins)]
    wider = certain(spec, len(kinds)) / SURE
    for name in kinds:
        share = features[name].drift.unseen_share
        counts = basis.windows[name].counts
        rows = int(counts.sum())
        if share is None or not rows:
            yield watched.unknown(CATEGORIES, name, why="no rows")
            continue
        # not widened by how the share varies within the window: a word that begins to come half
        # way through would count as chance. The reference, which has none, widens nothing
        change = share_change(0, basis.references[name].counts.rows, int(counts[:, -2].sum()), rows)
        chance = share - change.lower
        yield watched.reading(
            CATEGORIES,
            name,
            state=_beyond(share, least, chance, wider * chance),
            value=share,
            low=max(0.0, change.lower),
            high=change.upper,
            threshold=_within(max(least, wider * chance)),
        )


def _beyond(size: float, least: float, chance: float, surely: float) -> State:
    """Judge a change of a share: it must matter, and be more than chance."""
    if size < least or size <= chance:
        return State.QUIET
    return State.ALARM if size > surely else State.WARN


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _volume(watched: Watched, basis: DriftBasis) -> Reading:
    spans = (basis.rows, _newest(basis.rows))
    found = [(of.days, volume_change(basis.usual_rows, of)) for of in spans]
    known = [(days, change) for days, change in found if change is not None]
    if not known:
        return watched.unknown(VOLUME, why="the reference has no rows on such days")
    # of the two the worse one counts, and of two alike that of the whole window
    days, change = max(known, key=lambda one: WORSE.index(_volume_state(one[1])))
    of = document(
        days=days,
        rows_a_day=rounded(change.rows_a_day),
        expected_a_day=rounded(change.expected_a_day),
        deviations=rounded(change.deviations),
        alarm_deviations=ALARM_DEVIATIONS,
    )
    return watched.reading(VOLUME, state=_volume_state(change), value=change.ratio, **of)


def _newest(rows: DayCounts) -> DayCounts:
    """Return the last week: of a loss that began in it, the median day of a month knows nothing."""
    days = min(rows.days, DAYS_OF_A_WEEK)
    return rows.span(rows.first_day + rows.days - days, days)


def _volume_state(change: VolumeChange) -> State:
    ratio, deviations = change.ratio, change.deviations
    if ratio > 0.0 and abs(math.log(ratio)) < math.log(LEAST_CHANGE):
        return State.QUIET
    if deviations is None:  # every day of the reference was alike, so any change is one
        return State.ALARM
    if abs(deviations) >= ALARM_DEVIATIONS:
        return State.ALARM
    return State.WARN if abs(deviations) >= WARN_DEVIATIONS else State.QUIET
