"""Points of curves and bins of scores, few enough to travel to a browser."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.same_rows import CalibrationBin, Curve, ScoreCells, ScoreDifferences
from finrisk.metrics.inputs import Flags, Floats
from finrisk.metrics.levels import Levels
from finrisk.pictures.calibration import reliability
from finrisk.pictures.densities import density_edges

MOST_POINTS = 400  # a screen has no more to show, and two curves are a few kilobytes
DECILES = 10
CELLS_ACROSS = 40

Places = NDArray[np.int64]


def roc_curve(at: Levels, most: int = MOST_POINTS) -> Curve:
    """Return false-positive rates and the true-positive rates they buy, from (0, 0) to (1, 1).

    Parameters
    ----------
    at : Levels
        From :func:`finrisk.metrics.ranking.levels`. Between two scores of bads the curve runs
        level, and over a tie it slopes; so its area is the AUC, if no point is left out.
    most : int
        Points at most, about.

    Examples
    --------
    >>> from finrisk.metrics.ranking import levels
    >>> roc_curve(levels(np.array([True, False, True]), np.array([0.9, 0.5, 0.5])))
    Curve(x=(0.0, 0.0, 1.0), y=(0.0, 0.5, 1.0))
    """
    bads_before = np.concatenate([[0], at.bads_above[:-1]])
    goods_before = at.goods_above - at.tied
    x = np.column_stack([goods_before, at.goods_above]).ravel() / at.all_goods
    y = np.column_stack([bads_before, at.bads_above]).ravel() / at.all_bads
    return _thinned(np.concatenate([[0.0], x, [1.0]]), np.concatenate([[0.0], y, [1.0]]), most)


def precision_recall_curve(at: Levels, most: int = MOST_POINTS) -> Curve:
    """Return recalls and the precision at each, riskiest first; drawn as steps.

    The step before a point has that point's precision: no cut-off reaches what a sloping line
    between two would promise.

    Examples
    --------
    >>> from finrisk.metrics.ranking import levels
    >>> precision_recall_curve(levels(np.array([True, False, True]), np.array([0.9, 0.5, 0.4])))
    Curve(x=(0.0, 0.5, 1.0), y=(1.0, 1.0, 0.6666666666666666))
    """
    recall = at.bads_above / at.all_bads
    precision = at.bads_above / (at.bads_above + at.goods_above)
    return _thinned(np.append(0.0, recall), np.append(precision[0], precision), most)


def calibration_bins(
    bad: Flags, probability: Floats, bins: int = DECILES
) -> tuple[CalibrationBin, ...]:
    """Return equal-count bins, lowest probability first, with Wilson's 95 % intervals.

    Examples
    --------
    >>> both = calibration_bins(np.array([False, True]), np.array([0.5, 0.5]))
    >>> [(bin.rows, bin.predicted, bin.observed) for bin in both]
    [(2, 0.5, 0.5)]
    """
    found = reliability(bad, probability, bins=bins)
    columns = (found.rows, found.predicted, found.observed, found.low, found.high)
    return tuple(
        CalibrationBin(int(rows), predicted, observed, low, high)
        for rows, predicted, observed, low, high in zip(*(c.tolist() for c in columns), strict=True)
    )


def score_cells(
    a: Floats, b: Floats, *, same_scale: bool, cutoff: float | None = None
) -> ScoreCells:
    """Count rows by both scores, in 40 × 40 places.

    Parameters
    ----------
    a, b : (n,) arrays of finite float
        Risk scores of the same rows.
    same_scale : bool
        Whether both axes are to be the same: probabilities, but not detectors' scores.
    cutoff : float, optional
        A score that the axes have to show.

    Examples
    --------
    >>> cells = score_cells(np.array([0.0, 1.0]), np.array([0.0, 1.0]), same_scale=True)
    >>> cells.counts
    ((0, 0, 1), (39, 39, 1))
    """
    together = (a, b) if same_scale else (a,)
    edges_a = _edges(together, cutoff)
    edges_b = edges_a if same_scale else _edges((b,), cutoff)
    cell = _places(edges_a, a) * CELLS_ACROSS + _places(edges_b, b)
    held = np.bincount(cell, minlength=CELLS_ACROSS**2)
    return ScoreCells(
        edges_a=tuple(edges_a.tolist()),
        edges_b=tuple(edges_b.tolist()),
        counts=tuple(
            (*divmod(int(place), CELLS_ACROSS), int(held[place])) for place in np.flatnonzero(held)
        ),
    )


def score_differences(bad: Flags, a: Floats, b: Floats) -> ScoreDifferences:
    """Return how far B's score lies above A's, goods apart from bads; scores on one scale.

    Examples
    --------
    >>> of = score_differences(np.array([True, False]), np.array([0.2, 0.2]), np.array([0.5, 0.1]))
    >>> round(of.mean_of_bads, 3), round(of.mean_of_goods, 3), sum(of.goods)
    (0.3, -0.1, 1.0)
    """
    difference = b - a
    edges = density_edges([difference[bad], difference[~bad]], 0.0)
    goods, bads = (
        np.histogram(difference[chosen].clip(edges[0], edges[-1]), bins=edges)[0] / chosen.sum()
        for chosen in (~bad, bad)
    )
    return ScoreDifferences(
        edges=tuple(edges.tolist()),
        goods=tuple(goods.tolist()),
        bads=tuple(bads.tolist()),
        mean_of_goods=float(difference[~bad].mean()),
        mean_of_bads=float(difference[bad].mean()),
    )


def _edges(together: tuple[Floats, ...], cutoff: float | None) -> Floats:
    ends = density_edges(together, cutoff)
    return np.linspace(ends[0], ends[-1], CELLS_ACROSS + 1)


def _places(edges: Floats, values: Floats) -> Places:
    inner = np.searchsorted(edges[1:-1], values, side="right")
    return inner.astype(np.int64)


def _thinned(x: Floats, y: Floats, most: int) -> Curve:
    """Leave out points between which neither rate moves by more than about 2 ÷ most."""
    same = np.append(False, (np.diff(x) == 0.0) & (np.diff(y) == 0.0))
    x, y = x[~same], y[~same]
    if x.size > most:
        steps = most // 2 - 2
        keep = np.zeros(x.size, dtype=np.bool_)
        for values in (x, y):
            keep |= np.append(True, np.diff(np.floor(values * steps)) != 0)
        keep[-1] = True
        x, y = x[keep], y[keep]
    return Curve(tuple(x.tolist()), tuple(y.tolist()))
