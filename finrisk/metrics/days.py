"""Rows by their day: which days there are, and where each one's rows are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError

Places = NDArray[np.int64]
Days = NDArray[Any]  # datetime64[D], or whole numbers


def rows_by_day(days: ArrayLike, rows: int) -> tuple[Days, list[Places]]:
    """Return the days that occur, in order, and the places of each one's rows.

    Parameters
    ----------
    days : (n,) array-like of datetime64 or whole numbers
    rows : int
        n.

    Raises
    ------
    DataError
        A length that differs, a missing day, or neither dates nor whole numbers.

    Examples
    --------
    >>> when, places = rows_by_day(np.array(["2024-03-02", "2024-03-01"], "datetime64[m]"), 2)
    >>> when.tolist(), [place.tolist() for place in places]
    ([datetime.date(2024, 3, 1), datetime.date(2024, 3, 2)], [[1], [0]])
    """
    day = day_numbers(days, rows)
    order = np.argsort(day, kind="stable")  # rows that landed day by day are in order already
    in_order = day[order]
    starts = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    return in_order[np.append(0, starts)], np.split(order, starts)


def day_numbers(days: ArrayLike, rows: int) -> Days:
    """Return each row's day, shape (n,); raises as ``rows_by_day``."""
    column = np.asarray(days)
    if column.shape != (rows,):
        raise DataError(
            "days are no column of the rows",
            expected=f"shape ({rows},)",
            got=f"shape {column.shape}",
        )
    if column.dtype.kind in "iu":
        return column.astype(np.int64, copy=False)
    if column.dtype.kind != "M":
        raise DataError(
            "days are no days",
            expected="datetime64 or whole numbers",
            got=f"type {column.dtype}",
            remedy="convert dates of other types, and moments of a time zone, to datetime64",
        )
    if missing := int(np.count_nonzero(np.isnat(column))):
        raise DataError(
            "days are missing", expected="a day in every row", got=f"{missing} of {rows} missing"
        )
    return column.astype("datetime64[D]", copy=False)


def require_budget(k: int) -> None:
    """Refuse an alert budget below 1.

    Raises
    ------
    ConfigurationError
        A k below 1.
    """
    if k < 1:
        raise ConfigurationError("an alert budget is out of range", expected="at least 1", got=k)
