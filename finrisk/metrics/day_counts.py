"""Rows of each bin by day: what a reference is kept as, and what a window is compared by.

Whole numbers that add up: the rows of a delivery, a night, a year are the sum of their parts in any
order, so a window is never read twice and a reference never again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.days import day_numbers

Counts = NDArray[np.int64]

DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True, eq=False)
class RowDays:
    """The day of every row, worked out once for all columns of a table.

    Parameters
    ----------
    first_day : int
        Days since 1970-01-01 if ``weekly``, else as the caller numbers its periods.
    days : int
        Days of the span, those without rows included; at least 1.
    weekly : bool
        Whether a day has a weekday: true of dates, false of whole numbers (months, say).
    of_row : (n,) array of int
        Each row's day, counted from the first.
    """

    first_day: int
    days: int
    weekly: bool
    of_row: Counts


@dataclass(frozen=True, slots=True, eq=False)
class DayCounts:
    """Rows of one column by day and bin.

    Parameters
    ----------
    first_day, weekly
        As in ``RowDays``.
    counts : (D, K) array of int
        Consecutive days by bins, at least 0.
    """

    first_day: int
    weekly: bool
    counts: Counts

    @property
    def days(self) -> int:
        """D, days without rows included."""
        return len(self.counts)

    @property
    def rows_by_day(self) -> Counts:
        """Rows of each day, shape (D,)."""
        rows: Counts = self.counts.sum(axis=1)
        return rows

    @property
    def by_bin(self) -> Counts:
        """Rows of each bin over all days, shape (K,)."""
        rows: Counts = self.counts.sum(axis=0)
        return rows

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts.sum())

    def span(self, first_day: int, days: int) -> DayCounts:
        """Return ``days`` consecutive days, without rows where none were counted.

        Raises
        ------
        ConfigurationError
            ``days`` is below 1.

        Examples
        --------
        >>> counts = DayCounts(5, weekly=False, counts=np.array([[1, 0], [0, 2]]))
        >>> counts.span(6, 2).counts.tolist()
        [[0, 2], [0, 0]]
        """
        if days < 1:
            raise ConfigurationError("a span of no days", expected="at least 1", got=days)
        counts = np.zeros((days, self.counts.shape[1]), dtype=np.int64)
        low = max(first_day, self.first_day)
        high = min(first_day + days, self.first_day + self.days)
        if low < high:
            kept = self.counts[low - self.first_day : high - self.first_day]
            counts[low - first_day : high - first_day] = kept
        return DayCounts(first_day, self.weekly, counts)

    def __add__(self, other: DayCounts) -> DayCounts:
        """Count the rows of both, over the days of either.

        Raises
        ------
        DataError
            Other bins, or dates against whole numbers.
        """
        require_same_bins(self, other)
        first = min(self.first_day, other.first_day)
        days = max(self.first_day + self.days, other.first_day + other.days) - first
        both = self.span(first, days).counts + other.span(first, days).counts
        return DayCounts(first, self.weekly, both)


def row_days(
    days: ArrayLike, *, first: date | int | None = None, last: date | int | None = None
) -> RowDays:
    """Number the day of each row.

    Parameters
    ----------
    days : (n,) array-like of datetime64 or whole numbers
        Dates, or numbers of the periods by which rows are delivered.
    first, last : date or int, optional
        The span, both included; by default from the first to the last day that has rows. Say it
        where a day without rows would be lost at either end.

    Raises
    ------
    DataError
        A missing day, neither dates nor whole numbers, a day outside the span, or no rows and no
        span.

    Examples
    --------
    >>> of = row_days(np.array(["2024-03-02", "2024-03-01"], "datetime64[D]"))
    >>> of.days, of.of_row.tolist(), of.weekly
    (2, [1, 0], True)
    """
    low, high = (None if end is None else day_number(end) for end in (first, last))
    column = np.asarray(days)
    if column.size == 0:
        if low is None or high is None:
            raise DataError("no rows to tell the days by", expected="rows, or a first and last day")
        dated = isinstance(first, date)  # an empty list has no type
        column = np.empty(0, dtype="datetime64[D]" if dated else np.int64)
    numbers = day_numbers(column, column.size)
    weekly = numbers.dtype.kind == "M"
    number: Counts = numbers.astype(np.int64, copy=False)
    start = int(number.min()) if low is None else low
    end = int(number.max()) if high is None else high
    outside = int(np.count_nonzero((number < start) | (number > end)))
    if outside or end < start:
        raise DataError(
            "days outside the span",
            expected=f"days {start} to {end}",
            got=f"{outside} of {number.size} rows outside",
        )
    return RowDays(start, end - start + 1, weekly, number - start)


def count_by_day(bin_of_row: NDArray[np.integer[Any]], bins: int, days: RowDays) -> DayCounts:
    """Count a column's rows by day and bin.

    Parameters
    ----------
    bin_of_row : (n,) array of int
        In 0 … ``bins`` − 1.
    bins : int
        K.
    days : RowDays
        Of the same rows.

    Raises
    ------
    DataError
        Another number of rows than days.

    Examples
    --------
    >>> count_by_day(np.array([0, 1, 1]), 2, row_days([4, 4, 5])).counts.tolist()
    [[1, 1], [0, 1]]
    """
    if bin_of_row.shape != days.of_row.shape:
        raise DataError(
            "a column and its days differ in length",
            expected=f"{days.of_row.size} rows",
            got=bin_of_row.size,
        )
    cell = days.of_row * bins + bin_of_row
    counts = np.bincount(cell, minlength=days.days * bins).reshape(days.days, bins)
    return DayCounts(days.first_day, days.weekly, counts.astype(np.int64, copy=False))


def require_same_bins(one: DayCounts, other: DayCounts) -> None:
    """Refuse counts that cannot be compared.

    Raises
    ------
    DataError
        Other bins, or dates against whole numbers.
    """
    if one.counts.shape[1] != other.counts.shape[1] or one.weekly != other.weekly:
        raise DataError(
            "counts of unlike bins or days",
            expected=f"{one.counts.shape[1]} bins, days with weekdays: {one.weekly}",
            got=f"{other.counts.shape[1]} bins, days with weekdays: {other.weekly}",
        )


def day_number(day: date | int) -> int:
    """Return the days since 1970-01-01 of a date; a whole number is its own."""
    return day if isinstance(day, int) else day.toordinal() - date(1970, 1, 1).toordinal()
