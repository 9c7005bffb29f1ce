"""What every metric asks of its numbers, so that a bad one is an error and never a figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import DataError, LabelError

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

MOST_SHOWN = 5


def labels_and_scores(y_true: ArrayLike, *y_scores: ArrayLike) -> tuple[Flags, list[Floats]]:
    """Return the labels as flags (bad is true) and each score as float64, once both are sound.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; integers, floats or booleans.
    *y_scores : (n,) array-likes
        Risk scores of the same rows, higher = riskier.

    Raises
    ------
    LabelError
        A label is neither 0 nor 1, or all are the same.
    DataError
        No rows, lengths that differ, more than one dimension, or a score that is not finite.
    """
    bad = _flags(_column("labels", y_true))
    scores = [_finite(_column("scores", score), bad.size) for score in y_scores]
    if bad.all() or not bad.any():
        raise LabelError(
            "labels of one class only",
            expected="bads and goods",
            got=f"{int(bad.sum())} bads in {bad.size} rows",
        )
    return bad, scores


def labels_and_probabilities(y_true: ArrayLike, probability: ArrayLike) -> tuple[Flags, Floats]:
    """Return labels and probabilities as ``labels_and_scores`` does, each within [0, 1].

    Raises
    ------
    LabelError
        As ``labels_and_scores``.
    DataError
        As ``labels_and_scores``, or a probability outside [0, 1].
    """
    bad, (chance,) = labels_and_scores(y_true, probability)
    outside = int(np.count_nonzero((chance < 0.0) | (chance > 1.0)))
    if outside:
        raise DataError(
            "probabilities out of range",
            expected="values within [0, 1]",
            got=f"{outside} of {chance.size} outside",
        )
    return bad, chance


def both_classes(labels: NDArray[np.generic]) -> bool:
    """Say whether bads and goods both occur, so that a ranking can be measured.

    Examples
    --------
    >>> both_classes(np.array([0, 1])), both_classes(np.array([0, 0]))
    (True, False)
    """
    return len(np.unique(labels)) > 1


def _column(what: str, values: ArrayLike) -> NDArray[np.generic]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise DataError(
            f"{what} are no column", expected="one dimension", got=f"shape {column.shape}"
        )
    if column.size == 0:
        raise DataError(f"no {what}", expected="at least one bad and one good row", got="0 rows")
    return column


def _flags(labels: NDArray[np.generic]) -> Flags:
    if labels.dtype.kind not in "biuf":
        raise LabelError("labels are no numbers", expected="0 or 1", got=f"type {labels.dtype}")
    bad: Flags = labels == 1
    strange = np.unique(labels[~bad & (labels != 0)])
    if strange.size:
        shown = ", ".join(str(value) for value in strange[:MOST_SHOWN].tolist())
        raise LabelError("labels other than 0 and 1", expected="0 or 1", got=shown)
    return bad


def _finite(scores: NDArray[np.generic], rows: int) -> Floats:
    if scores.size != rows:
        raise DataError(
            "labels and scores differ in length", expected=f"{rows} scores", got=scores.size
        )
    if scores.dtype.kind not in "biuf":
        raise DataError("scores are no numbers", expected="floats", got=f"type {scores.dtype}")
    floats = scores.astype(np.float64)
    strange = int(np.count_nonzero(~np.isfinite(floats)))
    if strange:
        raise DataError(
            "scores are not finite",
            expected="finite numbers",
            got=f"{strange} of {rows} NaN or infinite",
        )
    return floats
