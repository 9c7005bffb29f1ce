"""Calibration: whether the probabilities mean what they say."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import Flags, Floats, labels_and_probabilities

CLIP = 1e-12  # a probability of 0 or 1 has no finite logit
WIDEST_OFFSET = 100.0  # beyond any offset between two clipped logits (each within ± 27.7)
MOST_STEPS = 100
STEP_TOLERANCE = 1e-12
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
    logits = _logits(chance)
    bad_rate = float(bad.mean())
    low, high = -WIDEST_OFFSET, WIDEST_OFFSET
    for _ in range(HALVINGS):  # the mean probability grows with the offset: halving cannot fail
        middle = (low + high) / 2.0
        if _mean_probability(logits + middle) < bad_rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def calibration_slope(y_true: ArrayLike, probability: ArrayLike) -> float | None:
    """Return the slope b of a logistic regression of the label on a + b · logit.

    Cox 1958. 1: the logits are as far apart as the outcomes say; below 1: too far apart, the model
    is too sure (overfitted); above 1: too close; below 0: it ranks backwards.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad; taken as at least 1e-12 away from 0 and 1.

    Returns
    -------
    float or None
        None where no finite slope exists: the probability is the same for every row, or one cut-off
        separates bads from goods (a tie at it included). Unknown, and so never good enough.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.

    Examples
    --------
    >>> labels = [0, 0, 0, 1] * 10 + [0, 1, 1, 1] * 10
    >>> round(calibration_slope(labels, [0.25] * 40 + [0.75] * 40), 6)
    1.0
    >>> print(calibration_slope([0, 1], [0.2, 0.9]))
    None
    """
    bad, chance = labels_and_probabilities(y_true, probability)
    logits = _logits(chance)
    if _separated(bad, logits):
        return None
    spread = float(logits.std())
    # one scale for all scores, and any slope of the line is about 1 there
    x = (logits - logits.mean()) / spread
    return _fitted_slope(bad, x) / spread


def _separated(bad: Flags, logits: Floats) -> bool:
    bads, goods = logits[bad], logits[~bad]
    return bool(goods.max() <= bads.min() or bads.max() <= goods.min())


def _fitted_slope(bad: Flags, x: Floats) -> float:
    """Newton's way down the convex log loss, a step halved while it leads up."""
    bad_rate = float(bad.mean())
    line = np.array([math.log(bad_rate / (1.0 - bad_rate)), 0.0])
    loss = _log_loss(bad, x, line)
    for _ in range(MOST_STEPS):
        chance = _chances(line[0] + line[1] * x)
        residual, weight = bad - chance, chance * (1.0 - chance)
        gradient = np.array([residual.sum(), (residual * x).sum()])
        curvature = np.array(
            [
                [weight.sum(), (weight * x).sum()],
                [(weight * x).sum(), (weight * x * x).sum()],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        line, loss, moved = _taken(bad, x, line, loss, step)
        if moved <= STEP_TOLERANCE * (1.0 + abs(line[1])):
            break
    return float(line[1])


def _taken(
    bad: Flags, x: Floats, line: Floats, loss: float, step: Floats
) -> tuple[Floats, float, float]:
    for _ in range(HALVINGS):
        reached = _log_loss(bad, x, line + step)
        if reached <= loss:
            return line + step, reached, float(np.abs(step).max())
        step = step / 2.0
    return line, loss, 0.0


def _log_loss(bad: Flags, x: Floats, line: Floats) -> float:
    logits = line[0] + line[1] * x
    return float(np.sum(np.logaddexp(0.0, logits) - bad * logits))


def _logits(chance: Floats) -> Floats:
    clipped = np.clip(chance, CLIP, 1.0 - CLIP)
    logits: Floats = np.log(clipped) - np.log1p(-clipped)
    return logits


def _mean_probability(logits: Floats) -> float:
    return float(np.mean(_chances(logits)))


def _chances(logits: Floats) -> Floats:
    chances: Floats = 0.5 * (1.0 + np.tanh(0.5 * logits))  # tanh does not overflow
    return chances
