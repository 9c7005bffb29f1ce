"""How well a risk score ranks bads above goods: every figure from one sort, ties exact.

The plain form. A faster kernel may replace the sort; this one stays as its oracle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import Flags, Floats, labels_and_scores

Counts = NDArray[np.int64]


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


@dataclass(frozen=True, slots=True)
class _Cutoffs:
    """What lies at or above each distinct score, riskiest first, after "nobody" at index 0."""

    bads: Counts
    goods: Counts

    @property
    def rows(self) -> Counts:
        return self.bads + self.goods


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
    bad, (score,) = labels_and_scores(y_true, y_score)
    cutoffs = _cutoffs(bad, score)
    auc, gini = _auc_and_gini(cutoffs)
    return RankingMetrics(
        auc=auc,
        gini=gini,
        ks=_ks(cutoffs),
        average_precision=_average_precision(cutoffs),
        precision_at_k={k: _precision(cutoffs, k) for k in ks},
        lift={p: _lift(cutoffs, p) for p in lift_percentiles},
        detection_rate={f: _detection_rate(cutoffs, f) for f in fprs},
    )


def _require(what: str, got: Sequence[float], expected: str, holds: bool) -> None:
    if not holds:
        raise ConfigurationError(f"{what} is out of range", expected=expected, got=tuple(got))


def _cutoffs(bad: Flags, score: Floats) -> _Cutoffs:
    order = np.argsort(-score, kind="stable")
    descending = score[order]
    last_of_tie = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    bads = np.cumsum(bad[order], dtype=np.int64)[last_of_tie]
    goods = last_of_tie + 1 - bads
    return _Cutoffs(bads=np.insert(bads, 0, 0), goods=np.insert(goods, 0, 0))


def _auc_and_gini(at: _Cutoffs) -> tuple[float, float]:
    """AUC = U / PN from the integer 2U, so that only the last division rounds."""
    pairs = int(at.bads[-1]) * int(at.goods[-1])
    tied_goods = np.diff(at.goods)
    goods_below = at.goods[-1] - at.goods[1:]
    twice_u = int(np.sum(np.diff(at.bads) * (2 * goods_below + tied_goods)))
    return twice_u / (2 * pairs), (twice_u - pairs) / pairs


def _ks(at: _Cutoffs) -> float:
    bads, goods = int(at.bads[-1]), int(at.goods[-1])
    return int(np.max(at.bads * goods - at.goods * bads)) / (bads * goods)


def _average_precision(at: _Cutoffs) -> float:
    precision = at.bads[1:] / at.rows[1:]
    return float(np.sum(np.diff(at.bads) * precision)) / int(at.bads[-1])


def _bads_within(at: _Cutoffs, places: int) -> float:
    """Bads expected among the riskiest ``places`` rows when ties are broken at random."""
    tie = int(np.searchsorted(at.rows, places))  # the cut-off whose tied rows hold the last place
    before, within = tie - 1, int(at.rows[tie] - at.rows[tie - 1])
    share = (places - int(at.rows[before])) * int(at.bads[tie] - at.bads[before]) / within
    return int(at.bads[before]) + share


def _precision(at: _Cutoffs, k: int) -> float:
    places = min(k, int(at.rows[-1]))
    return _bads_within(at, places) / places


def _lift(at: _Cutoffs, percentile: float) -> float:
    # by the decimal as written: 0.07 * 100 is 7.000000000000001 in floats, and would take 8 rows
    places = math.ceil(Fraction(repr(float(percentile))) * int(at.rows[-1]))
    return _precision(at, places) / (int(at.bads[-1]) / int(at.rows[-1]))


def _detection_rate(at: _Cutoffs, fpr: float) -> float:
    allowed = np.flatnonzero(at.goods / at.goods[-1] <= fpr)
    return float(at.bads[allowed[-1]] / at.bads[-1])
