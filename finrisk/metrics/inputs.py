"""What every metric asks of its numbers, so that a bad one is an error and never a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import DataError, LabelError

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

MOST_SHOWN = 5
FLOAT32_BYTES, FLOAT64_BYTES = 4, 8
WHOLE_NUMBERS = 2**53  # up to here float64 holds every whole number


def labels_and_scores(y_true: ArrayLike, *y_scores: ArrayLike) -> tuple[Flags, list[Floats]]:
    """Return the labels as flags (bad is true) and each score as float64, once both are sound.

    What already is of that type is returned as it is, not copied: read it, never write to it.

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

    Examples
    --------
    >>> bad, (score,) = labels_and_scores([0, 1], [3, 4])
    >>> bad.tolist(), score.tolist()
    ([False, True], [3.0, 4.0])
    """
    bad, columns = _labels_and_columns(y_true, y_scores)
    return bad, [column.astype(np.float64, copy=False) for column in columns]


def labels_and_rankable(
    y_true: ArrayLike, *y_scores: ArrayLike
) -> tuple[Flags, list[Floats | NDArray[np.float32]]]:
    """Return labels and scores as ``labels_and_scores`` does, in a float type that keeps the order.

    float32 stays float32, so that half the bytes are sorted. What float64 cannot tell apart
    (integers beyond 2⁵³, extended precision) is replaced by its ranks. Only the order of the
    scores may be used.

    Raises
    ------
    LabelError, DataError
        As ``labels_and_scores``.

    Examples
    --------
    >>> _, (score,) = labels_and_rankable([0, 1], [2**62, 2**62 + 1])
    >>> score.tolist()
    [0.0, 1.0]
    """
    bad, columns = _labels_and_columns(y_true, y_scores)
    return bad, [_rankable(column) for column in columns]


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


def _column(what: str, values: ArrayLike) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise DataError(
            f"{what} are no column", expected="one dimension", got=f"shape {column.shape}"
        )
    if column.size == 0:
        raise DataError(f"no {what}", expected="at least one bad and one good row", got="0 rows")
    return column


def _labels_and_columns(
    y_true: ArrayLike, y_scores: tuple[ArrayLike, ...]
) -> tuple[Flags, list[NDArray[Any]]]:
    bad = _flags(_column("labels", y_true))
    columns = [_finite(_column("scores", score), bad.size) for score in y_scores]
    bads = int(np.count_nonzero(bad))
    if bads in {0, bad.size}:
        raise LabelError(
            "labels of one class only",
            expected="bads and goods",
            got=f"{bads} bads in {bad.size} rows",
        )
    return bad, columns


def _flags(labels: NDArray[Any]) -> Flags:
    if labels.dtype.kind not in "biuf":
        raise LabelError("labels are no numbers", expected="0 or 1", got=f"type {labels.dtype}")
    bad: Flags = labels if labels.dtype.kind == "b" else labels == 1
    if np.count_nonzero(labels) != np.count_nonzero(bad):
        strange = np.unique(labels[~bad & (labels != 0)])
        shown = ", ".join(str(value) for value in strange[:MOST_SHOWN].tolist())
        raise LabelError("labels other than 0 and 1", expected="0 or 1", got=shown)
    return bad


def _finite(scores: NDArray[Any], rows: int) -> NDArray[Any]:
    if scores.size != rows:
        raise DataError(
            "labels and scores differ in length", expected=f"{rows} scores", got=scores.size
        )
    if scores.dtype.kind not in "biuf":
        raise DataError("scores are no numbers", expected="floats", got=f"type {scores.dtype}")
    finite = np.isfinite(scores)
    if not finite.all():
        raise DataError(
            "scores are not finite",
            expected="finite numbers",
            got=f"{rows - int(np.count_nonzero(finite))} of {rows} NaN or infinite",
        )
    return scores


def _rankable(scores: NDArray[Any]) -> Floats | NDArray[np.float32]:
    kind, width = scores.dtype.kind, scores.dtype.itemsize
    if kind == "f" and width <= FLOAT32_BYTES:
        return scores.astype(np.float32, copy=False)
    beyond = kind in "iu" and (scores.max() > WHOLE_NUMBERS or scores.min() < -WHOLE_NUMBERS)
    if beyond or width > FLOAT64_BYTES:
        return np.unique(scores, return_inverse=True)[1].astype(np.float64)
    return scores.astype(np.float64, copy=False)
