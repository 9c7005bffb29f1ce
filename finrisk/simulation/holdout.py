"""A simulated hold-out that moves: one block of rows enters each look, the oldest leaves.

Scores are binormal. Within a class, a model's score is ``√ρ · common + √(1 − ρ) · own``, both parts
standard normal, so two models' scores correlate by ρ; bads stand ``√2 · Φ⁻¹(AUC)`` higher, which
makes AUC the true one. A model's own part on a row stays with the row: a lucky champion stays lucky
on these rows until they leave.

Rows of one terminal may move together: a share of either part then belongs to the terminal. What
the models share cancels in their difference; what each has of its own inflates its variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BADS, GOODS = 1200, 10_000


@dataclass(frozen=True, slots=True)
class Terminals:
    """How rows hang together through the terminals they came from.

    Parameters
    ----------
    bads_each, goods_each : float
        Rows a terminal brings in its life. Bads and goods come from different terminals, as a
        compromised terminal's transactions are mostly fraud.
    life_days : int
        Days a terminal brings rows; then another takes its place.
    own_share : float
        Share of a model's own part that belongs to the terminal, in [0, 1). It is the correlation
        of two models' difference between two rows of one terminal.
    common_share : float
        The same of the part that both models share.
    """

    bads_each: float = 5.0
    goods_each: float = 9.0
    life_days: int = 28
    own_share: float = 0.48
    common_share: float = 0.3


@dataclass(frozen=True, slots=True)
class HoldoutShape:
    """Rows of the hold-out, and how alike two models score them.

    Parameters
    ----------
    bads, goods : int
        Rows of either class, rounded up to whole blocks.
    blocks : int
        Looks that a row stays in the hold-out: days for daily looks, months for monthly ones.
    days_per_block : float
        Event days a block covers.
    correlation : float
        ρ of two models' scores within a class, in [0, 1).
    terminals : Terminals or None
        None for independent rows.
    """

    bads: int = BADS
    goods: int = GOODS
    blocks: int = 30
    days_per_block: float = 1.0
    correlation: float = 0.95
    terminals: Terminals | None = None

    @property
    def bads_per_block(self) -> int:
        """Bads that enter with each look."""
        return math.ceil(self.bads / self.blocks)

    @property
    def goods_per_block(self) -> int:
        """Goods that enter with each look."""
        return math.ceil(self.goods / self.blocks)


@dataclass(slots=True)
class OwnPart:
    """What one model has of its own: on each row (n,), and on each terminal that is alive."""

    rows: Floats
    terminals: Floats | None


class MovingHoldout:
    """The hold-out of tonight, bads first; a block keeps its place until another takes it.

    Parameters
    ----------
    shape : HoldoutShape
        Its rows.
    rng : numpy Generator
        All chance comes from here.

    Examples
    --------
    >>> shape = HoldoutShape(bads=4, goods=8, blocks=2)
    >>> holdout = MovingHoldout(shape, np.random.default_rng(0))
    >>> champion = holdout.new_model()
    >>> holdout.advance(champion)
    >>> holdout.labels.tolist(), holdout.block_numbers.tolist()
    ([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0])
    """

    def __init__(self, shape: HoldoutShape, rng: np.random.Generator) -> None:
        self._shape, self._rng = shape, rng
        self._bads = shape.bads_per_block * shape.blocks
        goods = shape.goods_per_block * shape.blocks
        self.labels = np.repeat(np.array([1, 0], dtype=np.int8), [self._bads, goods])
        self.block_numbers = np.arange(1 - shape.blocks, 1)
        self._next = 1
        self._turnover = _Turnover(shape, rng) if shape.terminals else None
        self.terminal = self._turnover.whole(self.block_numbers) if self._turnover else None
        self._common = self._part(self._shared_by_all())

    @property
    def clusters(self) -> dict[str, Indices] | None:
        """What the gate may be told: the terminal of each row (n,), None where rows are alone."""
        return None if self.terminal is None else {"terminal": self.terminal}

    def new_model(self) -> OwnPart:
        """Draw a model that is new to every row."""
        terminals = None if self._turnover is None else self._normal(self._turnover.places)
        return OwnPart(self._part(terminals, own=True), terminals)

    def advance(self, champion: OwnPart) -> None:
        """Let the next block take the oldest one's place; the champion meets its rows."""
        place = int(np.argmin(self.block_numbers))
        self.block_numbers[place] = self._next
        entering = _rows_of(place, self._shape, self._bads)
        if self._turnover is not None and self.terminal is not None:
            reborn = self._turnover.reborn(self._next)
            for effects in (self._terminal_common, champion.terminals):
                if effects is not None:
                    effects[reborn] = self._normal(reborn.size)
            self.terminal[entering] = self._turnover.block(self._next)
        self._common[entering] = self._part(self._terminal_common, rows=entering)
        champion.rows[entering] = self._part(champion.terminals, rows=entering, own=True)
        self._next += 1

    def scores(self, model: OwnPart, auc_by_block: Floats) -> Floats:
        """Return a model's risk scores, shape (n,), higher = riskier.

        Parameters
        ----------
        model : OwnPart
            From :meth:`new_model`, carried along by :meth:`advance`.
        auc_by_block : (blocks,) array
            Its true AUC on the rows of each block, in the order of ``block_numbers``.
        """
        rho = self._shape.correlation
        scores = math.sqrt(rho) * self._common
        scores += math.sqrt(1.0 - rho) * model.rows
        apart = math.sqrt(2.0) * ndtri(auc_by_block)
        scores[: self._bads] += np.repeat(apart, self._shape.bads_per_block)
        return scores

    def _shared_by_all(self) -> Floats | None:
        self._terminal_common = (
            None if self._turnover is None else self._normal(self._turnover.places)
        )
        return self._terminal_common

    def _part(
        self, terminals: Floats | None, *, rows: Indices | None = None, own: bool = False
    ) -> Floats:
        """Draw a standard normal part of the score for these rows, by terminal where there are."""
        size = self.labels.size if rows is None else rows.size
        drawn = self._normal(size)
        if terminals is None or self.terminal is None or self._shape.terminals is None:
            return drawn
        kind = self._shape.terminals
        share = kind.own_share if own else kind.common_share
        of_row = self.terminal if rows is None else self.terminal[rows]
        mixed: Floats = math.sqrt(share) * terminals[of_row] + math.sqrt(1.0 - share) * drawn
        return mixed

    def _normal(self, size: int) -> Floats:
        return self._rng.standard_normal(size)


def _rows_of(place: int, shape: HoldoutShape, bads: int) -> Indices:
    p, n = shape.bads_per_block, shape.goods_per_block
    return np.concatenate(
        [np.arange(place * p, (place + 1) * p), bads + np.arange(place * n, (place + 1) * n)]
    )


class _Turnover:
    """Which terminal a row comes from: slots, each held by one terminal after the other.

    A terminal is named by a place in a table of ``places``; a place is used again only after its
    terminal's last row left the hold-out.
    """

    def __init__(self, shape: HoldoutShape, rng: np.random.Generator) -> None:
        kind = shape.terminals or Terminals()
        self._shape, self._rng = shape, rng
        self._life = max(1, round(kind.life_days / shape.days_per_block))
        self._of_bads = max(1, round(shape.bads_per_block * self._life / kind.bads_each))
        of_goods = max(1, round(shape.goods_per_block * self._life / kind.goods_each))
        slots = self._of_bads + of_goods
        self._born = rng.integers(self._life, size=slots)
        self._generations = shape.blocks // self._life + 2
        self.places = slots * self._generations

    def whole(self, block_numbers: Indices) -> Indices:
        """Return the terminal of each row of a whole hold-out, bads first."""
        p, n = self._shape.bads_per_block, self._shape.goods_per_block
        blocks = np.concatenate([np.repeat(block_numbers, p), np.repeat(block_numbers, n)])
        return self._drawn(blocks, p * block_numbers.size)

    def block(self, number: int) -> Indices:
        """Return the terminal of each row of one block, bads first."""
        p, n = self._shape.bads_per_block, self._shape.goods_per_block
        return self._drawn(np.full(p + n, number), p)

    def reborn(self, number: int) -> Indices:
        """Return the places that a new terminal takes with this block."""
        slots = np.flatnonzero((number + self._born) % self._life == 0)
        return self._place(slots, np.full(slots.size, number))

    def _drawn(self, blocks: Indices, bads: int) -> Indices:
        goods, last = blocks.size - bads, self._born.size
        of_bads = self._rng.integers(self._of_bads, size=bads)
        of_goods = self._rng.integers(self._of_bads, last, size=goods)
        return self._place(np.concatenate([of_bads, of_goods]), blocks)

    def _place(self, slots: Indices, blocks: Indices) -> Indices:
        generation = (blocks + self._born[slots]) // self._life
        places: Indices = slots * self._generations + generation % self._generations
        return places
