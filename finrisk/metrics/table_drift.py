"""A table's columns at once: references, counts and levels by column name."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from finrisk.errors import DataError
from finrisk.metrics.day_counts import DayCounts, RowDays
from finrisk.metrics.drift import Reference, column_drift, column_reference
from finrisk.metrics.drift_bins import MOST_KINDS, QUANTILE_BINS
from finrisk.metrics.drift_levels import DriftPolicy, JudgedColumn, judged_columns


def table_references(
    columns: Mapping[str, ArrayLike],
    days: RowDays,
    *,
    look_back_days: Mapping[str, int] | None = None,
    bins: int = QUANTILE_BINS,
    most_kinds: int = MOST_KINDS,
) -> dict[str, Reference]:
    """Fix and count the reference of every column that is to be monitored.

    Parameters
    ----------
    columns : mapping of name to (n,) array-like
        As ``column_reference`` takes them; leave calendar features out.
    days : RowDays
        Of the same rows.
    look_back_days : mapping of name to int, optional
        Of the columns that look back; the others do not.
    bins, most_kinds : int
        Of all columns.

    Raises
    ------
    DataError, ConfigurationError
        As ``column_reference``.
    """
    back = look_back_days or {}
    return {
        name: column_reference(
            name,
            values,
            days,
            bins=bins,
            most_kinds=most_kinds,
            look_back_days=back.get(name, 0),
        )
        for name, values in columns.items()
    }


def table_counts(
    references: Mapping[str, Reference], columns: Mapping[str, ArrayLike], days: RowDays
) -> dict[str, DayCounts]:
    """Count fresh rows of every monitored column; parts of a window may be added up.

    Raises
    ------
    DataError
        A monitored column is not there, or as ``Reference.count``.
    """
    absent = sorted(references.keys() - columns.keys())
    if absent:
        raise DataError(
            "monitored columns are absent",
            expected=f"all {len(references)}",
            got=f"without {', '.join(absent[:5])}",
        )
    return {name: of.count(columns[name], days) for name, of in references.items()}


def table_drift(
    references: Mapping[str, Reference],
    windows: Mapping[str, DayCounts],
    policy: DriftPolicy | None = None,
) -> dict[str, JudgedColumn]:
    """Compare and judge every monitored column of one window.

    Parameters
    ----------
    references, windows : mappings of name to Reference and to DayCounts
        Of the same columns.
    policy : DriftPolicy, optional

    Raises
    ------
    DataError
        A column's window is not there, or as ``column_drift``.

    Examples
    --------
    >>> import numpy as np
    >>> from finrisk.metrics.day_counts import row_days
    >>> rng = np.random.default_rng(1)
    >>> days = row_days(np.repeat(np.arange(40), 200))
    >>> before = table_references({"age": rng.normal(size=8000)}, days)
    >>> fresh = row_days(np.repeat(np.arange(50, 57), 200))
    >>> now = table_counts(before, {"age": 1.0 + rng.normal(size=1400)}, fresh)
    >>> table_drift(before, now)["age"].level.value
    'alarm'
    """
    absent = sorted(references.keys() - windows.keys())
    if absent:
        raise DataError(
            "monitored columns have no window",
            expected=f"all {len(references)}",
            got=f"without {', '.join(absent[:5])}",
        )
    drifts = [column_drift(of, windows[name]) for name, of in references.items()]
    return dict(zip(references, judged_columns(drifts, policy), strict=True))
