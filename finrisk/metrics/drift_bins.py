"""The bins of a monitored column: quantiles of numbers; frequent kinds, the others, the unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.bins import NUMBERS, NumberBins, categories, is_missing, number_bins, numbers

Counts = NDArray[np.int64]
BinNumbers = NDArray[np.integer[Any]]

QUANTILE_BINS = 10
MOST_KINDS = 20  # a PSI of two hundred shop names would drown in bins of a handful of rows


@dataclass(frozen=True, slots=True, eq=False)
class KindBins:
    """A bin for each frequent kind, then the reference's others, kinds it never saw, missing.

    Parameters
    ----------
    frequent : tuple
        The kinds that have a bin of their own, most frequent first.
    others : frozenset
        Kinds that the reference has seen and that share a bin.
    """

    frequent: tuple[Hashable, ...]
    others: frozenset[Hashable]

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.frequent) + 3

    @property
    def unseen(self) -> int:
        """The bin of the kinds that the reference never saw."""
        return self.size - 2

    def bin_of(self, which: str, values: ArrayLike) -> Counts:
        """Return the bin of each row, shape (n,)."""
        column = categories(which, values)
        number = _Numbers(self.unseen, {kind: at for at, kind in enumerate(self.frequent)})
        number.update(dict.fromkeys(self.others, len(self.frequent)))
        try:  # no bytecode a row: a million rows take less than a tenth of a second
            return np.fromiter(map(number.__getitem__, column), dtype=np.int64, count=len(column))
        except TypeError as exc:
            raise _unlike_kinds(which) from exc


ColumnBins = NumberBins | KindBins


class _Numbers(dict[Hashable, int]):
    """A kind's bin; a kind that is not in here is missing, or unseen."""

    def __init__(self, unseen: int, known: dict[Hashable, int]) -> None:
        super().__init__(known)
        self.unseen = unseen

    def __missing__(self, kind: Hashable) -> int:
        return self.unseen + 1 if is_missing(kind) else self.unseen


def column_bins(
    which: str, values: ArrayLike, *, bins: int = QUANTILE_BINS, most_kinds: int = MOST_KINDS
) -> ColumnBins:
    """Fix a column's bins on its reference: quantiles of a numeric type, else its kinds.

    Parameters
    ----------
    which : str
        What an error calls the column.
    values : (n,) array-like
        The reference; missing values have a bin of their own, the last one.
    bins : int
        Quantile bins, at least 2; of no meaning for kinds.
    most_kinds : int
        Kinds with a bin of their own, at least 1; of no meaning for numbers.

    Raises
    ------
    DataError
        No rows, a type that is neither, an infinite number, or missing values only.
    ConfigurationError
        ``bins`` or ``most_kinds`` out of range.

    Examples
    --------
    >>> of = column_bins("home", ["own", "own", "rent", "boat"], most_kinds=1)
    >>> of.bin_of("home", ["own", "rent", "tent", None]).tolist()
    [0, 1, 2, 3]
    """
    if most_kinds < 1:
        raise ConfigurationError("too few kinds", expected="at least 1", got=most_kinds)
    if np.asarray(values).dtype.kind in NUMBERS:
        floats = numbers(which, values)
        if np.isnan(floats).all():
            raise _missing_throughout(which)
        return number_bins(floats, bins)
    try:
        seen = Counter(categories(which, values))
    except TypeError as exc:
        raise _unlike_kinds(which) from exc
    kinds = [kind for kind in seen if not is_missing(kind)]
    if not kinds:
        raise _missing_throughout(which)
    # kinds as frequent as each other by their names, whatever the order of the rows
    kinds.sort(key=lambda kind: (-seen[kind], str(kind), repr(kind)))
    return KindBins(tuple(kinds[:most_kinds]), frozenset(kinds[most_kinds:]))


def bin_of_rows(bins: ColumnBins, which: str, values: ArrayLike) -> BinNumbers:
    """Return the bin of each row, shape (n,), as the bins themselves would, only sooner.

    A dozen comparisons of a whole column take a quarter of the time of a binary search a row.

    Raises
    ------
    DataError
        No rows, another type than the reference's, or an infinite number.

    Examples
    --------
    >>> bin_of_rows(number_bins([1.0, 2.0, 3.0, 4.0], 2), "age", [2.0, 2.5, np.nan]).tolist()
    [0, 1, 2]
    """
    if isinstance(bins, KindBins):
        return bins.bin_of(which, values)
    floats = numbers(which, values)
    bin_of_row = np.zeros(floats.size, dtype=np.min_scalar_type(bins.size))
    for edge in bins.edges.tolist():
        bin_of_row += floats > edge  # NaN is above nothing
    bin_of_row[np.isnan(floats)] = bins.size - 1
    return bin_of_row


def bin_labels(bins: ColumnBins) -> tuple[str, ...]:
    """Return what a report calls each bin.

    Examples
    --------
    >>> bin_labels(number_bins([1.0, 2.0, 3.0, 4.0], 2))
    ('≤ 2', '> 2', 'missing')
    >>> bin_labels(column_bins("home", ["own", "rent"]))
    ('own', 'rent', 'others', 'unseen', 'missing')
    """
    if isinstance(bins, KindBins):
        return (*map(str, bins.frequent), "others", "unseen", "missing")
    edges = [f"{edge:g}" for edge in bins.edges.tolist()]
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    outer = (f"≤ {edges[0]}", f"> {edges[-1]}") if edges else ("any",)
    return (*outer[:1], *inner, *outer[1:], "missing")


def _missing_throughout(which: str) -> DataError:
    return DataError(f"the {which} is missing throughout", expected="values to make bins of")


def _unlike_kinds(which: str) -> DataError:
    return DataError(
        f"the {which} is no column of categories",
        expected="text or other kinds that can be told apart",
        got="values such as lists",
    )
