"""How far a window's rows lie from a reference's, bin by bin, from counts alone.

Three distances of the same two rows of shares r and q. The PSI is the one that scorecard practice
reads. The share of moved rows says the same in a unit that everybody knows. The tempered PSI is for
asking what chance does: it is the PSI for bins that grow, and the deviance for bins that shrink.
The PSI's logarithm makes so much of a bin that empties that its χ² tail is wrong: where ten
customers are expected, none come hundreds of times as often as it says. The deviance's tail is that
of the counts themselves (Chernoff 1952, Ann. Math. Statist. 23:493), and the PSI of a bin that
grows is below its deviance. For small moves all are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.inputs import Floats
from finrisk.metrics.stability import EMPTY_BIN_ROWS

Counts = NDArray[np.int64]


def psi_parts(before: Counts, now: Counts) -> Floats:
    """Return what each bin adds to the PSI: (q − r) · ln(q / r).

    Parameters
    ----------
    before, now : (…, K) arrays of int
        Rows of the reference and of the window; some rows in each. An empty bin counts as half a
        row; one that is empty on both sides adds nothing.

    Returns
    -------
    (…, K) array of float
        At least 0; they sum to the PSI.

    Examples
    --------
    >>> psi_parts(np.array([50, 50, 0]), np.array([30, 70, 0])).round(4).tolist()
    [0.1022, 0.0673, 0.0]
    """
    r, q = bin_shares(before), bin_shares(now)
    parts: Floats = np.where(_occupied(before, now), (q - r) * np.log(q / r), 0.0)
    return parts


def tempered_parts(before: Counts, now: Counts) -> Floats:
    """Return what each bin adds to the tempered PSI, at most what it adds to the PSI.

    Parameters and result as ``psi_parts``.

    Examples
    --------
    >>> tempered_parts(np.array([50, 50, 0]), np.array([30, 70, 0])).round(4).tolist()
    [0.0935, 0.0673, 0.0]
    """
    r, q = bin_shares(before), bin_shares(now)
    parts = np.where(q >= r, (q - r) * np.log(q / r), 2.0 * (q * np.log(q / r) + r - q))
    return np.where(_occupied(before, now), parts, 0.0)


def moves(before: Counts, now: Counts) -> Floats:
    """Return the root of each bin's tempered part, negative where the bin shrinks.

    Parameters
    ----------
    before, now
        As ``psi_parts``.

    Examples
    --------
    >>> moves(np.array([50, 50]), np.array([30, 70])).round(3).tolist()
    [-0.306, 0.259]
    """
    roots: Floats = np.sqrt(np.maximum(tempered_parts(before, now), 0.0))
    return np.where(bin_shares(now) >= bin_shares(before), roots, -roots)


def moved_share(before: Counts, now: Counts) -> Floats:
    """Return the share of rows that would have to change bins for the shares to be the same.

    Half the sum of |q − r|, the total variation distance of two discrete distributions (Levin,
    Peres & Wilmer 2009, Markov Chains and Mixing Times, section 4.1). Unlike the PSI it does not
    depend on where the rows came from: 0.05 is one row in twenty, in a rare bin or a frequent one.

    Parameters
    ----------
    before, now
        As ``psi_parts``; nothing is added to empty bins.

    Returns
    -------
    (…) array of float
        In [0, 1]; 0 where both are spread alike.

    Examples
    --------
    >>> float(moved_share(np.array([50, 50]), np.array([3, 7])).round(3))
    0.2
    """
    r, q = (counts / counts.sum(axis=-1, keepdims=True) for counts in (before, now))
    moved: Floats = 0.5 * np.abs(q - r).sum(axis=-1)
    return moved


def bin_shares(counts: Counts) -> Floats:
    """Return the share of each bin; an empty one counts as half a row.

    Examples
    --------
    >>> bin_shares(np.array([5, 5, 0])).tolist()
    [0.5, 0.5, 0.05]
    """
    shares: Floats = np.maximum(counts, EMPTY_BIN_ROWS) / counts.sum(axis=-1, keepdims=True)
    return shares


def _occupied(before: Counts, now: Counts) -> NDArray[np.bool_]:
    occupied: NDArray[np.bool_] = (before > 0) | (now > 0)
    return occupied
