"""What a column looked like tonight, in figures that no single person stands behind.

Left out are: a value or a month that fewer than 20 rows have, a quantile beyond which fewer than 5
rows lie, and least and greatest values altogether. Figures of numbers are rounded to four digits,
so that no quantile of a numbering is somebody's number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.vintages import vintages_of
from finrisk.records import Record
from finrisk.specs.data import Column

FEWEST_ROWS = 20
FEWEST_FOR_QUANTILES = 100
FEWEST_BEYOND = 5
MOST_VALUES = 30
DIGITS = 4
PERCENTS = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, slots=True)
class ColumnQuality(Record):
    """One declared column; a figure too few rows share, or that its type has not, is missing.

    ``shares`` and ``pooled_share`` are of the rows that have a value; ``pooled_share`` is that of
    all values not named in ``shares``. ``allowed_missing`` is None where any share may be missing.
    """

    name: str
    declared: str
    dtype: str
    missing_share: float
    allowed_missing: float | None
    distinct: int
    mean: float | None = None
    std: float | None = None
    quantiles: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    pooled_share: float | None = None
    first_month: str | None = None
    last_month: str | None = None


def allowed_missing(column: Column) -> float | None:
    """Return the missing share a column may have; None where it may have any.

    Examples
    --------
    >>> allowed_missing(Column(type="number"))
    0.0
    >>> allowed_missing(Column(type="number", nullable=True, max_missing=0.2))
    0.2
    """
    if not column.nullable:
        return 0.0
    return column.max_missing if column.max_missing < 1.0 else None


def column_quality(
    name: str, cells: pd.Series, declared: Column, missing: NDArray[np.bool_], *, figures: bool
) -> ColumnQuality:
    """Describe a column.

    Parameters
    ----------
    name : str
    cells : Series, n rows, n > 0
        As they landed, of their declared type.
    declared : Column
        What the spec says of them.
    missing : bool array, shape (n,)
        Where ``cells`` has no value.
    figures : bool
        Whether figures of values may be shown: not those of a key.
    """
    column = ColumnQuality(
        name=name,
        declared=declared.type,
        dtype=str(cells.dtype),
        missing_share=float(missing.mean()),
        allowed_missing=allowed_missing(declared),
        distinct=0,
    )
    known = cells[~missing] if missing.any() else cells
    if declared.type in ("integer", "number"):
        described = _numbers(column, np.sort(known.to_numpy(dtype=np.float64)))
    elif declared.type == "date":
        described = _dates(column, known)
    elif declared.type == "text":
        described = column.replace(distinct=int(known.nunique()))
    else:
        described = _words(column, known)
    shown = figures and len(known) >= FEWEST_ROWS
    return described if shown else column.replace(distinct=described.distinct)


def _numbers(column: ColumnQuality, ordered: NDArray[np.float64]) -> ColumnQuality:
    """Describe numbers in ascending order: one sort serves the quantiles and the distinct count."""
    if len(ordered) == 0:
        return column
    with np.errstate(over="ignore", invalid="ignore"):  # 1e308 is a number, too
        mean, std = _rounded(float(ordered.mean())), _rounded(float(ordered.std()))
        quantiles = {p: _rounded(_quantile(ordered, p)) for p in PERCENTS if _fair(p, len(ordered))}
    return column.replace(
        distinct=1 + int(np.count_nonzero(np.diff(ordered))),
        mean=mean,
        std=std,
        quantiles={str(p): figure for p, figure in quantiles.items() if figure is not None},
    )


def _fair(percent: int, rows: int) -> bool:
    """The outer quantiles of few rows would be the figures of one or two persons."""
    beyond = min(percent, 100 - percent) / 100 * rows
    return rows >= FEWEST_FOR_QUANTILES and beyond >= FEWEST_BEYOND


def _quantile(ordered: NDArray[np.float64], percent: int) -> float:
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def _words(column: ColumnQuality, known: pd.Series) -> ColumnQuality:
    counts = known.value_counts()
    named = counts[counts >= FEWEST_ROWS].head(MOST_VALUES)
    shares = {_word(value): float(count) / len(known) for value, count in named.items()}
    pooled = 1 - float(named.sum()) / max(len(known), 1)
    return column.replace(distinct=len(counts), shares=shares, pooled_share=pooled)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _dates(column: ColumnQuality, known: pd.Series) -> ColumnQuality:
    days, _ = vintages_of(known, "day")
    names, position = vintages_of(known, "month")
    named = [names[at] for at in np.flatnonzero(np.bincount(position) >= FEWEST_ROWS)]
    return column.replace(
        distinct=len(days),
        first_month=named[0] if named else None,
        last_month=named[-1] if named else None,
    )


def _rounded(figure: float) -> float | None:
    return float(f"{figure:.{DIGITS}g}") if np.isfinite(figure) else None
