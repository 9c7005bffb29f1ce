"""How far chance moves what two decisions of the same rows catch: precision, recall, F1, accuracy.

Each of these figures follows from eight counts: bad or good, flagged by the first, flagged by the
second. So the counts are drawn anew, and no row is looked at twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.clusters import Codes, cluster_codes
from finrisk.metrics.inputs import Flags, Floats
from finrisk.metrics.resampling import FEWEST_REPLICATES

CELLS, BAD, FIRST, SECOND = 8, 4, 2, 1
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DecisionErrors:
    """Standard errors of one figure: of either decision, and of second − first.

    None where a replicate flagged nobody, so that the figure was not there.
    """

    first: float | None
    second: float | None
    difference: float | None


def decision_errors(
    bad: Flags,
    first: Flags,
    second: Flags,
    *,
    clusters: ArrayLike | None = None,
    replicates: int = 400,
    seed: int,
) -> dict[str, DecisionErrors]:
    """Resample the same rows, or clusters, for two decisions, which are held as they are.

    Parameters
    ----------
    bad, first, second : (n,) arrays of bool
        Outcome, and whom each of the two declines or alerts on.
    clusters : (n,) array-like, optional
        The cluster of each row; whole clusters are drawn. Without it rows are drawn, the bads among
        the bads and the goods among the goods.
    replicates : int
        At least 2.
    seed : int

    Returns
    -------
    dict
        ``precision``, ``recall``, ``f1_score``, ``accuracy``.

    Raises
    ------
    DataError
        No rows, or lengths that differ.
    ConfigurationError
        Fewer than two replicates.
    NotEnoughData
        One cluster only.

    Examples
    --------
    >>> bad = np.array([True, True, False, False] * 50)
    >>> first, second = np.array([True, False] * 100), np.array([True, True, False, False] * 50)
    >>> of = decision_errors(bad, first, second, seed=1)
    >>> of["recall"].second, 0.04 < of["recall"].first < 0.06  # √(¼ / 100)
    (0.0, True)
    """
    if not bad.size or not bad.shape == first.shape == second.shape:
        raise DataError("decisions of other rows", expected="one outcome and two flags a row")
    if replicates < FEWEST_REPLICATES:
        raise ConfigurationError(
            "too few replicates", expected=f"at least {FEWEST_REPLICATES}", got=replicates
        )
    cell = BAD * bad.astype(np.int64) + FIRST * first + SECOND * second
    rng = np.random.default_rng(seed)
    if clusters is None:
        drawn = _rows_drawn(np.bincount(cell, minlength=CELLS), replicates, rng)
    else:
        codes = cluster_codes("clusters", clusters, bad.size)
        drawn = _clusters_drawn(codes, cell, replicates, rng)
    of_first, of_second = _figures(drawn, FIRST), _figures(drawn, SECOND)
    return {
        name: DecisionErrors(
            _spread(of_first[name]),
            _spread(of_second[name]),
            _spread(of_second[name] - of_first[name]),
        )
        for name in of_first
    }


def _rows_drawn(counts: Counts, replicates: int, rng: np.random.Generator) -> Counts:
    drawn = np.zeros((replicates, CELLS), dtype=np.int64)
    for of_class in (slice(0, BAD), slice(BAD, CELLS)):
        rows = int(counts[of_class].sum())
        if rows:
            drawn[:, of_class] = rng.multinomial(rows, counts[of_class] / rows, size=replicates)
    return drawn


def _clusters_drawn(
    codes: Codes, cell: Counts, replicates: int, rng: np.random.Generator
) -> Counts:
    clusters = int(codes.max()) + 1
    held = np.bincount(codes * CELLS + cell, minlength=clusters * CELLS).reshape(clusters, CELLS)
    drawn = np.empty((replicates, CELLS), dtype=np.int64)
    for counts in drawn:
        times = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
        counts[:] = times @ held
    return drawn


def _figures(drawn: Counts, flag: int) -> dict[str, Floats]:
    """Return each figure of one decision in every replicate, NaN where it is not there."""
    flagged = np.arange(CELLS) & flag > 0
    is_bad = np.arange(CELLS) & BAD > 0
    caught = drawn[:, flagged & is_bad].sum(axis=1)
    flags, bads = drawn[:, flagged].sum(axis=1), drawn[:, is_bad].sum(axis=1)
    right = caught + drawn[:, ~flagged & ~is_bad].sum(axis=1)
    return {
        "precision": _share(caught, flags),
        "recall": _share(caught, bads),
        "f1_score": _share(2 * caught, flags + bads),
        "accuracy": _share(right, drawn.sum(axis=1)),
    }


def _share(part: Counts, whole: Counts) -> Floats:
    unknown = np.full(part.shape, np.nan)
    shares: Floats = np.divide(part, whole, out=unknown, where=whole > 0)
    return shares


def _spread(values: Floats) -> float | None:
    if not np.isfinite(values).all():
        return None
    return float((values - values[0]).std(ddof=1))  # exactly 0 where all are the same
