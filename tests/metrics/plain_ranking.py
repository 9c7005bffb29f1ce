"""The ranking figures in plain form, an argsort and cumulative counts: the kernel's oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.metrics.inputs import labels_and_scores
from finrisk.metrics.ranking import RankingMetrics

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What lies at or above each distinct score, riskiest first, after "nobody" at index 0."""

    bads: Counts
    goods: Counts

    @property
    def rows(self) -> Counts:
        return self.bads + self.goods


def plain_ranking_metrics(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    ks: Sequence[int] = (100,),
    lift_percentiles: Sequence[float] = (0.01, 0.05, 0.1),
    fprs: Sequence[float] = (0.01, 0.05),
) -> RankingMetrics:
    at = cutoffs(y_true, y_score)
    auc, gini = auc_and_gini(at)
    return RankingMetrics(
        auc=auc,
        gini=gini,
        ks=ks_of(at),
        average_precision=average_precision(at),
        precision_at_k={k: precision(at, k) for k in ks},
        lift={p: lift(at, p) for p in lift_percentiles},
        detection_rate={f: detection_rate(at, f) for f in fprs},
    )


def cutoffs(y_true: ArrayLike, y_score: ArrayLike) -> Cutoffs:
    bad, (score,) = labels_and_scores(y_true, y_score)
    order = np.argsort(-score, kind="stable")
    descending = score[order]
    last_of_tie = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    bads = np.cumsum(bad[order], dtype=np.int64)[last_of_tie]
    goods = last_of_tie + 1 - bads
    return Cutoffs(bads=np.insert(bads, 0, 0), goods=np.insert(goods, 0, 0))


def auc_and_gini(at: Cutoffs) -> tuple[float, float]:
    pairs = int(at.bads[-1]) * int(at.goods[-1])
    tied_goods = np.diff(at.goods)
    goods_below = at.goods[-1] - at.goods[1:]
    twice_u = int(np.sum(np.diff(at.bads) * (2 * goods_below + tied_goods)))
    return twice_u / (2 * pairs), (twice_u - pairs) / pairs


def ks_of(at: Cutoffs) -> float:
    bads, goods = int(at.bads[-1]), int(at.goods[-1])
    return int(np.max(at.bads * goods - at.goods * bads)) / (bads * goods)


def average_precision(at: Cutoffs) -> float:
    share = at.bads[1:] / at.rows[1:]
    return float(np.sum(np.diff(at.bads) * share)) / int(at.bads[-1])


def bads_within(at: Cutoffs, places: int) -> float:
    tie = int(np.searchsorted(at.rows, places))  # the cut-off whose tied rows hold the last place
    before, within = tie - 1, int(at.rows[tie] - at.rows[tie - 1])
    share = (places - int(at.rows[before])) * int(at.bads[tie] - at.bads[before]) / within
    return int(at.bads[before]) + share


def precision(at: Cutoffs, k: int) -> float:
    places = min(k, int(at.rows[-1]))
    return bads_within(at, places) / places


def lift(at: Cutoffs, percentile: float) -> float:
    places = math.ceil(Fraction(repr(float(percentile))) * int(at.rows[-1]))
    return precision(at, places) / (int(at.bads[-1]) / int(at.rows[-1]))


def detection_rate(at: Cutoffs, fpr: float) -> float:
    allowed = np.flatnonzero(at.goods / at.goods[-1] <= fpr)
    return float(at.bads[allowed[-1]] / at.bads[-1])
