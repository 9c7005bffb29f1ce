"""Champion and challenger on the same rows, each sorted once into bins, ready to be resampled.

The bins are the distinct scores of bads, and the goods at and between them: all that the ranking
figures depend on. Within a class the rows are put in the order of both scores (and cluster), so
that a seed draws the same whatever order they came in; and which model's score comes first in that
order depends on the scores, so that swapping the models only turns the sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.clusters import Codes
from finrisk.metrics.inputs import Flags, Floats
from finrisk.metrics.sort_keys import Score

ROWS_TAKEN_WHOLE = 200_000  # beyond, goods are sampled
GOODS_PER_BAD = 50  # more of them hardly narrow a figure, since the bads' own spread remains

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BinnedModel:
    """One model's bins, riskiest first: score g of the bads, 2g goods above it, 2g + 1 at it."""

    depth: int
    of_bads: Places  # (P,)
    of_goods: Places  # (M,)
    error_of_bads: Floats | None  # (P,) squared error, if the score is a probability
    error_of_goods: Floats | None  # (M,)


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """Champion and challenger on the same rows, ready to be resampled.

    The first ``near`` goods stand for themselves; the others were sampled, and each stands for
    ``far_weight`` goods. ``sampled_goods`` is None where all goods are taken.
    """

    champion: BinnedModel
    challenger: BinnedModel
    bads: int
    goods: int
    near: int
    far_weight: float
    clusters: int
    cluster_of_bads: Codes | None
    cluster_of_goods: Codes | None

    @property
    def sampled_goods(self) -> int | None:
        """How many goods were taken, if not all."""
        taken = self.champion.of_goods.size
        return None if taken == self.goods else taken


def paired_rows(
    bad: Flags,
    champion: Score,
    challenger: Score,
    codes: Codes | None,
    rng: np.random.Generator,
    *,
    probabilities: bool = False,
) -> PairedRows:
    """Sort each model into its bins; above 200,000 rows keep all bads and at most 50 goods a bad.

    Half of those goods are the ones either model ranks riskiest, taken whole, because precision@k
    and detection rates are decided there; the other half is sampled from the rest, and weighted.

    Parameters
    ----------
    bad : (n,) array of bool
    champion, challenger : (n,) arrays of finite floats
        Risk scores, higher = riskier.
    codes : (n,) array of int, or None
        Cluster of each row, 0 … G − 1.
    rng : numpy.random.Generator
        Draws the sampled goods.
    probabilities : bool
        Both scores are probabilities, and their squared errors are wanted.
    """
    scores = (champion, challenger)
    bads_at, goods_at = np.flatnonzero(bad), np.flatnonzero(~bad)
    models = [_model(score[bads_at], score[goods_at], probabilities) for score in scores]
    lead = 0 if _fingerprint(models[0]) >= _fingerprint(models[1]) else 1
    tie_breakers = [] if codes is None else [codes]
    keys = [*tie_breakers, scores[1 - lead], scores[lead]]  # the last one counts most
    order_bads = np.lexsort([key[bads_at] for key in keys])
    order_goods = np.lexsort([key[goods_at] for key in keys])
    goods, budget = goods_at.size, GOODS_PER_BAD * bads_at.size
    near, far_weight = goods, 1.0
    if bad.size > ROWS_TAKEN_WHOLE and goods > budget:
        near = budget // 2
        far_weight = (goods - near) / (budget - near)
        order_goods = order_goods[_kept(models, order_goods, near, budget - near, rng)]
    models = [_in_order(model, order_bads, order_goods) for model in models]
    return PairedRows(
        champion=models[0],
        challenger=models[1],
        bads=bads_at.size,
        goods=goods,
        near=near,
        far_weight=far_weight,
        clusters=0 if codes is None else int(codes.max()) + 1,
        cluster_of_bads=None if codes is None else codes[bads_at[order_bads]],
        cluster_of_goods=None if codes is None else codes[goods_at[order_goods]],
    )


def _model(bads: Score, goods: Score, probability: bool) -> BinnedModel:
    distinct, position = np.unique(bads, return_inverse=True)
    up_to = np.searchsorted(distinct, goods, side="right")
    tied = distinct[np.maximum(up_to - 1, 0)] == goods
    return BinnedModel(
        depth=distinct.size,
        of_bads=distinct.size - 1 - position,
        of_goods=2 * (distinct.size - up_to) + np.where(tied, 1, 0),
        error_of_bads=np.square(1.0 - bads.astype(np.float64)) if probability else None,
        error_of_goods=np.square(goods.astype(np.float64)) if probability else None,
    )


def _fingerprint(model: BinnedModel) -> tuple[int, ...]:
    """Tell two models apart by whole numbers that the order of the rows does not change."""
    squares = int(np.square(model.of_goods).sum()), int(np.square(model.of_bads).sum())
    return model.depth, int(model.of_goods.sum()), *squares


def _kept(
    models: list[BinnedModel], order: Places, near: int, far: int, rng: np.random.Generator
) -> Places:
    """Choose goods by their place in the order: the riskiest for either model, then some others."""
    depths = [model.of_goods[order] / (2 * model.depth + 1) for model in models]
    riskiest_first = np.argsort(np.minimum(*depths), kind="stable")
    sampled = rng.choice(np.sort(riskiest_first[near:]), size=far, replace=False)
    return np.concatenate([np.sort(riskiest_first[:near]), np.sort(sampled)])


def _in_order(model: BinnedModel, bads: Places, goods: Places) -> BinnedModel:
    errors = model.error_of_bads, model.error_of_goods
    return replace(
        model,
        of_bads=model.of_bads[bads],
        of_goods=model.of_goods[goods],
        error_of_bads=None if errors[0] is None else errors[0][bads],
        error_of_goods=None if errors[1] is None else errors[1][goods],
    )
