"""How far a sum of squares goes by chance, out to one in a million and beyond.

A PSI is about a sum of squared normal numbers of unequal variance, and what variance they have is
itself only estimated. The share beyond a point follows from the sum's cumulants by a saddlepoint,
which keeps its relative error in the far tail, where resampling has no replicates.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError
from finrisk.metrics.inputs import Floats

HALVINGS = 55  # of the interval in which the saddlepoint lies: to a float's last digits
BESIDE_THE_MEAN = 1e-4  # the formula is 0 / 0 at the mean; so near it the share moves as little
NEGLIGIBLE = 1e-9  # weights below it, relative to the largest, are rounding
GRID, ROUNDS = 33, 5  # 18 decades to a relative error of 1e-6
LOWEST, HIGHEST = -9.0, 9.0  # decades of the mean


def share_beyond(weights: ArrayLike, degrees: float, times: ArrayLike) -> Floats:
    """Return P(Q ≥ times · E) where E estimates the mean of Q.

    Q = Σ wᵢ χ²(1), a weighted sum of squared normal numbers, and E = Σ wᵢ χ²(ν) / ν is what ν
    independent sums like it say the mean is. With equal weights it is the F distribution, with
    many degrees that of Q alone.

    Parameters
    ----------
    weights : (k,) array-like of floats
        w, at least 0, not all 0; only their ratios count.
    degrees : float
        ν, above 0, whole or not.
    times : (m,) array-like of floats
        At least 0; 1 is the mean.

    Returns
    -------
    (m,) array of float
        In [0, 1]; beyond 10⁹ times the mean as if at 10⁹ times. In the tail it lies above the true
        share: by a fifth at most with a single weight, by a hundredth with nine. Kuonen 1999,
        Saddlepoint approximations for distributions of quadratic forms in normal variables
        (Biometrika 86:929).

    Raises
    ------
    ConfigurationError
        ``weights``, ``degrees`` or ``times`` out of range.

    Examples
    --------
    >>> share_beyond([1] * 9, 1e9, [27.877 / 9]).round(4).tolist()  # χ² of 9 degrees: 0.001
    [0.001]
    >>> share_beyond([1], 10, [21.04]).round(4).tolist()  # F of 1 and 10 degrees: 0.001
    [0.0011]
    """
    w, at = _checked(weights, degrees, times)
    at = np.where(np.abs(at - 1.0) < BESIDE_THE_MEAN, 1.0 + BESIDE_THE_MEAN, at)
    known = np.clip(at, 10.0**LOWEST, 10.0**HIGHEST)
    return np.where(at > 0.0, _tail(w, degrees, known), 1.0)


def times_beyond(weights: ArrayLike, degrees: float, share: float) -> float:
    """Return the multiple of the estimated mean that a share of chance goes beyond.

    Parameters
    ----------
    weights, degrees
        As ``share_beyond``.
    share : float
        In (0, 1).

    Returns
    -------
    float
        At most 10⁹, infinite where that is not enough.

    Raises
    ------
    ConfigurationError
        As ``share_beyond``, or a share out of range.

    Examples
    --------
    >>> round(9 * times_beyond([1] * 9, 1e9, 0.001), 2)  # 27.88 by a table of chi-squared
    27.89
    """
    if not 0.0 < share < 1.0:
        raise ConfigurationError("a share is out of range", expected="in (0, 1)", got=share)
    low, high = LOWEST, HIGHEST
    for _ in range(ROUNDS):
        decades = np.linspace(low, high, GRID)
        within = share_beyond(weights, degrees, 10.0**decades) <= share
        if not within.any():
            return math.inf
        reached = int(np.argmax(within))
        low, high = float(decades[max(reached - 1, 0)]), float(decades[reached])
    return float(10.0**high)


def _checked(weights: ArrayLike, degrees: float, times: ArrayLike) -> tuple[Floats, Floats]:
    w, at = (np.asarray(values, dtype=np.float64) for values in (weights, times))
    if w.ndim != 1 or not w.size or not np.isfinite(w).all() or w.min() < 0.0 or w.max() <= 0.0:
        raise ConfigurationError(
            "weights of no sum of squares",
            expected="finite, at least 0, not all 0",
            got=w.tolist()[:5],
        )
    if not degrees > 0.0 or at.ndim != 1 or np.isnan(at).any() or (at < 0.0).any():
        raise ConfigurationError(
            "no point of a sum of squares",
            expected="degrees above 0, multiples of the mean of at least 0",
            got=f"degrees {degrees}, multiples {at.tolist()[:5]}",
        )
    w = w[w > NEGLIGIBLE * w.max()]
    return w / w.sum(), at


def _tail(w: Floats, degrees: float, at: Floats) -> Floats:
    """Return P(Σ wᵢ χ²(1) − at · Σ wᵢ χ²(ν) / ν > 0)."""
    against = at[:, None] * w / degrees  # (m, k)
    t = _saddlepoint(w, degrees, against)[:, None]
    shrunk, grown = 1.0 - 2.0 * w * t, 1.0 + 2.0 * against * t
    logs = np.log1p(-2.0 * w * t).sum(axis=1) + degrees * np.log1p(2.0 * against * t).sum(axis=1)
    bend = ((w / shrunk) ** 2).sum(axis=1) + degrees * ((against / grown) ** 2).sum(axis=1)
    t = t[:, 0]
    root = np.sign(t) * np.sqrt(np.maximum(logs, 0.0))
    z = root + np.log(t * np.sqrt(2.0 * bend) / root) / root
    return np.fromiter((0.5 * math.erfc(x / math.sqrt(2.0)) for x in z), np.float64, z.size)


def _saddlepoint(w: Floats, degrees: float, against: Floats) -> Floats:
    """Return where the slope of the log of E exp(t · …) is 0, by halving: it only grows with t."""
    low = -0.5 / against.max(axis=1)
    high = np.full(low.size, 0.5 / w.max())
    # the slope at 0 is the mean, and so its sign says on which side of 0 to look
    beyond = degrees * against.sum(axis=1) > 1.0
    low, high = np.where(beyond, 0.0, low), np.where(beyond, high, 0.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        t = middle[:, None]
        slope = (w / (1.0 - 2.0 * w * t)).sum(axis=1)
        slope -= degrees * (against / (1.0 + 2.0 * against * t)).sum(axis=1)
        low, high = np.where(slope < 0.0, middle, low), np.where(slope < 0.0, high, middle)
    return (low + high) / 2.0
