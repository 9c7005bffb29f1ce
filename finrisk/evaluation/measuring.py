"""What the paired metrics share: two scored versions, the rows, and how an interval is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.judged_rows import JudgedRows, Scores
from finrisk.evaluation.same_rows import Direction, Measured, MetricPair
from finrisk.specs.policy import GatePolicy

REPLICATES = 400  # an interval's ends are off by 4 % of its length; the gate takes 2,000
Z_95 = 1.959964
LOWEST = {"gini": -1.0}
UNBOUNDED = "lift_"

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class ScoredSide:
    """One version's scores of the rows, in their order.

    Parameters
    ----------
    scores : (n,) array of finite float
        Higher = riskier.
    reference : tuple of float
        Quantiles of its out-of-fold scores, what the PSI compares with; empty where not kept.
    """

    scores: Scores
    is_probability: bool
    reference: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measuring:
    """What all the measuring shares."""

    rows: JudgedRows
    a: ScoredSide
    b: ScoredSide
    policy: GatePolicy
    clusters: Mapping[str, Codes]
    drawn_by: str

    @property
    def both_probabilities(self) -> bool:
        """Whether neither is a detector."""
        return self.a.is_probability and self.b.is_probability

    @property
    def codes(self) -> Codes | None:
        """The clusters that are drawn; None: rows are."""
        return self.clusters.get(self.drawn_by)

    @property
    def resampled(self) -> str:
        """Say what was drawn."""
        return f"resampled by {self.drawn_by}"


def plain_pair(
    name: str, direction: Direction, values: tuple[float | None, float | None], why: str
) -> MetricPair:
    """Return a metric without intervals, and why it has none."""
    a, b = values
    return MetricPair(
        name=name,
        direction=direction,
        a=None if a is None else Measured(a),
        b=None if b is None else Measured(b),
        difference=None if a is None or b is None else Measured(b - a),
        interval=why,
    )


def around(value: float, error: float | None, metric: str | None = None) -> Measured:
    """Return a figure with its interval, which ends where the metric does; a difference is free."""
    if error is None or not math.isfinite(error):
        return Measured(value)
    low, high = value - Z_95 * error, value + Z_95 * error
    if metric is not None:
        low = max(low, LOWEST.get(metric, 0.0))
        high = high if metric.startswith(UNBOUNDED) else min(high, 1.0)
    return Measured(value, low, high)
