"""What a model reaches on the rows it came with, measured here, beside what its maker says."""

from __future__ import annotations

import math
import re
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

MEASURABLE = re.compile(
    r"auc|gini|ks|average_precision|brier|psi|precision|recall|f1_score|accuracy"
    r"|precision_at_\d+|lift_top_[\d.]+pct|detection_rate_at_fpr_[\d.]+pct"
    r"|(train|test)_samples|n_features|(bad|fraud)_rate_(train|test)|rows|bads"
)
"""Names that a given figure never has in a run: they say that FinRisk measured it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured here, which is signed, and what is logged: that and what was given.

    Parameters
    ----------
    measured : dict of str to float
        Measured on the test rows; empty of ranking figures where these are of one class.
    metrics : dict of str to float
        Those, and the given ones under names that no measured figure has.
    disagreements : tuple of str
        A sentence for each given figure that differs from the measured one.
    not_logged : tuple of str
        Names of given figures that are no finite number.
    """

    measured: dict[str, float]
    metrics: dict[str, float]
    disagreements: tuple[str, ...]
    not_logged: tuple[str, ...] = ()


def labels_of(y: Any, what: str, rows: int) -> Labels:
    """Return labels as 0 and 1.

    Raises
    ------
    LabelError
        Another value, a missing one, or another count than there are rows.
    """
    if y is None:
        raise LabelError(f"{what} is None", expected=f"a label for each of {rows} rows")
    column = np.asarray(y).ravel()
    if column.shape != (rows,):
        raise LabelError(
            f"{what} has {column.size} labels", expected=f"one for each of {rows} rows"
        )
    if not _all_labels(column):
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

    A name that FinRisk could measure is never the given figure's, measured this time or not: where
    the test rows are of one class, ``auc`` would else be what somebody says. Any other figure keeps
    the name it was given under. Two that differ by more than 0.005 are told.

    Examples
    --------
    >>> both = against_given({"auc": 0.91}, {"auc": 0.85, "profit": 3.0})
    >>> both.metrics
    {'auc': 0.91, 'reported_auc': 0.85, 'profit': 3.0}
    >>> both.disagreements
    ('auc: 0.85 was given, 0.91 is measured',)
    >>> against_given({"psi": 0.01}, {"auc": 0.99}).metrics
    {'psi': 0.01, 'reported_auc': 0.99}
    """
    told: dict[str, float] = dict(measured)
    disagreements, not_logged = [], []
    for name, value in ((str(name), value) for name, value in given.items()):
        number = _number(value)
        if number is None:
            not_logged.append(name)
            continue
        known_as = OURS.get(name, name)
        ours = measured.get(known_as)
        told[f"reported_{name}" if MEASURABLE.fullmatch(known_as) else name] = number
        if ours is not None and abs(ours - number) > AGREE_WITHIN:
            disagreements.append(f"{name}: {number:.4g} was given, {ours:.4g} is measured")
    return Measured(dict(measured), told, tuple(disagreements), tuple(not_logged))


def _all_labels(column: NDArray[Any]) -> bool:
    try:
        return bool(np.isin(column, (0, 1)).all())
    except TypeError:  # pandas' NA is neither equal nor unequal
        return False


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
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
