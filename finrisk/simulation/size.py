"""Single looks on hold-outs that share nothing: the size of the test, and its power.

The size is how often a challenger exactly as good as its champion passes, against the α it was
allowed. As the two are exchangeable, z and −z are equally likely: a look counts once for either
sign, and ``n`` looks say as much as ``2n`` one-sided ones (never both at once, so the count stays
binomial).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.comparison import compare
from finrisk.gate.budget import minimum_detectable_difference, z_needed
from finrisk.metrics.clusters import ROWS
from finrisk.records import Comparison
from finrisk.simulation.holdout import MovingHoldout
from finrisk.simulation.intervals import binomial_interval
from finrisk.simulation.rivals import ScoredHoldout
from finrisk.simulation.schedules import Setting

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Looks:
    """What independent looks found; shape (looks,) each.

    ``rows_error`` is the standard error as if rows were independent, ``error`` the gate's;
    ``degrees_of_freedom`` are those of the gate's, the fewest of any look, None by rows.
    """

    difference: Floats
    error: Floats
    rows_error: Floats
    degrees_of_freedom: int | None

    @property
    def z(self) -> Floats:
        """Δ / s as the gate has it."""
        return self.difference / self.error

    @property
    def z_undeclared(self) -> Floats:
        """Δ / s as it were if nobody had declared the clusters."""
        return self.difference / self.rows_error


@dataclass(frozen=True, slots=True)
class Size:
    """How often equals passed at one α; ``ratio`` is the size over α, with its exact interval."""

    alpha: float
    looks: int
    beyond: int
    ratio: float
    interval: tuple[float, float]


def one_look(setting: Setting, gain: float, rng: np.random.Generator) -> ScoredHoldout:
    """Draw a hold-out of its own, and two models on it, the challenger truly better by ``gain``."""
    holdout = MovingHoldout(setting.shape, rng)
    blocks = np.ones(setting.shape.blocks)
    champion = holdout.scores(holdout.new_model(), setting.true_auc * blocks)
    challenger = holdout.scores(holdout.new_model(), (setting.true_auc + gain) * blocks)
    return ScoredHoldout(holdout.labels, champion, challenger, holdout.clusters)


def independent_looks(setting: Setting, gain: float, seeds: Sequence[Sequence[int]]) -> Looks:
    """Take one look for each seed; no two share a row or a model."""
    found: list[Comparison] = []
    clusters: list[int] = []
    for seed in seeds:
        scored = one_look(setting, gain, np.random.default_rng(list(seed)))
        found.append(
            compare(scored.labels, scored.champion, scored.challenger, clusters=scored.clusters)
        )
        bad = scored.labels == 1
        clusters += [np.unique(of[bad]).size for of in (scored.clusters or {}).values()]
    return Looks(
        difference=np.array([look.difference for look in found]),
        error=np.array([look.standard_error for look in found]),
        rows_error=np.array([look.standard_errors[ROWS] for look in found]),
        degrees_of_freedom=min(clusters) - 1 if clusters else None,
    )


def size_of(z: Floats, alpha: float, degrees_of_freedom: int | None = None) -> Size:
    """Count how often equals lie beyond the z that α asks for, on either side.

    Parameters
    ----------
    z : (looks,) array
        Of independent looks between exchangeable models.
    alpha : float
        One-sided nominal size.
    degrees_of_freedom : int, optional
        As ``finrisk.gate.budget.z_needed`` has them.

    Examples
    --------
    >>> size_of(np.array([0.0, 2.0, -2.0, 1.0]), 0.05).ratio
    5.0
    """
    beyond = int(np.count_nonzero(np.abs(z) >= z_needed(alpha, degrees_of_freedom)))
    low, high = binomial_interval(beyond, z.size)
    per_side = 2.0 * alpha
    interval = (low / per_side, high / per_side)
    return Size(alpha, z.size, beyond, beyond / z.size / per_side, interval)


def minimum_detectable_gain(equals: Looks, alpha: float) -> float:
    """Return (z needed + 0.84) · s with the mean s of looks between equals."""
    needed = z_needed(alpha, equals.degrees_of_freedom)
    return minimum_detectable_difference(float(equals.error.mean()), needed)
