"""Folds that only ever look forward: train on the older vintages, validate on the next block.

Random folds would let a model see the months it is asked about, and flatter it. Pure index
arithmetic on vintages; a vintage is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import NotEnoughData

Rows = NDArray[np.int64]

FIRST_TRAINING_SHARE = 0.4
"""Share of the rows the first fold trains on: below it the oldest fold chose on too little."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Row positions to train on and to validate on; every training row is of an older vintage."""

    train: Rows
    validate: Rows


def expanding_folds(
    vintages: ArrayLike,
    folds: int,
    *,
    embargo_vintages: int = 0,
    rows: Sequence[int] | None = None,
) -> list[Fold]:
    """Split rows into folds whose training part grows with time.

    Parameters
    ----------
    vintages : (n,) array-like
        Each row's vintage; names sort as their days do. Rows may stand in any order.
    folds : int
        Folds wished for; fewer vintages than ``folds + 1 + embargo_vintages`` give fewer folds.
    embargo_vintages : int
        Vintages left out of training next to each validated block.
    rows : sequence of int, optional
        How many rows each of ``vintages`` stands for; None: one. With a vintage named once, the
        folds hold positions of vintages, and no array is as long as the rows are many.

    Returns
    -------
    list of Fold
        Oldest first. The validated blocks are disjoint, hold about equal counts of rows, and
        together cover all rows after the first :data:`FIRST_TRAINING_SHARE` of them.

    Raises
    ------
    NotEnoughData
        Fewer than ``2 + embargo_vintages`` vintages.

    Examples
    --------
    >>> months = ["2024-01", "2024-02", "2024-03", "2024-03"]
    >>> [(f.train.tolist(), f.validate.tolist()) for f in expanding_folds(months, folds=2)]
    [([0], [1]), ([0, 1], [2, 3])]
    """
    names, vintage_of_row = np.unique(np.asarray(vintages, dtype=str), return_inverse=True)
    counts = np.bincount(vintage_of_row, weights=rows).astype(np.int64)
    if len(names) < 2 + embargo_vintages:
        raise NotEnoughData(
            "too few vintages to validate forward in time",
            expected=f"at least {2 + embargo_vintages}",
            got=len(names),
            remedy="wait for more vintages to mature",
        )
    starts = _block_starts(counts.tolist(), folds, first=1 + embargo_vintages)
    ends = [*starts[1:], len(names)]
    return [
        Fold(
            train=np.flatnonzero(vintage_of_row < start - embargo_vintages),
            validate=np.flatnonzero((vintage_of_row >= start) & (vintage_of_row < end)),
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def _block_starts(rows: Sequence[int], folds: int, *, first: int) -> list[int]:
    """Index of each validated block's first vintage: nearest to equal row counts, strictly rising.

    No block starts before ``first``, and each keeps at least one vintage.
    """
    blocks = min(folds, len(rows) - first)
    before = np.concatenate(([0], np.cumsum(rows)))[:-1] / sum(rows)
    starts: list[int] = []
    for block in range(blocks):
        share = FIRST_TRAINING_SHARE + (1.0 - FIRST_TRAINING_SHARE) * block / blocks
        nearest = int(np.argmin(np.abs(before - share)))
        earliest = starts[-1] + 1 if starts else first
        latest = len(rows) - (blocks - block)
        starts.append(min(max(nearest, earliest), latest))
    return starts
