"""What a vintage of events is watched for beside its count: missing days, hours, levels, repeats.

Each is one figure a vintage, compared with the vintages before it, so that a slow drift passes and
a broken delivery does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import VINTAGE
from finrisk.data.landing import EVENT_DAY
from finrisk.specs.data import Level, RowsPerHour

HOURS = 24
HALF_A_ROW = 0.5  # an hour without rows, so that the logarithm stays finite

Numbers = NDArray[np.float64]


def days_missing_before(vintages: pd.Index) -> pd.Series:
    """Return how many calendar days without a row lie between each day and the one before.

    Parameters
    ----------
    vintages : Index of text, n days in order of time

    Examples
    --------
    >>> days_missing_before(pd.Index(["2024-03-01", "2024-03-02", "2024-03-05"])).tolist()
    [0.0, 0.0, 2.0]
    """
    days = np.array(vintages.astype(str), dtype="datetime64[D]")
    gaps = np.diff(days, prepend=days[:1] - np.timedelta64(1, "D")) / np.timedelta64(1, "D") - 1.0
    return pd.Series(gaps, index=vintages, dtype="float64")


def psi_of_hours(
    frame: pd.DataFrame, time: str, vintages: pd.Index, rule: RowsPerHour
) -> pd.Series:
    """Return each day's PSI of its hours against the days before; NaN where it is not judged.

    Parameters
    ----------
    frame : DataFrame, n rows
        ``_vintage``, ``_event_day`` and the time column.
    time : str
        A column of moments.
    vintages : Index of text
        Days in order of time.
    rule : RowsPerHour
        How many days before, and how many rows a day needs.
    """
    place = pd.Index(vintages).get_indexer(pd.Index(frame[VINTAGE]))
    of_day = frame[time].to_numpy() - frame[EVENT_DAY].to_numpy()
    hour = np.clip((of_day / np.timedelta64(1, "h")).astype(np.int64), 0, HOURS - 1)
    cells = np.bincount(place * HOURS + hour, minlength=len(vintages) * HOURS)
    counts = pd.DataFrame(cells.reshape(-1, HOURS), index=vintages, dtype="float64")
    before = counts.shift(1).rolling(rule.history).sum()
    judged = counts.sum(axis=1) >= rule.min_rows
    now, then = _shares(counts), _shares(before)
    index = pd.Series(((now - then) * np.log(now / then)).sum(axis=1), index=vintages)
    return index.where(judged & before.notna().all(axis=1))


def level_ratio(frame: pd.DataFrame, column: str, vintages: pd.Index, rule: Level) -> pd.Series:
    """Return each vintage's median of a column over the median of the vintages before it."""
    medians = frame.groupby(VINTAGE, observed=True)[column].median().reindex(vintages)
    before = medians.shift(1).rolling(rule.history, min_periods=2).median()
    ratio: pd.Series = (medians / before.where(before > 0)).astype("float64")
    return ratio


def repeated_share(frame: pd.DataFrame, columns: list[str], vintages: pd.Index) -> pd.Series:
    """Return the share of a vintage's rows that repeat an earlier one in every column.

    Examples
    --------
    >>> rows = pd.DataFrame({"_vintage": ["a"] * 4, "card": [1, 1, 1, 2], "amount": [5, 5, 6, 5]})
    >>> repeated_share(rows, ["card", "amount"], pd.Index(["a"])).tolist()
    [0.25]
    """
    again = frame.duplicated(columns, keep="first")
    share: pd.Series = again.groupby(frame[VINTAGE], observed=True).mean().reindex(vintages)
    return share.astype("float64")


def _shares(counts: pd.DataFrame) -> Numbers:
    held = counts.to_numpy(dtype=np.float64)
    held = np.where(held > 0, held, HALF_A_ROW)
    shares: Numbers = held / held.sum(axis=1, keepdims=True)
    return shares
