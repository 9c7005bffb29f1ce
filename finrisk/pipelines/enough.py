"""Whether a split can be trained on at all: asked before anything is trained, from counts alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from finrisk.data.split import Split, VintageCount
from finrisk.errors import NotEnoughData
from finrisk.models.prequential import newest_rows, prequential_folds
from finrisk.specs.model_spec import ModelSpec


def with_whole_windows(
    counts: Iterable[VintageCount], oldest: date, spec: ModelSpec
) -> tuple[VintageCount, ...]:
    """Return the vintages whose windows look back on nothing but days that were read.

    At the beginning of a history windows count too little, and what was learnt there would be how
    young the history is.

    Parameters
    ----------
    counts : iterable of VintageCount
        Matured vintages.
    oldest : date
        The oldest event day that was read.
    """
    first = oldest + timedelta(days=spec.look_back_days)
    return tuple(count for count in counts if not spec.windows or count.first_day >= first)


def demand_trainable(split: Split, spec: ModelSpec) -> None:
    """Refuse a split whose folds, or whose newest days, hold one class only.

    Raises
    ------
    NotEnoughData
        Development is shorter than one prequential fold, or no fold, or the newest training days,
        have goods and bads.
    """
    prequential = spec.training.prequential
    if prequential is None:
        return
    days = split.development
    names = [day.vintage for day in days]
    folds = prequential_folds(names, spec.training.search.folds, prequential)
    usable = any(
        all(_both([days[n] for n in side]) for side in (fold.train, fold.validate))
        for fold in folds
    )
    newest = [days[n] for n in newest_rows(names, prequential.train_days)]
    if usable and _both(newest):
        return
    raise NotEnoughData(
        "too few matured labels in the days that would be trained on",
        expected=f"goods and bads in the newest {prequential.train_days} days of development, and "
        "on both sides of a fold",
        got=f"{sum(day.bads for day in newest)} bads in these days, {len(folds)} fold(s)",
        remedy="wait until more labels mature; see whether reports are lost",
    )


def _both(days: Iterable[VintageCount]) -> bool:
    counted = list(days)
    bads = sum(day.bads for day in counted)
    return 0 < bads < sum(day.rows for day in counted)
