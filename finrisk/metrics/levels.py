"""The ranking figures, from what lies at or above each distinct score that a bad has.

No figure changes at a score that only goods have, so those scores need no look. Rows may carry
weights (how often a resample drew them): the figures are then those of the resample.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

BLOCK = 16_384  # scores worked out together: in the processor's cache, without large new arrays
Amounts = NDArray[Any]  # whole numbers, or float weights


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Distinct scores of bads, riskiest first: who is at each, who at or above it.

    All arrays have shape (g,), g the number of distinct scores; ``bads`` and ``tied`` (goods) are
    at the score, ``bads_above`` and ``goods_above`` at or above it.
    """

    bads: Amounts
    tied: Amounts
    bads_above: Amounts
    goods_above: Amounts
    all_bads: float
    all_goods: float

    @classmethod
    def of(cls, bads: Amounts, tied: Amounts, goods_above: Amounts, all_goods: float) -> Self:
        """Complete the counts; whole numbers stay whole, and so the AUC is rounded only once.

        Examples
        --------
        >>> one, none, two = np.array([1, 1]), np.array([0, 0]), np.array([0, 1])
        >>> Levels.of(one, none, two, 2).auc_and_gini()
        (0.75, 0.5)
        """
        bads_above = np.cumsum(bads)
        return cls(
            bads=bads,
            tied=tied,
            bads_above=bads_above,
            goods_above=goods_above,
            all_bads=bads_above[-1].item(),
            all_goods=all_goods,
        )

    def auc_and_gini(self) -> tuple[float, float]:
        """Return U / PN and 2 AUC − 1, both from 2U, a tie counting half."""
        twice_u = sum(
            np.sum(part.bads * (2 * (self.all_goods - part.goods_above) + part.tied)).item()
            for part in self._parts()
        )
        pairs = self.all_bads * self.all_goods
        return twice_u / (2 * pairs), (twice_u - pairs) / pairs

    def ks(self) -> float:
        """Return the largest TPR − FPR, at least 0: the cut-off above everybody gives 0."""
        lead = max(
            np.max(part.bads_above * self.all_goods - part.goods_above * self.all_bads).item()
            for part in self._parts()
        )
        return max(0.0, lead / (self.all_bads * self.all_goods))

    def average_precision(self) -> float:
        """Return the sum of precision × gain in recall."""
        # a score that a resample left out may have no rows above it: 0 / tiny is the 0 it adds
        tiny = np.finfo(np.float64).tiny
        gained = sum(
            np.sum(
                part.bads * part.bads_above / np.maximum(part.bads_above + part.goods_above, tiny)
            ).item()
            for part in self._parts()
        )
        return float(gained) / self.all_bads

    def precision(self, k: float) -> float:
        """Return the share of bads among the k riskiest rows, all rows if k is beyond them."""
        places = min(k, self.all_bads + self.all_goods)
        return self._bads_within(places) / places

    def lift(self, percentile: float) -> float:
        """Return the bad rate among the ``ceil(p n)`` riskiest rows over the overall one."""
        rows = self.all_bads + self.all_goods
        # by the decimal as written: 0.07 * 100 is 7.000000000000001 in floats, and would take 8
        places = math.ceil(Fraction(repr(float(percentile))) * round(rows))
        return self.precision(places) / (self.all_bads / rows)

    def detection_rate(self, fpr: float) -> float:
        """Return the largest TPR whose FPR is at most the one asked for; 0 if none is."""
        allowed = bisect_right(
            range(self.bads.size), fpr, key=lambda level: self.goods_above[level] / self.all_goods
        )
        return float(self.bads_above[allowed - 1]) / self.all_bads if allowed else 0.0

    def _parts(self) -> Iterator[Self]:
        for start in range(0, self.bads.size, BLOCK):
            part = slice(start, start + BLOCK)
            yield replace(
                self,
                bads=self.bads[part],
                tied=self.tied[part],
                bads_above=self.bads_above[part],
                goods_above=self.goods_above[part],
            )

    def _bads_within(self, places: float) -> float:
        """Bads expected among the riskiest ``places`` rows when ties are broken at random."""
        at = bisect_left(range(self.bads.size), places, key=self._rows_above)
        if at == self.bads.size:
            return self.all_bads
        bads, within = float(self.bads[at]), float(self.bads[at] + self.tied[at])
        before = float(self.bads_above[at]) - bads
        into = max(0.0, places - (self._rows_above(at) - within))
        return before + into * bads / within if within else before

    def _rows_above(self, level: int) -> float:
        return float(self.bads_above[level] + self.goods_above[level])
