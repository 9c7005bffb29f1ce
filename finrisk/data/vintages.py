"""Which vintage each row is in, for many rows at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.maturity import Granularity

Positions = NDArray[np.intp]


def vintages_of(days: pd.Series, granularity: Granularity) -> tuple[tuple[str, ...], Positions]:
    """Name the vintages of event days, and say which one each day is in.

    Parameters
    ----------
    days : Series of datetime64, n rows
        None missing.
    granularity : {"month", "day"}
        The spec's ``time.vintage``.

    Returns
    -------
    names, position
        The names in order of time, and by row the index of its vintage's name, shape (n,).

    Examples
    --------
    >>> days = pd.Series(pd.to_datetime(["2024-03-01", "2024-02-09", "2024-02-28"]))
    >>> names, position = vintages_of(days, "month")
    >>> names, position.tolist()
    (('2024-02', '2024-03'), [1, 0, 0])
    """
    unit = "datetime64[M]" if granularity == "month" else "datetime64[D]"
    numbers = days.to_numpy().astype(unit).astype(np.int64)
    if len(numbers) == 0:
        return (), np.zeros(0, dtype=np.intp)
    first = int(numbers.min())
    counts = np.bincount(numbers - first)  # the days of a lender's years are few: no sort needed
    used = np.flatnonzero(counts)
    names = tuple((used + first).astype(unit).astype(str).tolist())
    return names, (np.cumsum(counts > 0) - 1)[numbers - first]
