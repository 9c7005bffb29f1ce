"""What a cut-off does: who is declined, who is approved, and how they turned out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import labels_and_probabilities


@dataclass(frozen=True, slots=True)
class CutoffMetrics:
    """The figures at one cut-off; a row is declined when its probability is at or above it.

    ``precision`` is the share of bads among the declined, None where nobody is declined;
    ``bad_rate_approved`` the share of bads among the approved, None where nobody is approved.
    """

    cutoff: float
    precision: float | None
    recall: float
    f1: float
    accuracy: float
    approval_rate: float
    bad_rate_approved: float | None


def cutoff_metrics(y_true: ArrayLike, probability: ArrayLike, cutoff: float) -> CutoffMetrics:
    """Measure one cut-off.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad.
    cutoff : float
        In [0, 1].

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    ConfigurationError
        The cut-off is outside [0, 1].

    Examples
    --------
    >>> at_half = cutoff_metrics([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], 0.5)
    >>> at_half.recall, at_half.approval_rate
    (1.0, 0.25)
    >>> print(cutoff_metrics([0, 1], [0.1, 0.2], 0.5).precision)
    None
    """
    if not 0.0 <= cutoff <= 1.0:
        raise ConfigurationError("cut-off is out of range", expected="in [0, 1]", got=cutoff)
    bad, chance = labels_and_probabilities(y_true, probability)
    declined = chance >= cutoff
    rows, bads, declines = bad.size, int(bad.sum()), int(declined.sum())
    caught = int(np.count_nonzero(bad & declined))
    missed, approvals = bads - caught, rows - declines
    return CutoffMetrics(
        cutoff=cutoff,
        precision=caught / declines if declines else None,
        recall=caught / bads,
        f1=2 * caught / (bads + declines),
        accuracy=(caught + approvals - missed) / rows,
        approval_rate=approvals / rows,
        bad_rate_approved=missed / approvals if approvals else None,
    )
