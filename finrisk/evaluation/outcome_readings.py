"""What matured labels say of a champion, and what its probabilities say before there are any.

An alarm asks that a figure is surely beyond its limit, not that it is: the limit of each is moved
by as many standard errors as let one year in a hundred have a false alarm, whatever is read each
day. The error is the largest of those by rows, clusters and days.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from finrisk.data.labels import LABEL, VINTAGE
from finrisk.errors import LabelError, NotEnoughData
from finrisk.evaluation.judged_rows import cluster_numbers
from finrisk.evaluation.watched import (
    CALIBRATION,
    ESTIMATE,
    PERFORMANCE,
    SLICE,
    SURE,
    Promise,
    Watched,
    certain,
    document,
    rounded,
)
from finrisk.ledger.readings import Reading, State
from finrisk.metrics.expected_ranking import expected_ranking
from finrisk.metrics.offset_error import MeasuredOffset, measured_offset
from finrisk.metrics.one_score import MeasuredMetric, measured_metrics
from finrisk.metrics.ranking import ranking_metrics
from finrisk.records import JsonObject
from finrisk.specs.model_spec import ModelSpec

SCORED, DAY, CLUSTERS, SLICES = "_score", "_as_of", "_cluster_", "_slice_"
METRICS = ("auc", "ks", "average_precision")
ESTIMATED = ("auc", "average_precision")
DAYS = "day"
TOO_FEW = (NotEnoughData, LabelError)  # of a day or a slice without a bad there is one class only
MOST_VINTAGES = 31
FEWEST_OF_A_VINTAGE = 5  # bads and goods: below it a vintage's figure would be one row's
ASSUMED = (
    "each score is the row's probability of bad, as it was when the champion was judged",
    "rows of the window end independently of each other",
)


def outcome_readings(
    watched: Watched, matured: pd.DataFrame, promise: Promise, spec: ModelSpec, *, probability: bool
) -> list[Reading]:
    """Read performance, calibration and slices on decisions whose labels are known.

    Parameters
    ----------
    matured : DataFrame
        ``_label`` (1 bad, 0 good), ``_vintage``, and of the decision log ``_score``, ``_as_of``,
        ``_cluster_…`` and ``_slice_…``.
    promise : Promise
        What the champion showed.
    probability : bool
        False of a detector: its score is held against no bad rate.
    """
    readings = list(_performance(watched, matured, promise, spec))
    readings.append(_calibration(watched, matured, spec, probability=probability))
    return [*readings, *_slices(watched, matured, spec, probability=probability)]


def nothing_matured(
    watched: Watched, why: str, spec: ModelSpec, *, probability: bool
) -> list[Reading]:
    """Return the readings of a day on which no label of a decision is known.

    Each monitor has one, or what was last read of another champion would stand as its newest.
    """
    readings = [watched.unknown(PERFORMANCE, metric, why=why) for metric in METRICS]
    why = why if probability else NO_PROBABILITY
    readings.append(watched.unknown(CALIBRATION, why=why))
    return [*readings, *(watched.unknown(SLICE, of, why=why) for of in _declared_slices(spec))]


NO_PROBABILITY = "the champion is a detector: its score is no probability"


def estimate_readings(
    watched: Watched, scores: np.ndarray[Any, Any], promise: Promise, spec: ModelSpec
) -> list[Reading]:
    """Estimate what performance will be, from probabilities alone: at most a warning.

    Parameters
    ----------
    scores : (n,) array of float
        Probabilities of bad of the window's decisions; none of a detector.
    """
    expected = expected_ranking(scores, seed=watched.as_of.toordinal()) if scores.size else None
    if expected is None:
        return no_estimates(
            watched, "hardly a bad is expected" if scores.size else "no decisions in the window"
        )
    readings = []
    for metric in ESTIMATED:
        of, least = expected[metric], promise.least(metric, spec.monitoring.skill_loss)
        below = least is not None and of.high < least
        readings.append(
            watched.reading(
                ESTIMATE,
                metric,
                state=State.WARN if below else State.QUIET,
                value=of.value,
                low=of.low,
                high=of.high,
                threshold=least,
                rows=int(scores.size),
                shown=rounded(promise.metrics.get(metric)),
                assumes=list(ASSUMED),
            )
        )
    return readings


def no_estimates(watched: Watched, why: str) -> list[Reading]:
    """Return the estimates of a window of which nothing can be estimated."""
    return [watched.unknown(ESTIMATE, m, why=why, assumes=list(ASSUMED)) for m in ESTIMATED]


def _performance(
    watched: Watched, matured: pd.DataFrame, promise: Promise, spec: ModelSpec
) -> Iterator[Reading]:
    labels, scores = _labels(matured), matured[SCORED].to_numpy(dtype=np.float64)
    about = _rows_about(matured)
    try:
        measured = measured_metrics(
            labels,
            scores,
            metrics=METRICS,
            clusters=_clusters(matured),
            seed=watched.as_of.toordinal(),
        )
    except TOO_FEW as exc:
        for metric in METRICS:
            yield watched.unknown(PERFORMANCE, metric, why=str(exc), **about)
        return
    by_vintage = _by_vintage(matured, spec.headline_metric)
    for metric, of in measured.items():
        told = {"by_vintage": by_vintage} if metric == spec.headline_metric else {}
        yield _judged(watched, metric, of, labels, promise, spec, about | told)


def _judged(
    watched: Watched,
    metric: str,
    of: MeasuredMetric,
    labels: np.ndarray[Any, Any],
    promise: Promise,
    spec: ModelSpec,
    about: JsonObject,
) -> Reading:
    least = promise.least(metric, spec.monitoring.skill_loss)
    bads = int(labels.sum())
    # what was shown is an estimate, too; errors shrink as the number of bads grows
    error = of.standard_error * math.sqrt(1.0 + (bads / promise.bads if promise.bads else 1.0))
    limit = None if least is None else least - certain(spec, len(METRICS)) * error
    state = State.UNKNOWN
    if least is not None and limit is not None:
        state = State.QUIET if of.value >= least - SURE * error else State.WARN
        state = State.ALARM if of.value < limit else state
    return watched.reading(
        PERFORMANCE,
        metric,
        state=state,
        value=of.value,
        low=max(0.0, of.value - SURE * of.standard_error),
        high=min(1.0, of.value + SURE * of.standard_error),
        threshold=limit,
        **document(
            reason=None if least is not None else "no evidence says what the champion showed",
            shown=rounded(promise.metrics.get(metric)),
            least=rounded(least),
            standard_error=rounded(of.standard_error),
            variance_by=of.variance_by,
        ),
        **about,
    )


def _calibration(
    watched: Watched, matured: pd.DataFrame, spec: ModelSpec, *, probability: bool
) -> Reading:
    if not probability:
        return watched.unknown(CALIBRATION, why=NO_PROBABILITY)
    return _offset(watched, CALIBRATION, "", matured, spec, figures=1)


def _offset(
    watched: Watched, monitor: str, subject: str, rows: pd.DataFrame, spec: ModelSpec, figures: int
) -> Reading:
    about = _rows_about(rows)
    try:
        of: MeasuredOffset = measured_offset(
            _labels(rows), rows[SCORED].to_numpy(dtype=np.float64), clusters=_clusters(rows)
        )
    except TOO_FEW as exc:
        return watched.unknown(monitor, subject, why=str(exc), **about)
    most = spec.gate.guards.calibration.max_offset
    limit = most + certain(spec, 2 * figures) * of.standard_error
    size = abs(of.offset)
    state = State.QUIET if size <= most + SURE * of.standard_error else State.WARN
    return watched.reading(
        monitor,
        subject,
        state=State.ALARM if size > limit else state,
        value=of.offset,
        low=of.offset - SURE * of.standard_error,
        high=of.offset + SURE * of.standard_error,
        threshold=limit,
        mean_score=rounded(of.mean_score),
        bad_rate=rounded(of.bad_rate),
        most=most,
        standard_error=rounded(of.standard_error),
        variance_by=of.variance_by,
        **about,
    )


def _slices(
    watched: Watched, matured: pd.DataFrame, spec: ModelSpec, *, probability: bool
) -> Iterator[Reading]:
    parts = {
        f"{column}={value}": rows
        for column in spec.gate.guards.slices.columns
        if f"{SLICES}{column}" in matured
        for value, rows in matured.groupby(f"{SLICES}{column}")
    }
    for subject, rows in parts.items():
        if probability:
            yield _offset(watched, SLICE, subject, rows, spec, figures=len(parts))
        else:
            yield watched.unknown(SLICE, subject, why=NO_PROBABILITY, **_rows_about(rows))


def _declared_slices(spec: ModelSpec) -> Iterator[str]:
    """Yield the slices that the spec names; the column alone where it declares no values."""
    for column in spec.gate.guards.slices.columns:
        declared = spec.columns.get(column)
        values = None if declared is None else declared.values
        yield from (f"{column}={value}" for value in values) if values else (column,)


def _by_vintage(matured: pd.DataFrame, metric: str) -> list[JsonObject]:
    """Return the newest vintages one by one; none where it is of a few rows."""
    found: list[JsonObject] = []
    for vintage, rows in matured.groupby(VINTAGE):
        labels = _labels(rows)
        bads = int(labels.sum())
        if min(bads, len(rows) - bads) < FEWEST_OF_A_VINTAGE:
            continue
        figures = ranking_metrics(labels, rows[SCORED].to_numpy(dtype=np.float64)).named()
        found.append(
            {
                "vintage": str(vintage),
                "rows": len(rows),
                "bads": bads,
                metric: rounded(figures[metric]),
            }
        )
    return found[-MOST_VINTAGES:]


def _labels(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return rows[LABEL].to_numpy(dtype=np.int8)


def _clusters(rows: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    """Return what moves together: each declared cluster, and the days."""
    named = {c.removeprefix(CLUSTERS): c for c in rows.columns if c.startswith(CLUSTERS)}
    clusters = {name: cluster_numbers(rows[column]) for name, column in named.items()}
    if DAYS not in clusters:
        clusters[DAYS] = cluster_numbers(rows[DAY])
    return clusters


def _rows_about(rows: pd.DataFrame) -> JsonObject:
    bads = int(_labels(rows).sum())
    days = rows[DAY]
    return {
        "rows": len(rows),
        "bads": bads,
        "first_day": None if rows.empty else str(days.min())[:10],
        "last_day": None if rows.empty else str(days.max())[:10],
    }
