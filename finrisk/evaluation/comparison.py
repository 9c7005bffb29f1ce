"""Champion and challenger on the same labels: the figures the gate reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.calibration import brier_score
from finrisk.metrics.cutoff import cutoff_metrics
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.ranking import ranking_metrics
from finrisk.records import Comparison

Labels = NDArray[Any]
Scores = NDArray[np.float64]


def compare(labels: Labels, champion: Scores, challenger: Scores) -> Comparison:
    """Return the paired comparison of two models' risk scores on the same rows.

    Parameters
    ----------
    labels : array of shape (n,)
        1 = bad, 0 = good.
    champion, challenger : arrays of shape (n,)
        Risk scores, higher = riskier. The difference is challenger − champion.
    """
    paired = paired_delong(labels, champion, challenger)
    return Comparison(
        champion_auc=paired.champion_auc,
        challenger_auc=paired.challenger_auc,
        difference=paired.difference,
        standard_error=paired.standard_error,
        z=paired.z,
        p_value=paired.p_value,
    )


def credit_metrics(labels: Labels, probability: Scores, cutoff: float) -> dict[str, float]:
    """Return the documented credit figures of one model, by name.

    Parameters
    ----------
    labels : array of shape (n,)
        1 = bad, 0 = good; both must occur.
    probability : array of shape (n,)
        Calibrated probability of bad, in [0, 1].
    cutoff : float
        A row at or above it counts as declined. Precision is left out where nothing is declined.
    """
    ranking = ranking_metrics(labels, probability)
    at_cutoff = cutoff_metrics(labels, probability, cutoff)
    figures: dict[str, float | None] = {
        "auc": ranking.auc,
        "gini": ranking.gini,
        "ks": ranking.ks,
        "average_precision": ranking.average_precision,
        "brier": brier_score(labels, probability),
        "precision": at_cutoff.precision,
        "recall": at_cutoff.recall,
        "f1_score": at_cutoff.f1,
        "accuracy": at_cutoff.accuracy,
    }
    return {name: float(figure) for name, figure in figures.items() if figure is not None}


def usable(*scores: Scores) -> bool:
    """Say whether all scores are finite and none is the same for every row."""
    return all(
        bool(np.isfinite(values).all()) and bool((values != values[:1]).any()) for values in scores
    )
