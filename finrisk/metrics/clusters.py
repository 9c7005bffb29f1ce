"""Rows that move together: clusters of a terminal, a customer, a month, one or two at a time.

A variance that takes rows for independent is too small where rows of a cluster share their luck.
So a variance is worked out by rows, by each declared cluster, and two-way by each pair of them as
a + b − ab (``ab`` by the intersections), and the largest is believed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError, NotEnoughData

Codes = NDArray[np.int64]

ROWS = "rows"
FEWEST_CLUSTERS = 2
WIDEST_RANGE = 4  # whole numbers spread over at most so many times the rows are counted, not sorted


def standard_errors(
    by_rows: float,
    clusters: Mapping[str, ArrayLike] | None,
    rows: int,
    variance_by: Callable[[Codes], float],
) -> dict[str, float]:
    """Return the standard error by rows, by each cluster, and two-way by each pair of clusters.

    Parameters
    ----------
    by_rows : float
        The variance if rows are independent.
    clusters : mapping of name to (n,) array-like, or None
        The cluster of every row: whole numbers, text or dates.
    rows : int
        n.
    variance_by : callable
        Gives the variance for cluster codes of shape (n,).

    Returns
    -------
    dict
        Keys "rows", each cluster's name, and "a x b". A two-way variance may come out below 0 and
        then counts as 0.

    Raises
    ------
    ConfigurationError
        A cluster is named like a key that is taken.
    DataError, NotEnoughData
        As ``cluster_codes``.

    Examples
    --------
    >>> by = {"shop": ["a", "a", "b"], "card": [1, 2, 3]}
    >>> list(standard_errors(1.0, by, 3, lambda codes: 4.0))
    ['rows', 'shop', 'card', 'shop x card']
    """
    ways = {name: cluster_codes(name, ids, rows) for name, ids in (clusters or {}).items()}
    if ROWS in ways or any(f"{a} x {b}" in ways for a, b in combinations(ways, 2)):
        raise ConfigurationError(
            "a cluster's name is taken", expected=f"none named {ROWS!r} or 'a x b'", got=list(ways)
        )
    variances = {ROWS: by_rows} | {name: variance_by(codes) for name, codes in ways.items()}
    for a, b in combinations(ways, 2):
        both = variance_by(intersections(ways[a], ways[b]))
        variances[f"{a} x {b}"] = variances[a] + variances[b] - both
    return {name: math.sqrt(max(0.0, variance)) for name, variance in variances.items()}


def largest(errors: Mapping[str, float]) -> str:
    """Return the key of the largest standard error, the first of equal ones.

    Examples
    --------
    >>> largest({"rows": 0.1, "shop": 0.3, "card": 0.3})
    'shop'
    """
    return max(errors, key=lambda name: errors[name])


def cluster_codes(name: str, ids: ArrayLike, rows: int) -> Codes:
    """Return each row's cluster as 0 … G − 1, in the order of the ids.

    Raises
    ------
    DataError
        A length that differs, a missing id, or ids that cannot be ordered.
    NotEnoughData
        One cluster only.

    Examples
    --------
    >>> cluster_codes("shop", ["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    column = np.asarray(ids)
    if column.shape != (rows,):
        raise DataError(
            f"cluster {name!r} is no column of the rows",
            expected=f"shape ({rows},)",
            got=f"shape {column.shape}",
        )
    try:
        missing = int(np.count_nonzero(~(column == column)))  # NaN, NaT  # noqa: PLR0124
        codes = _codes(column)
    except TypeError as exc:
        raise DataError(
            f"cluster {name!r} has ids that cannot be ordered",
            expected="ids of one kind, none missing",
            got=f"type {column.dtype}",
        ) from exc
    if missing:
        raise DataError(
            f"cluster {name!r} has missing ids",
            expected="an id in every row",
            got=f"{missing} of {rows} missing",
            remedy="give each such row an id of its own, or leave it out",
        )
    if int(codes.max()) + 1 < FEWEST_CLUSTERS:
        raise NotEnoughData(
            f"cluster {name!r} has no variance to estimate",
            expected=f"at least {FEWEST_CLUSTERS} clusters",
            got="1",
        )
    return codes


def intersections(a: Codes, b: Codes) -> Codes:
    """Return codes of the pairs (a, b) that occur.

    Examples
    --------
    >>> intersections(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [0, 1, 2]
    """
    return _codes(a * (int(b.max()) + 1) + b)


def _codes(column: NDArray[Any]) -> Codes:
    if column.dtype.kind in "iu":
        lowest, highest = int(column.min()), int(column.max())
        if highest - lowest < WIDEST_RANGE * column.size:
            wide = column.astype(np.uint64 if column.dtype.kind == "u" else np.int64, copy=False)
            offset = (wide - lowest).astype(np.int64)  # in the ids' own width it might wrap around
            found: Codes = (np.cumsum(np.bincount(offset) > 0) - 1)[offset]
            return found
    codes: Codes = np.unique(column, return_inverse=True)[1].astype(np.int64, copy=False)
    return codes
