"""Bins fixed on a reference: quantiles of numbers, the kinds of a category; missing has its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.inputs import Floats

FEWEST_BINS = 2
NUMBERS = "biuf"
CATEGORIES = "OUST"  # objects, text of fixed and of any width

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NumberBins:
    """Bins between ``edges``, open at both ends, closed to the right; the missing ones last."""

    edges: Floats

    @property
    def size(self) -> int:
        """How many bins there are."""
        return self.edges.size + 2

    def bin_of(self, which: str, values: ArrayLike) -> Counts:
        """Return the bin of each row, shape (n,)."""
        floats = numbers(which, values)
        bins: Counts = np.searchsorted(self.edges, floats, side="left").astype(np.int64, copy=False)
        bins[np.isnan(floats)] = self.size - 1
        return bins


@dataclass(frozen=True, slots=True, eq=False)
class CategoryBins:
    """A bin for each kind of the reference, then one for unseen kinds, one for missing."""

    kinds: tuple[Hashable, ...]

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.kinds) + 2

    def bin_of(self, which: str, values: ArrayLike) -> Counts:
        """Return the bin of each row, shape (n,)."""
        column = categories(which, values)
        bins: dict[Hashable, int] = {kind: number for number, kind in enumerate(self.kinds)}
        for kind in Counter(column):
            if kind not in bins:
                bins[kind] = self.size - 1 if is_missing(kind) else self.size - 2
        return np.fromiter((bins[kind] for kind in column), dtype=np.int64, count=len(column))


Bins = NumberBins | CategoryBins


def bins_of(reference: ArrayLike, bins: int) -> Bins:
    """Fix bins on a reference: quantile bins if it is of a numeric type, else its kinds.

    Raises
    ------
    DataError
        No rows, a type that is neither, an infinite number, or missing values only.
    ConfigurationError
        ``bins`` is below 2.

    Examples
    --------
    >>> bins_of(["own", "rent", None], 10).bin_of("current", ["rent", "boat", None]).tolist()
    [1, 2, 3]
    """
    if np.asarray(reference).dtype.kind in NUMBERS:
        return number_bins(reference, bins)
    kinds = [kind for kind in Counter(categories("reference", reference)) if not is_missing(kind)]
    if not kinds:
        raise _missing_throughout()
    # of mixed types too, and whatever the order of the rows
    return CategoryBins(kinds=tuple(sorted(kinds, key=lambda kind: (str(kind), repr(kind)))))


def number_bins(reference: ArrayLike, bins: int) -> NumberBins:
    """Fix bins on the reference's quantiles.

    A value that holds more than one quantile has a bin of its own.

    Raises
    ------
    DataError, ConfigurationError
        As ``bins_of``.

    Examples
    --------
    >>> number_bins([1, 2, 3, 4], 2).edges.tolist()
    [2.0]
    """
    if bins < FEWEST_BINS:
        raise ConfigurationError("too few bins", expected=f"at least {FEWEST_BINS}", got=bins)
    values = numbers("reference", reference)
    present = np.sort(values[~np.isnan(values)])
    if not present.size:
        raise _missing_throughout()
    # ranks in whole numbers: 3 / 10 in floats is above 0.3, and would take the next row's value
    ranks = (np.arange(bins + 1) * present.size + bins - 1) // bins
    quantiles = present[np.maximum(ranks - 1, 0)]
    heaps, held = np.unique(quantiles, return_counts=True)
    just_below = np.nextafter(heaps[held > 1], -np.inf)
    return NumberBins(edges=np.unique(np.concatenate([quantiles[1:-1], just_below])))


def numbers(which: str, values: ArrayLike) -> Floats:
    """Return a column of numbers, NaN where missing.

    Raises
    ------
    DataError
        No rows, no numbers, more than one dimension, or an infinite value.
    """
    column = np.asarray(values)
    if column.dtype.kind == "O" and _nothing_but_missing(column):
        column = np.full(column.shape, np.nan)
    if column.ndim != 1 or column.size == 0 or column.dtype.kind not in NUMBERS:
        raise _no_column(which, "numbers", column, "floats")
    floats: Floats = column.astype(np.float64)
    if np.isinf(floats).any():
        raise DataError(
            f"the {which} holds infinite values",
            expected="finite or missing values",
            got=f"{int(np.isinf(floats).sum())} of {floats.size} infinite",
        )
    return floats


def categories(which: str, values: ArrayLike) -> list[Hashable]:
    """Return a column of kinds, missing ones as they came.

    Raises
    ------
    DataError
        No rows, no categories, or more than one dimension.
    """
    column = np.asarray(values)
    if column.dtype.kind == "f" and _nothing_but_missing(column):
        column = column.astype(object)
    if column.ndim != 1 or column.size == 0 or column.dtype.kind not in CATEGORIES:
        raise _no_column(which, "categories", column, "text or objects")
    kinds: list[Hashable] = column.tolist()
    return kinds


def is_missing(kind: object) -> bool:
    """Say whether a category is None, NaN, NaT or a table library's NA.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    try:
        return kind is None or not bool(kind == kind)  # noqa: PLR0124 - NaN differs from itself
    except TypeError:  # NA == NA is NA, which is neither true nor false
        return True


def _nothing_but_missing(column: NDArray[Any]) -> bool:
    """Say whether a column lost its type because every row is missing."""
    return column.size > 0 and all(is_missing(value) for value in column.flat)


def _no_column(which: str, of: str, column: NDArray[Any], wanted: str) -> DataError:
    return DataError(
        f"the {which} is no column of {of}",
        expected=f"a non-empty column of {wanted}",
        got=f"shape {column.shape} of type {column.dtype}",
    )


def _missing_throughout() -> DataError:
    return DataError("the reference is missing throughout", expected="values to make bins of")
