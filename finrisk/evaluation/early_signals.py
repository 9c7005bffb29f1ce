"""What can be seen of a model before labels mature: whether its scores are where they were.

Each figure is of one model; champion and predecessor are measured on the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finrisk.evaluation.judged_rows import Labels, Scores
from finrisk.gate.bake import ALERT_VOLUME, CALIBRATION, ERROR_RATE, SCORE_PSI, Signal
from finrisk.metrics.calibration import calibration_in_the_large
from finrisk.metrics.stability import population_stability_index
from finrisk.specs.bake import Bake

EVEN_ALERTS = 20  # added to both sides of a ratio: chance takes ±9 of twenty, and two of one


@dataclass(frozen=True)
class Scoring:
    """One model's scores of the rows since a promotion, and what they are held against.

    Parameters
    ----------
    before : array of shape (k,)
        Risk scores of rows from before the promotion that it was not fitted on, higher = riskier;
        NaN where a row could not be scored, as in the others. Empty where nobody knows of any.
    fresh : array of shape (n,)
        Of the fresh rows.
    matured : array of shape (m,)
        Of the rows since the promotion whose labels have matured.
    gives_probability : bool
        False for a detector: its score is on a scale of its own.
    """

    before: Scores
    fresh: Scores
    matured: Scores
    gives_probability: bool


def early_signals(
    champion: Scoring | None,
    predecessor: Scoring | None,
    labels: Labels,
    policy: Bake,
    cutoff: float,
) -> tuple[Signal, ...]:
    """Measure both models; what cannot be measured of one is None.

    What is asked of probabilities alone is asked of neither where one of both is a detector: no
    calibration is worse than none.

    Parameters
    ----------
    champion, predecessor : Scoring or None
        On the same rows; None where the artifact could not be read.
    labels : array of shape (m,)
        1 = bad, 0 = good, of the matured rows.
    policy : Bake
        Limits, and how many rows and bads a figure needs.
    cutoff : float
        Risk score at which a decision turns.
    """
    both = [scoring for scoring in (champion, predecessor) if scoring is not None]
    cut = cutoff if all(scoring.gives_probability for scoring in both) else None
    mine, theirs = (
        _figures(scoring, labels, policy, cut) if scoring is not None else {}
        for scoring in (champion, predecessor)
    )
    limits = {
        SCORE_PSI: policy.score_psi,
        CALIBRATION: policy.calibration,
        ALERT_VOLUME: policy.alert_volume,
        ERROR_RATE: policy.error_rate,
    }
    return tuple(
        Signal(name, mine.get(name), theirs.get(name), limit) for name, limit in limits.items()
    )


def _figures(
    scoring: Scoring, labels: Labels, policy: Bake, cutoff: float | None
) -> dict[str, float | None]:
    """Measure one model; without a cut-off its scores are not read as probabilities."""
    if scoring.fresh.size < policy.min_rows:
        return {}
    before, fresh = (s[np.isfinite(s)] for s in (scoring.before, scoring.fresh))
    known = min(before.size, fresh.size) >= policy.min_rows
    return {
        ERROR_RATE: (scoring.fresh.size - fresh.size) / scoring.fresh.size,
        SCORE_PSI: population_stability_index(before, fresh) if known else None,
        ALERT_VOLUME: alert_volume(before, fresh, cutoff) if known and cutoff is not None else None,
        CALIBRATION: None if cutoff is None else _calibration(scoring, labels, policy.min_bads),
    }


def alert_volume(before: Scores, fresh: Scores, cutoff: float) -> float:
    """Return how many times as many rows reach the cut-off as before.

    Twenty alerts are added on both sides, so that a ratio of a few alerts says little.

    Parameters
    ----------
    before, fresh : arrays of shape (k,) and (n,)
        Finite risk scores, at least one each.
    cutoff : float
        A row at or above it is an alert.

    Returns
    -------
    float
        Above 0; 1 is as many as before.

    Examples
    --------
    >>> before, fresh = np.linspace(0.0, 1.0, 2001), np.linspace(0.5, 1.0, 2001)
    >>> alert_volume(before, before, 0.9), round(alert_volume(before, fresh, 0.9), 2)
    (1.0, 1.9)
    """
    expected = float(np.mean(before >= cutoff)) * fresh.size
    alerts = np.count_nonzero(fresh >= cutoff)
    return float(alerts + EVEN_ALERTS) / (expected + EVEN_ALERTS)


def _calibration(scoring: Scoring, labels: Labels, fewest: int) -> float | None:
    bads = int(np.count_nonzero(labels == 1))
    scores = scoring.matured
    if min(bads, labels.size - bads) < fewest:
        return None
    if not (np.isfinite(scores).all() and scores.min() >= 0.0 and scores.max() <= 1.0):
        return None
    return calibration_in_the_large(labels, scores)
