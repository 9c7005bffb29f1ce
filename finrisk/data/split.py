"""Which vintages judge and which develop: pure, from counts, strictly forward in time.

The hold-out is the fewest newest matured vintages with enough bads. Development is what is older
than the embargo before it: ``last day + embargo_days < day before the hold-out``, so the vintage
beside the hold-out is always left out, even with an embargo of 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from finrisk.data.maturity import first_day, last_day
from finrisk.errors import NotEnoughData
from finrisk.records import Window
from finrisk.specs.policy import Holdout
from finrisk.specs.training import Training


@dataclass(frozen=True, slots=True)
class VintageCount:
    """The labelled rows of one matured vintage."""

    vintage: str
    rows: int
    bads: int

    @property
    def first_day(self) -> date:
        """The vintage's first calendar day."""
        return first_day(self.vintage)

    @property
    def last_day(self) -> date:
        """The vintage's last calendar day."""
        return last_day(self.vintage)


@dataclass(frozen=True, slots=True)
class Split:
    """Vintages to develop on and to judge on, both in order of time, never overlapping."""

    development: tuple[VintageCount, ...]
    holdout: tuple[VintageCount, ...]

    @property
    def development_window(self) -> Window:
        """The development vintages from the first calendar day to the last."""
        return _window(self.development)

    @property
    def holdout_window(self) -> Window:
        """The hold-out vintages from the first calendar day to the last."""
        return _window(self.holdout)

    @property
    def part_of(self) -> dict[str, str]:
        """``development`` or ``holdout`` by vintage; others belong to neither."""
        parts = dict.fromkeys((v.vintage for v in self.development), "development")
        return parts | dict.fromkeys((v.vintage for v in self.holdout), "holdout")


def split_vintages(counts: Iterable[VintageCount], policy: Holdout, training: Training) -> Split:
    """Split matured vintages into development and hold-out.

    Parameters
    ----------
    counts : iterable of VintageCount
        Matured vintages only, in any order; vintages without labelled rows are passed over.
    policy : Holdout
        How many bads and vintages the hold-out takes. Its minima are the gate's to judge.
    training : Training
        How many vintages development takes at most, and the least it needs.

    Raises
    ------
    NotEnoughData
        Development holds fewer bads or vintages than ``training`` demands, or has one class only.

    Examples
    --------
    >>> counts = [VintageCount(f"2024-{month:02d}", 1000, 150) for month in range(1, 11)]
    >>> split = split_vintages(counts, Holdout(target_bads=300, min_bads=100), Training())
    >>> [v.vintage for v in split.holdout], split.development[-1].vintage
    (['2024-09', '2024-10'], '2024-07')
    """
    matured = sorted((c for c in counts if c.rows), key=lambda c: c.first_day)
    holdout = _newest_with_bads(matured, policy)
    older = matured[: len(matured) - len(holdout)]
    if holdout:
        eve = holdout[0].first_day - timedelta(days=1)
        embargo = timedelta(days=policy.embargo_days)
        older = [c for c in older if c.last_day + embargo < eve]
    if training.max_vintages is not None:
        older = older[-training.max_vintages :]
    split = Split(tuple(older), tuple(holdout))
    _demand_enough(split, training)
    return split


def _newest_with_bads(matured: Sequence[VintageCount], policy: Holdout) -> list[VintageCount]:
    taken = 0
    bads = 0
    for count in reversed(matured):
        if bads >= policy.target_bads or taken == policy.max_vintages:
            break
        taken, bads = taken + 1, bads + count.bads
    return list(matured[len(matured) - taken :])


def _demand_enough(split: Split, training: Training) -> None:
    vintages = len(split.development)
    rows = sum(c.rows for c in split.development)
    bads = sum(c.bads for c in split.development)
    if vintages >= training.min_vintages and bads >= training.min_bads and rows > bads:
        return
    raise NotEnoughData(
        "too few matured labels to develop a model",
        expected=f"{training.min_vintages} vintages and {training.min_bads} bads, and goods",
        got=f"{vintages} vintages with {bads} bads and {rows - bads} goods before a hold-out of "
        f"{len(split.holdout)} vintages",
        remedy="wait until more vintages mature, or lower training.min_* in the spec",
    )


def _window(counts: Sequence[VintageCount]) -> Window:
    return Window(
        first_day=counts[0].first_day,
        last_day=counts[-1].last_day,
        rows=sum(c.rows for c in counts),
        bads=sum(c.bads for c in counts),
    )
