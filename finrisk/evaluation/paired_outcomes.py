"""What decisions and probabilities are worth, for two versions on the same rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.comparison import model_metrics
from finrisk.evaluation.judged_rows import Scores
from finrisk.evaluation.measuring import REPLICATES, Codes, Measuring, around, plain_pair
from finrisk.evaluation.same_rows import Direction, MetricPair
from finrisk.metrics.bootstrap import BRIER
from finrisk.metrics.calibration import (
    calibration_in_the_large,
    calibration_slope,
    expected_calibration_error,
)
from finrisk.metrics.clusters import ROWS, standard_errors
from finrisk.metrics.days import rows_by_day
from finrisk.metrics.inputs import Flags
from finrisk.metrics.paired_decisions import DecisionErrors, decision_errors
from finrisk.metrics.stability import population_stability_index

DECISIONS = ("precision", "recall", "f1_score", "accuracy")
FIXED_DECISIONS = "decisions as they are"
NO_INTERVAL = "none was taken"
NOT_A_PROBABILITY = "a detector's score is no probability"
NO_REFERENCE = "no reference scores were kept with the version"


def alert_flags(score: Scores, days: NDArray[np.datetime64], k: int) -> Flags:
    """Flag each day's k riskiest rows; of equal scores at the last place, those that come first.

    Examples
    --------
    >>> days = np.array(["2024-03-01", "2024-03-01", "2024-03-02"], dtype="datetime64[D]")
    >>> alert_flags(np.array([0.1, 0.7, 0.2]), days, 1).tolist()
    [False, True, True]
    """
    flags = np.zeros(score.size, dtype=np.bool_)
    for of_day in rows_by_day(days, score.size)[1]:
        flags[of_day[np.argsort(-score[of_day], kind="stable")[:k]]] = True
    return flags


def decided(of: Measuring) -> Iterator[MetricPair]:
    """Give what the decisions catch: at the cut-off, or within the alert budget."""
    values = [
        model_metrics(of.rows, side.scores, side.is_probability, of.policy) for side in (of.a, of.b)
    ]
    names = [name for name in DECISIONS if any(name in of_side for of_side in values)]
    errors = _decision_errors(of)
    for name in names:
        at = errors.get(name, DecisionErrors(None, None, None))
        a, b = (of_side.get(name) for of_side in values)
        yield MetricPair(
            name=name,
            direction=Direction.HIGHER,
            a=None if a is None else around(a, at.first, name),
            b=None if b is None else around(b, at.second, name),
            difference=None if a is None or b is None else around(b - a, at.difference),
            interval=f"{of.resampled}, {FIXED_DECISIONS}" if errors else NOT_A_PROBABILITY,
        )
    card = [name for name in values[0] if name.startswith("card_precision_at_")]
    for name in card:
        yield plain_pair(
            name, Direction.HIGHER, (values[0][name], values[1].get(name)), NO_INTERVAL
        )


def _decision_errors(of: Measuring) -> dict[str, DecisionErrors]:
    if of.policy.alerts is not None:
        k = of.policy.alerts.per_day
        flags = [alert_flags(side.scores, of.rows.days, k) for side in (of.a, of.b)]
    elif of.both_probabilities:
        flags = [side.scores >= of.policy.cutoff for side in (of.a, of.b)]
    else:
        return {}
    bad = of.rows.labels.astype(np.bool_)
    return decision_errors(bad, *flags, clusters=of.codes, replicates=REPLICATES, seed=of.rows.seed)


def calibrated(of: Measuring) -> Iterator[MetricPair]:
    """Give what probabilities are worth; a detector has none."""
    sides = [side.scores if side.is_probability else None for side in (of.a, of.b)]
    if sides[0] is sides[1] is None:
        return
    labels = of.rows.labels
    yield _brier(of, sides)
    ece, offset, slope = (
        [None if score is None else measure(labels, score) for score in sides]
        for measure in (expected_calibration_error, calibration_in_the_large, calibration_slope)
    )
    why = NO_INTERVAL if of.both_probabilities else NOT_A_PROBABILITY
    yield plain_pair("ece", Direction.LOWER, (ece[0], ece[1]), why)
    yield plain_pair("calibration_offset", Direction.ZERO, (offset[0], offset[1]), why)
    yield plain_pair("calibration_slope", Direction.ONE, (slope[0], slope[1]), why)


def _brier(of: Measuring, sides: list[Scores | None]) -> MetricPair:
    errors = [None if score is None else np.square(score - of.rows.labels) for score in sides]
    a, b = (None if e is None else around(float(e.mean()), _error(e, of), BRIER) for e in errors)
    gained = None
    if errors[0] is not None and errors[1] is not None:
        by_row = errors[1] - errors[0]
        gained = around(float(by_row.mean()), _error(by_row, of))
    how = f"of the mean, by {of.drawn_by}" if of.both_probabilities else NOT_A_PROBABILITY
    return MetricPair(BRIER, Direction.LOWER, a, b, gained, how)


def _error(by_row: Scores, of: Measuring) -> float:
    """Return the standard error of a mean over rows, of which those of a cluster move together."""
    off = (by_row - by_row.mean()) / by_row.size
    by_rows = float(np.square(off).sum())

    def variance_by(codes: Codes) -> float:
        sums = np.bincount(codes, weights=off)
        return sums.size / (sums.size - 1) * float(np.square(sums).sum())

    ways = {} if of.codes is None else {of.drawn_by: of.codes}
    return standard_errors(by_rows, ways, by_row.size, variance_by)[of.drawn_by if ways else ROWS]


def stable(of: Measuring) -> Iterator[MetricPair]:
    """Give how far each score has moved from its own reference."""
    psi = [
        population_stability_index(side.reference, side.scores) if side.reference else None
        for side in (of.a, of.b)
    ]
    if psi != [None, None]:
        why = NO_REFERENCE if None in psi else NO_INTERVAL
        yield plain_pair("psi", Direction.LOWER, (psi[0], psi[1]), why)
