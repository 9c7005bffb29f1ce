"""Calibration in the large with the error that chance leaves it: by rows, clusters and days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import NotEnoughData
from finrisk.metrics.calibration import CLIP, calibration_in_the_large
from finrisk.metrics.clusters import Codes, cluster_codes, largest, standard_errors
from finrisk.metrics.inputs import Floats, labels_and_probabilities

FEWEST_PER_CLASS = 10
FEWEST_CLUSTERS = 10


@dataclass(frozen=True, slots=True)
class MeasuredOffset:
    """What to add to every logit, with its largest standard error, and what both sides are.

    ``offset`` is in logits; positive: the model says too little risk. Shares in [0, 1].
    """

    offset: float
    standard_error: float
    variance_by: str
    mean_score: float
    bad_rate: float


def measured_offset(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    clusters: Mapping[str, ArrayLike] | None = None,
) -> MeasuredOffset:
    """Compare the bad rate with the mean probability.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; at least ten of each.
    probability : (n,) array-like of floats in [0, 1]
    clusters : mapping of name to (n,) array-like, optional
        What rows may move together by; one of fewer than ten clusters is left out.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    NotEnoughData
        Fewer than ten bads or goods.

    Notes
    -----
    The offset solves Σ (y − p(a)) = 0, so its error is that of the sum over Σ p(a)(1 − p(a)).

    Examples
    --------
    >>> of = measured_offset([0, 0, 0, 1] * 100, [0.2] * 400)
    >>> round(of.offset, 3), round(of.standard_error, 3), of.bad_rate
    (0.288, 0.115, 0.25)
    """
    bad, chance = labels_and_probabilities(y_true, probability)
    bads = int(np.count_nonzero(bad))
    if min(bads, bad.size - bads) < FEWEST_PER_CLASS:
        raise NotEnoughData(
            "too few rows to tell calibration by",
            expected=f"at least {FEWEST_PER_CLASS} bads and goods",
            got=f"{bads} bads and {bad.size - bads} goods",
        )
    offset = calibration_in_the_large(bad, chance)
    clipped = np.clip(chance, CLIP, 1.0 - CLIP)
    shifted: Floats = 1.0 / (1.0 + (1.0 - clipped) / clipped * np.exp(-offset))
    residual = bad - shifted
    curvature = float(np.sum(shifted * (1.0 - shifted)))

    def variance_by(codes: Codes) -> float:
        sums = np.bincount(codes, weights=residual)
        return float(sums.size / (sums.size - 1) * np.sum(sums**2)) / curvature**2

    by_rows = float(np.sum(residual**2)) / curvature**2
    kept = {name: ids for name, ids in (clusters or {}).items() if _enough(name, ids, bad.size)}
    errors = standard_errors(by_rows, kept, bad.size, variance_by)
    by = largest(errors)
    return MeasuredOffset(offset, errors[by], by, float(chance.mean()), float(bad.mean()))


def _enough(name: str, ids: ArrayLike, rows: int) -> bool:
    try:
        return int(cluster_codes(name, ids, rows).max()) + 1 >= FEWEST_CLUSTERS
    except NotEnoughData:
        return False
