"""Which pictures a model gets: by name, as PNG bytes, for MLflow and for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.evidence import PairedFigure
from finrisk.metrics.alerts import alerts_by_day
from finrisk.metrics.inputs import Floats, both_classes
from finrisk.pictures.alerts import alerts_picture
from finrisk.pictures.both_calibrations import calibrations_picture
from finrisk.pictures.calibration import calibration_picture
from finrisk.pictures.curves import precision_recall_picture, roc_picture
from finrisk.pictures.differences import MOST_METRICS, differences_picture
from finrisk.pictures.importance import importance_picture
from finrisk.pictures.score_pairs import score_pairs_picture
from finrisk.pictures.scores import anomaly_picture, score_distribution_picture
from finrisk.pictures.versus import versus_picture

Labels = NDArray[Any]


def model_pictures(
    labels: Labels, score: Floats, *, name: str, rows: str, cutoff: float | None
) -> dict[str, bytes]:
    """Return how a probability of bad ranks, is calibrated and is spread; none for one class only.

    Parameters
    ----------
    labels : (n,) array of 0 and 1
        1 = bad.
    score : (n,) array in [0, 1]
        Probability of bad.
    name, rows : str
        Whose scores, and on which rows: for the titles.
    cutoff : float or None
        Where a row is declined.
    """
    if not both_classes(labels):
        return {}
    return {
        **_curves(labels, {name: score}, rows),
        "calibration": calibration_picture(labels, score, name=name, rows=rows),
        "score_distribution": score_distribution_picture(
            labels, score, name=name, cutoff=cutoff, rows=rows
        ),
    }


def detector_pictures(labels: Labels, score: Floats, *, name: str, rows: str) -> dict[str, bytes]:
    """Return how anomaly scores, higher = riskier, rank and are spread."""
    spread = {"anomaly_scores": anomaly_picture(score, labels, name=name, rows=rows)}
    return {**_curves(labels, {name: score}, rows), **spread} if both_classes(labels) else spread


def alert_pictures(
    labels: Labels, scores: Mapping[str, Floats], days: NDArray[Any], *, k: int, rows: str
) -> dict[str, bytes]:
    """Return what investigators find in a day's ``k`` alerts, by one model or by two.

    Parameters
    ----------
    labels : (n,) array of 0 and 1
        1 = fraud.
    scores : mapping of a model's name to a (n,) array
        Risk scores of the same rows, higher = riskier; the champion's first.
    days : (n,) array of datetime64
        Each row's event day.
    """
    if not both_classes(labels):
        return {}
    by_day = [alerts_by_day(labels, score, days, k=k) for score in scores.values()]
    return {"alerts_per_day": alerts_picture(by_day, names=list(scores), k=k, rows=rows)}


def contest_pictures(
    labels: Labels,
    champion: Floats,
    challenger: Floats,
    *,
    names: tuple[str, str],
    cutoff: float | None,
    resampled: Mapping[str, Floats] | None = None,
    figures: Mapping[str, PairedFigure] | None = None,
    probabilities: bool = True,
) -> dict[str, bytes]:
    """Return champion and challenger on the same rows of the hold-out, what decides first.

    Parameters
    ----------
    labels : (n,) array of 0 and 1
        1 = bad; both must occur.
    champion, challenger : (n,) arrays
        Risk scores of the same rows, higher = riskier.
    names : tuple of str
        The champion's and the challenger's, as the legends have them.
    cutoff : float or None
        Where a row is declined; None where a detector's score has no such place.
    resampled : mapping of a metric's name to a (B,) array, optional
        Differences challenger − champion, one a replicate; the first 12 metrics are drawn.
    figures : mapping of a metric's name to PairedFigure, optional
        Δ of each metric, and its bounds.
    probabilities : bool
        Both scores are probabilities of bad, and their calibration is drawn; a detector's is none.
    """
    both = dict(zip(names, (champion, challenger), strict=True))
    drawn = dict(islice((resampled or {}).items(), MOST_METRICS))
    probabilities &= all(bool(np.all((s >= 0.0) & (s <= 1.0))) for s in both.values())
    return {
        "champion_and_challenger_roc": roc_picture(labels, both),
        "champion_and_challenger_scores": score_pairs_picture(
            labels, champion, challenger, names=names, cutoff=cutoff
        ),
        **(
            {"champion_and_challenger_calibration": calibrations_picture(labels, both)}
            if probabilities
            else {}
        ),
        **(
            {"resampled_differences": differences_picture(drawn, figures or {}, names=names)}
            if drawn
            else {}
        ),
        "champion_v_challenger": versus_picture(
            labels, champion, challenger, names=names, cutoff=cutoff
        ),
        "champion_and_challenger_precision_recall": precision_recall_picture(labels, both),
    }


def importance_pictures(
    importance: Mapping[str, float], *, name: str, measure: str
) -> dict[str, bytes]:
    """Return the features a model leans on; none where nothing is known of it."""
    if not importance:
        return {}
    return {"importance": importance_picture(importance, name=name, measure=measure)}


def _curves(labels: Labels, scores: Mapping[str, Floats], rows: str) -> dict[str, bytes]:
    return {
        "roc": roc_picture(labels, scores, rows=rows),
        "precision_recall": precision_recall_picture(labels, scores, rows=rows),
    }
