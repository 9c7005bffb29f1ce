"""Calibration: whether the probabilities mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import Floats, labels_and_probabilities

CLIP = 1e-12  # a probability of 0 or 1 has no finite logit
WIDEST_OFFSET = 100.0  # beyond any offset between two clipped logits (each within ± 27.7)
HALVINGS = 60  # 200 / 2⁶⁰ is below a float's last digit


def brier_score(y_true: ArrayLike, probability: ArrayLike) -> float:
    """Return the mean squared distance of probability and label, in [0, 1], lower is better.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 0.5])
    0.25
    """
    bad, chance = labels_and_probabilities(y_true, probability)
    return float(np.mean((chance - bad) ** 2))


def expected_calibration_error(
    y_true: ArrayLike, probability: ArrayLike, *, bins: int = 15
) -> float:
    """Return the mean distance of predicted and observed bad rate over equal-count bins.

    A row's bin follows from the middle rank of its probability, so that rows with one probability
    share a bin and the order of the rows never matters; without ties the bins differ by one row at
    most.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad.
    bins : int
        At least 1.

    Returns
    -------
    float
        In [0, 1], lower is better; weighted by rows.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    ConfigurationError
        ``bins`` is below 1.

    Examples
    --------
    >>> round(expected_calibration_error([0, 0, 1, 1], [0.1, 0.1, 0.9, 0.9], bins=2), 6)
    0.1
    """
    if bins < 1:
        raise ConfigurationError("too few bins", expected="at least 1", got=bins)
    bad, chance = labels_and_probabilities(y_true, probability)
    _, position, ties = np.unique(chance, return_inverse=True, return_counts=True)
    twice_middle = 2 * np.cumsum(ties) - ties  # 2 × (rows below + half the tie)
    bin_of_row = (bins * twice_middle // (2 * chance.size))[position]
    off = np.bincount(bin_of_row, weights=chance - bad, minlength=bins)
    return float(np.sum(np.abs(off))) / chance.size


def calibration_in_the_large(y_true: ArrayLike, probability: ArrayLike) -> float:
    """Return the offset intercept a₀: what to add to every logit so that the bad rate fits.

    The slope stays fixed at 1 (Cox 1958). Positive: the model says too little risk; negative: too
    much; 0: the mean probability is the bad rate.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad; taken as at least 1e-12 away from 0 and 1.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.

    Examples
    --------
    >>> round(calibration_in_the_large([0, 1], [0.2, 0.2]), 6)  # logit(0.5) − logit(0.2)
    1.386294
    """
    bad, chance = labels_and_probabilities(y_true, probability)
    clipped = np.clip(chance, CLIP, 1.0 - CLIP)
    logits = np.log(clipped) - np.log1p(-clipped)
    bad_rate = float(bad.mean())
    low, high = -WIDEST_OFFSET, WIDEST_OFFSET
    for _ in range(HALVINGS):  # the mean probability grows with the offset: halving cannot fail
        middle = (low + high) / 2.0
        if _mean_probability(logits + middle) < bad_rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _mean_probability(logits: Floats) -> float:
    return float(np.mean(0.5 * (1.0 + np.tanh(0.5 * logits))))  # tanh does not overflow
