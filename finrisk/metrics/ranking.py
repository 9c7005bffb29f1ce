"""How well a risk score ranks bads above goods: every figure from one sort, ties exact.

``sort_keys`` makes labels travel with the sort, ``levels`` has the figures' formulas. What is held
beside the input stays below three times the bytes of float64 scores while bads are at most half of
the rows; each further bad takes a few numbers more. ``benchmarks/kernel.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import Flags, labels_and_rankable
from finrisk.metrics.levels import Levels
from finrisk.metrics.sort_keys import Keys, Score, labelled_keys

Counts = NDArray[np.int64]
BLOCK = 16_384  # bads looked at together: what they need stays in the processor's cache


@dataclass(frozen=True, slots=True)
class RankingMetrics:
    """The ranking figures of one score on one set of rows; higher is better in all of them.

    ``precision_at_k`` is keyed by k in rows, ``lift`` by the share of rows taken from the riskiest
    end, ``detection_rate`` by the false-positive rate allowed.
    """

    auc: float
    gini: float
    ks: float
    average_precision: float
    precision_at_k: Mapping[int, float]
    lift: Mapping[float, float]
    detection_rate: Mapping[float, float]

    def named(self) -> dict[str, float]:
        """Return every figure under one flat name, as MLflow and the gate's facts want them.

        Examples
        --------
        >>> sorted(ranking_metrics([0, 1], [0.2, 0.7], ks=(1,), fprs=(0.05,)).named())[:4]
        ['auc', 'average_precision', 'detection_rate_at_fpr_5pct', 'gini']
        """
        figures = {
            "auc": self.auc,
            "gini": self.gini,
            "ks": self.ks,
            "average_precision": self.average_precision,
        }
        figures |= {f"precision_at_{k}": value for k, value in self.precision_at_k.items()}
        figures |= {f"lift_top_{100 * p:g}pct": value for p, value in self.lift.items()}
        figures |= {
            f"detection_rate_at_fpr_{100 * f:g}pct": value
            for f, value in self.detection_rate.items()
        }
        return figures


def ranking_metrics(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    ks: Sequence[int] = (100,),
    lift_percentiles: Sequence[float] = (0.01, 0.05, 0.1),
    fprs: Sequence[float] = (0.01, 0.05),
) -> RankingMetrics:
    """Measure how a risk score ranks.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good.
    y_score : (n,) array-like of finite floats
        Risk score, higher = riskier; any scale.
    ks : sequence of int
        Row counts for precision@k; a k beyond n takes all n rows.
    lift_percentiles : sequence of float
        Shares of the rows in (0, 1]; a share p takes the ``ceil(p n)`` riskiest rows.
    fprs : sequence of float
        False-positive rates in [0, 1].

    Returns
    -------
    RankingMetrics
        - ``auc``: probability that a bad outranks a good, a tie counting half, in [0, 1];
          ``gini`` = 2 AUC − 1.
        - ``ks``: largest TPR − FPR over all cut-offs, in [0, 1]. It has a direction: a score that
          ranks backwards has a KS near 0, not near 1.
        - ``average_precision``: sum of precision × gain in recall over the distinct scores.
        - ``precision_at_k`` and ``lift``: where the last place falls into tied rows, the
          expectation over random tie-breaking, so that the order of the rows never matters.
        - ``detection_rate``: largest TPR among the cut-offs on distinct scores whose FPR does not
          exceed the one asked for; 0 if even the riskiest score exceeds it.

    Raises
    ------
    LabelError
        A label is neither 0 nor 1, or all are the same.
    DataError
        No rows, lengths that differ, or a score that is not finite.
    ConfigurationError
        A k, share or rate out of its range.

    Examples
    --------
    >>> metrics = ranking_metrics([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], ks=(2,))
    >>> metrics.auc, metrics.gini, metrics.ks
    (0.75, 0.5, 0.5)
    >>> metrics.precision_at_k[2]
    0.5
    """
    _require("k", ks, "at least 1", all(k >= 1 for k in ks))
    _require(
        "a share of rows", lift_percentiles, "in (0, 1]", all(0 < p <= 1 for p in lift_percentiles)
    )
    _require("a false-positive rate", fprs, "in [0, 1]", all(0 <= f <= 1 for f in fprs))
    bad, (score,) = labels_and_rankable(y_true, y_score)
    at = levels(bad, score)
    del bad, score  # copies, if the input was of another type
    auc, gini = at.auc_and_gini()
    return RankingMetrics(
        auc=auc,
        gini=gini,
        ks=at.ks(),
        average_precision=at.average_precision(),
        precision_at_k={k: at.precision(k) for k in ks},
        lift={p: at.lift(p) for p in lift_percentiles},
        detection_rate={f: at.detection_rate(f) for f in fprs},
    )


def levels(bad: Flags, score: Score) -> Levels:
    """Return what lies at or above each distinct score of a bad, from one sort.

    Parameters
    ----------
    bad : (n,) array of bool
        Both classes must occur.
    score : (n,) array of finite float32 or float64
        Risk score, higher = riskier.

    Examples
    --------
    >>> at = levels(np.array([True, False, True]), np.array([0.2, 0.2, 0.9]))
    >>> at.bads_above.tolist(), at.goods_above.tolist(), at.tied.tolist()
    ([1, 2], [0, 1], [0, 1])
    """
    keys = labelled_keys(bad, score)
    keys.sort()
    # the low byte is enough to find the bads, the safest first
    places = np.flatnonzero((keys.astype(np.uint8) & 1).view(np.bool_))
    rows, all_bads = keys.size, places.size
    key = keys[places]
    is_first = np.append(True, key[1:] != key[:-1])  # one bad for each distinct score
    if not is_first.all():
        places = places[is_first]
        key = key[is_first]
    tied = _tied_goods(keys, key, places)
    del keys, key  # half of all the memory, and no longer needed
    first = np.flatnonzero(is_first)
    goods_above = np.subtract(first, places, out=places)  # − goods at or below: bads sort last
    goods_above += tied + (rows - all_bads)
    bads = np.diff(first, append=all_bads) if first.size < all_bads else np.ones_like(first)
    return Levels.of(bads[::-1], tied[::-1], goods_above[::-1], rows - all_bads)


def _tied_goods(keys: Keys, key: Keys, places: Counts) -> Counts:
    """Count the goods of each bad's score: they lie just before the first of its bads."""
    tied = np.zeros(places.size, dtype=np.int64)
    for start in range(0, places.size, BLOCK):
        place, good = places[start : start + BLOCK], key[start : start + BLOCK] - 1
        where = np.flatnonzero((keys[place - 1] == good) & (place > 0))
        tied[start + where] = place[where] - np.searchsorted(keys, good[where])
    return tied


def _require(what: str, got: Sequence[float], expected: str, holds: bool) -> None:
    if not holds:
        raise ConfigurationError(f"{what} is out of range", expected=expected, got=tuple(got))
