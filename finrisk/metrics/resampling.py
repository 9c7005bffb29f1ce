"""Paired resampling: the same drawn rows, or clusters, for both models, without sorting again.

A replicate counts who was drawn into which bin; every figure follows by sums along the bins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from finrisk.errors import ConfigurationError, NotEnoughData
from finrisk.metrics.inputs import Floats
from finrisk.metrics.levels import Amounts, Levels
from finrisk.metrics.paired_rows import BinnedModel, PairedRows, Places

FEWEST_REPLICATES = 2
MOST_REDRAWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """One model on one resample: its levels; where scores are probabilities, its Brier score."""

    levels: Levels
    squared_error: float | None


Measure = Callable[[Resample], float]


@dataclass(frozen=True, slots=True, eq=False)
class _Draw:
    """Who was drawn: rows by number, or all of them with a weight."""

    bads: Places | slice
    goods: Places | slice
    weight_of_bads: Floats | None = None
    weight_of_goods: Floats | None = None


def replicate_differences(
    rows: PairedRows, measures: Mapping[str, Measure], replicates: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Return challenger − champion in each replicate, for each measure.

    Rows are drawn within their class; clusters as they are, and anew when a draw has one class.

    Returns
    -------
    dict of name to (replicates,) array

    Raises
    ------
    ConfigurationError
        Fewer than two replicates.
    NotEnoughData
        Hardly any draw of clusters has both classes.
    """
    if replicates < FEWEST_REPLICATES:
        raise ConfigurationError(
            "too few replicates", expected=f"at least {FEWEST_REPLICATES}", got=replicates
        )
    found = {name: np.empty(replicates) for name in measures}
    for number, draw in zip(range(replicates), _draws(rows, rng), strict=False):
        champion, challenger = (_resample(m, draw) for m in (rows.champion, rows.challenger))
        for name, measure in measures.items():
            found[name][number] = measure(challenger) - measure(champion)
    return found


def sample_differences(rows: PairedRows, measures: Mapping[str, Measure]) -> dict[str, float]:
    """Return challenger − champion on the rows taken, each once: what the replicates vary about."""
    weights = None if rows.sampled_goods is None else _base_weights(rows)
    draw = _Draw(bads=slice(None), goods=slice(None), weight_of_goods=weights)
    champion, challenger = (_resample(m, draw) for m in (rows.champion, rows.challenger))
    return {name: measure(challenger) - measure(champion) for name, measure in measures.items()}


def _base_weights(rows: PairedRows) -> Floats:
    weights = np.ones(rows.champion.of_goods.size)
    weights[rows.near :] = rows.far_weight
    return weights


def _draws(rows: PairedRows, rng: np.random.Generator) -> Iterator[_Draw]:
    draw = _draw_rows if rows.cluster_of_bads is None else _draw_clusters
    while True:
        yield draw(rows, rng)


def _draw_rows(rows: PairedRows, rng: np.random.Generator) -> _Draw:
    bads = rng.integers(rows.bads, size=rows.bads)
    if rows.sampled_goods is None:
        return _Draw(bads=bads, goods=rng.integers(rows.goods, size=rows.goods))
    far = rows.sampled_goods - rows.near
    drawn_near = int(rng.binomial(rows.goods, rows.near / rows.goods))
    near_ones = rng.integers(rows.near, size=drawn_near)
    far_ones = rows.near + rng.integers(far, size=far)
    weights = np.ones(drawn_near + far)
    weights[drawn_near:] = (rows.goods - drawn_near) / far
    return _Draw(bads=bads, goods=np.concatenate([near_ones, far_ones]), weight_of_goods=weights)


def _draw_clusters(rows: PairedRows, rng: np.random.Generator) -> _Draw:
    for _ in range(MOST_REDRAWS):
        drawn = rng.integers(rows.clusters, size=rows.clusters)
        times = np.bincount(drawn, minlength=rows.clusters).astype(np.float64)
        bads, goods = times[rows.cluster_of_bads], times[rows.cluster_of_goods]
        if bads.any() and goods.any():
            if rows.sampled_goods is not None:
                goods[rows.near :] *= rows.far_weight
            return _Draw(slice(None), slice(None), bads, goods)
    raise NotEnoughData(
        "the clusters cannot be resampled",
        expected="draws with bads and goods",
        got=f"{MOST_REDRAWS} draws of {rows.clusters} clusters with one class only",
    )


def _resample(model: BinnedModel, draw: _Draw) -> Resample:
    at, among = model.of_bads[draw.bads], model.of_goods[draw.goods]
    bads: Amounts = np.bincount(at, weights=draw.weight_of_bads, minlength=model.depth)
    goods: Amounts = np.bincount(among, weights=draw.weight_of_goods, minlength=2 * model.depth + 1)
    up_to = np.cumsum(goods)
    levels = Levels.of(bads, goods[1::2], up_to[1::2], up_to[-1].item())
    return Resample(levels=levels, squared_error=_squared_error(model, draw, levels))


def _squared_error(model: BinnedModel, draw: _Draw, levels: Levels) -> float | None:
    if model.error_of_bads is None or model.error_of_goods is None:
        return None
    bads, goods = model.error_of_bads[draw.bads], model.error_of_goods[draw.goods]
    if draw.weight_of_bads is not None:
        bads = bads * draw.weight_of_bads
    if draw.weight_of_goods is not None:
        goods = goods * draw.weight_of_goods
    return float(bads.sum() + goods.sum()) / (levels.all_bads + levels.all_goods)
