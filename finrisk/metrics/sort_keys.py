"""One sort for scores and labels: an unsigned key that orders like the score, the label in its bit.

The bits of a float that is not negative order like the float, and leave the sign bit unused. So
they are shifted left once, the label goes into the low bit, and one ``np.sort`` of whole numbers
(SIMD) orders the scores and carries the labels: no argsort, no gather.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.inputs import Flags, Floats

BLOCK = 16_384  # scores keyed together: what they need stays in the processor's cache

Keys = NDArray[np.unsignedinteger[Any]]
Score = Floats | NDArray[np.float32]


def labelled_keys(bad: Flags, score: Score) -> Keys:
    """Return an unsigned key of each row: ordered by score, a bad just above a good of its score.

    Parameters
    ----------
    bad : (n,) array of bool
    score : (n,) array of finite float32 or float64
        Risk score, higher = riskier; −0.0 equals 0.0.

    Returns
    -------
    (n,) array of uint32 or uint64
        A new array; ``key >> 1`` is the same for the same score, ``key & 1`` the label.

    Examples
    --------
    >>> bad = np.array([True, False, False])
    >>> keys = labelled_keys(bad, np.array([-0.0, 0.0, -7.5]))
    >>> np.argsort(keys).tolist(), (keys & 1).tolist()
    ([2, 1, 0], [1, 0, 0])
    """
    lowest, highest = float(score.min()), float(score.max())
    halvings = _halvings(max(-lowest, highest))
    keys: Keys = np.empty(score.size, dtype=_unsigned(score))
    for start in range(0, score.size, BLOCK):
        part = slice(start, start + BLOCK)
        bits = _bits(score[part]) if lowest >= 0.0 else _bits_of_signed(score[part], halvings)
        if bits is None:
            keys[:] = np.unique(score, return_inverse=True)[1]
            keys <<= 1
            break
        np.left_shift(bits, 1, out=keys[part])  # drops the sign bit, and so −0.0 meets 0.0
    np.bitwise_or(keys, bad, out=keys)
    return keys


def _bits(score: Score) -> Keys:
    return score.view(_unsigned(score))


def _halvings(largest: float) -> int:
    """Return how often the largest magnitude must be halved to come below 2."""
    return max(0, math.frexp(largest)[1] - 1)


def _bits_of_signed(score: Score, halvings: int) -> Keys | None:
    """Order-preserving bits of scores on both sides of 0, the top bit left free.

    Within (−2, 2) a float's magnitude takes two bits less than its width, so both signs fit. Any
    other score is brought there by a power of two, which keeps the order and is exact unless a tiny
    score loses digits: then None, and ranks must take the bits' place.
    """
    small = score * score.dtype.type(2.0**-halvings)
    if halvings and (small * score.dtype.type(2.0**halvings) != score).any():
        return None
    small += 0.0  # −0.0 becomes 0.0
    width = 8 * score.dtype.itemsize
    signed = small.view(np.dtype(f"i{score.dtype.itemsize}"))
    signed ^= (signed >> (width - 1)) & np.iinfo(signed.dtype).max  # below 0: the larger the lower
    signed += 1 << (width - 2)
    return signed.view(_unsigned(score))


def _unsigned(score: Score) -> np.dtype[np.unsignedinteger[Any]]:
    return np.dtype(np.uint32 if score.dtype == np.float32 else np.uint64)
