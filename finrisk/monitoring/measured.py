"""What a model reaches on the rows it came with, measured here, beside what its maker says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.errors import LabelError
from finrisk.metrics.calibration import brier_score
from finrisk.metrics.cutoff import cutoff_metrics
from finrisk.metrics.inputs import both_classes
from finrisk.metrics.ranking import ranking_metrics
from finrisk.metrics.stability import population_stability_index

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]

AGREE_WITHIN = 0.005  # figures are given with two digits, and thresholds of libraries differ
HALF = 0.5
OURS = {"f1": "f1_score", "roc_auc": "auc", "ks_statistic": "ks", "gini_coefficient": "gini"}
"""Other names under which people give a figure that is measured here."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures to log, and a sentence for each that disagrees with what was given."""

    metrics: dict[str, float]
    disagreements: tuple[str, ...]


def labels_of(y: Any, what: str, rows: int) -> Labels:
    """Return labels as 0 and 1.

    Raises
    ------
    LabelError
        Another value, a missing one, or another count than there are rows.
    """
    column = np.asarray(y).ravel()
    if column.shape != (rows,):
        raise LabelError(
            f"{what} has {column.size} labels", expected=f"one for each of {rows} rows"
        )
    if not np.isin(column, (0, 1)).all():
        raise LabelError(
            f"{what} holds something that is no label",
            expected="0 (good, genuine) or 1 (bad, fraud) in every row",
            remedy="leave out rows whose outcome is not known",
        )
    return column.astype(np.int8)


def credit_figures(
    labels: Labels, probability: Scores, predicted: Labels, development: Scores
) -> dict[str, float]:
    """Return the documented credit metrics of one model on its test rows.

    Parameters
    ----------
    labels : (n,) array of 0 and 1
        1 = bad.
    probability : (n,) array in [0, 1]
        Probability of bad.
    predicted : (n,) array of 0 and 1
        What ``predict`` says: precision, recall, F1 and accuracy are of that decision.
    development : (m,) array in [0, 1]
        Probabilities of the rows it was fitted on, the reference of the PSI.

    Returns
    -------
    dict
        Empty of ranking figures where the labels are of one class only.
    """
    stable = {"psi": population_stability_index(development, probability)}
    if not both_classes(labels):
        return stable
    ranking = ranking_metrics(labels, probability)
    return {
        "auc": ranking.auc,
        "gini": ranking.gini,
        "ks": ranking.ks,
        "average_precision": ranking.average_precision,
        "brier": brier_score(labels, probability),
        **stable,
        **_of_decision(labels, predicted),
    }


def fraud_figures(
    labels: Labels, score: Scores, predicted: Labels, development: Scores
) -> dict[str, float]:
    """Return the documented fraud metrics of one model on its test rows.

    Parameters
    ----------
    labels : (n,) array of 0 and 1
        1 = fraud.
    score : (n,) array
        Risk score, higher = riskier, on any scale.
    predicted : (n,) array of 0 and 1
        What the model flags.
    development : (m,) array
        Scores of the rows it was fitted on, the reference of the PSI.
    """
    stable = {"psi": population_stability_index(development, score)}
    if not both_classes(labels):
        return stable
    return {**ranking_metrics(labels, score).named(), **stable, **_of_decision(labels, predicted)}


def against_given(measured: Mapping[str, float], given: Mapping[str, Any]) -> Measured:
    """Return both: ours under the metric's name, the given one as ``reported_<name>``.

    A figure that is not measured here keeps the name it was given under. Two that differ by more
    than 0.005 are told.

    Examples
    --------
    >>> both = against_given({"auc": 0.91}, {"auc": 0.85, "profit": 3.0})
    >>> both.metrics
    {'auc': 0.91, 'reported_auc': 0.85, 'profit': 3.0}
    >>> both.disagreements
    ('auc: 0.85 was given, 0.91 is measured',)
    """
    told: dict[str, float] = dict(measured)
    disagreements = []
    for name, value in given.items():
        number = _number(value)
        if number is None:
            continue
        ours = measured.get(OURS.get(name, name))
        told[name if ours is None else f"reported_{name}"] = number
        if ours is not None and abs(ours - number) > AGREE_WITHIN:
            disagreements.append(f"{name}: {number:.4g} was given, {ours:.4g} is measured")
    return Measured(told, tuple(disagreements))


def _of_decision(labels: Labels, predicted: Labels) -> dict[str, float]:
    at = cutoff_metrics(labels, predicted.astype(np.float64), HALF)
    return {
        "precision": at.precision if at.precision is not None else 0.0,  # as scikit-learn has it
        "recall": at.recall,
        "f1_score": at.f1,
        "accuracy": at.accuracy,
    }


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
