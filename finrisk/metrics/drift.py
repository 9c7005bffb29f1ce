"""Has a column moved? Its reference, counted once, against a window, counted once.

Rows are read by ``Reference.count`` only. All that is said of a window follows from its counts by
day and bin, so windows of many lengths, or of a table that never fits into memory, cost sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError
from finrisk.metrics.day_counts import DayCounts, RowDays, count_by_day, require_same_bins
from finrisk.metrics.drift_bins import (
    MOST_KINDS,
    QUANTILE_BINS,
    ColumnBins,
    KindBins,
    bin_labels,
    bin_of_rows,
    column_bins,
)
from finrisk.metrics.drift_limits import ChanceLaw, chance_law
from finrisk.metrics.psi_parts import moved_share, psi_parts, tempered_parts
from finrisk.metrics.share_change import ShareChange, design_effect, share_change

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a column was like while its model was developed.

    Parameters
    ----------
    column : str
    bins : NumberBins or KindBins
        Fixed on the reference; the missing ones have the last.
    counts : DayCounts
        The reference's rows by day and bin.
    look_back_days : int
        How many days before its own a value still depends on: 0 of a plain column, 30 of a count
        over 30 days. See ``chance_law``.
    """

    column: str
    bins: ColumnBins
    counts: DayCounts
    look_back_days: int = 0

    def count(self, values: ArrayLike, days: RowDays) -> DayCounts:
        """Count fresh rows in the reference's bins; parts of a window may be added up.

        Parameters
        ----------
        values : (n,) array-like
            Of the reference's type. None at all is counted too, over ``days``.
        days : RowDays
            Of the same rows.

        Raises
        ------
        DataError
            Another type, an infinite number, or another number of rows than days.
        """
        if np.size(values) == 0:  # an empty delivery has lost its types
            return count_by_day(np.empty(0, dtype=np.int64), self.bins.size, days)
        bins = bin_of_rows(self.bins, f"current {self.column!r}", values)
        return count_by_day(bins, self.bins.size, days)


@dataclass(frozen=True, slots=True)
class BinShift:
    """One bin's share of rows before and now, in [0, 1], and what it adds to the PSI."""

    label: str
    before: float
    now: float
    part: float


@dataclass(frozen=True, slots=True, eq=False)
class ColumnDrift:
    """What a window shows of a column; None is unknown.

    Parameters
    ----------
    rows : int
        Rows of the window.
    psi : float or None
        PSI of a score, CSI of a feature: at least 0, higher = moved further. None without rows.
    bins : tuple of BinShift
        Each bin with rows on either side; empty without rows.
    moved_share : float or None
        Share of rows that would have to change bins, in [0, 1]: the effect in a plain unit.
    missing : ShareChange or None
        The share of missing values. Its interval takes rows for no more independent than the
        reference's days have them.
    unseen_share : float or None
        Share of rows of a kind that the reference never saw; None of numbers too.
    p_value : float or None
        Share of windows without drift that come as far, in [0, 1]. None where the reference is
        too short to say, or the window too small.
    tempered_psi : float or None
        What the p-value was worked out from, at most the PSI.
    law : ChanceLaw or None
        What it was worked out by.
    """

    column: str
    rows: int
    psi: float | None = None
    bins: tuple[BinShift, ...] = ()
    moved_share: float | None = None
    missing: ShareChange | None = None
    unseen_share: float | None = None
    p_value: float | None = None
    tempered_psi: float | None = None
    law: ChanceLaw | None = None

    def limit(self, share: float) -> float | None:
        """Return the PSI that a share of windows without drift come as far as; None is unknown.

        Stated for a window that moved in the shape that this one did: its PSI reaches the limit
        exactly where its p-value reaches the share.

        Parameters
        ----------
        share : float
            In (0, 1).
        """
        tempered = None if self.law is None else self.law.limit(share, self.rows)
        if tempered is None or not self.psi or not self.tempered_psi:
            return tempered
        return tempered * self.psi / self.tempered_psi


def column_reference(
    column: str,
    values: ArrayLike,
    days: RowDays,
    *,
    bins: int = QUANTILE_BINS,
    most_kinds: int = MOST_KINDS,
    look_back_days: int = 0,
) -> Reference:
    """Fix a column's bins on its reference rows, and count them.

    Parameters
    ----------
    column : str
    values : (n,) array-like
        Numbers (flags included) or kinds; missing values as NaN or None. No calendar feature: a
        weekday's flag differs from its reference on every day there is.
    days : RowDays
        Of the same rows.
    bins : int
        Quantile bins of numbers, at least 2. A value that holds several quantiles has its own.
    most_kinds : int
        Kinds with a bin of their own, the others share one; at least 1.
    look_back_days : int
        At least 0.

    Raises
    ------
    DataError
        No rows, another number of rows than days, an infinite number, missing values only, or
        neither numbers nor kinds.
    ConfigurationError
        ``bins``, ``most_kinds`` or ``look_back_days`` out of range.

    Examples
    --------
    >>> from finrisk.metrics.day_counts import row_days
    >>> days = row_days([1, 1, 2, 2])
    >>> column_reference("home", ["own", "rent", "own", None], days).counts.counts.tolist()
    [[1, 1, 0, 0, 0], [1, 0, 0, 0, 1]]
    """
    if look_back_days < 0:
        raise ConfigurationError("a look-back is below 0", expected="days", got=look_back_days)
    which = f"reference of {column!r}"
    fixed = column_bins(which, values, bins=bins, most_kinds=most_kinds)
    counts = count_by_day(bin_of_rows(fixed, which, values), fixed.size, days)
    return Reference(column, fixed, counts, look_back_days)


def column_drift(reference: Reference, window: DayCounts) -> ColumnDrift:
    """Compare a window with the reference.

    Parameters
    ----------
    reference : Reference
    window : DayCounts
        Consecutive days, counted in the reference's bins. Its length and first weekday decide what
        chance is held against it.

    Raises
    ------
    DataError
        Counts of other bins, or dates against whole numbers.

    Examples
    --------
    >>> from finrisk.metrics.day_counts import row_days
    >>> before = column_reference("home", ["own", "rent"] * 400, row_days(np.arange(800) // 100))
    >>> now = before.count(["own"] * 80 + ["rent"] * 120, row_days([9] * 200))
    >>> drift = column_drift(before, now)
    >>> round(drift.psi, 4), round(drift.moved_share, 2), round(drift.p_value, 3)
    (0.0405, 0.1, 0.042)
    """
    require_same_bins(reference.counts, window)
    before, now = reference.counts.by_bin, window.by_bin
    rows = int(now.sum())
    if rows == 0:
        return ColumnDrift(reference.column, rows)
    parts = psi_parts(before, now)
    tempered = float(tempered_parts(before, now).sum())
    law = chance_law(reference.counts, window.first_day, window.days, reference.look_back_days)
    p_value = None if law is None else float(law.p_values([tempered], [rows])[0])
    kinds = isinstance(reference.bins, KindBins)
    return ColumnDrift(
        column=reference.column,
        rows=rows,
        psi=float(parts.sum()),
        bins=_shifts(reference, now, parts.tolist()),
        moved_share=float(moved_share(before, now)),
        missing=_missing(reference.counts, now),
        unseen_share=float(now[-2]) / rows if kinds else None,
        p_value=None if p_value is None or np.isnan(p_value) else p_value,
        tempered_psi=tempered,
        law=law,
    )


def _shifts(reference: Reference, now: Counts, parts: list[float]) -> tuple[BinShift, ...]:
    before = reference.counts.by_bin
    r, q = (counts / counts.sum() for counts in (before, now))
    each = zip(bin_labels(reference.bins), r.tolist(), q.tolist(), parts, strict=True)
    return tuple(BinShift(label, b, n, part) for label, b, n, part in each if b or n)


def _missing(reference: DayCounts, now: Counts) -> ShareChange:
    missing, rows = reference.counts[:, -1], reference.rows_by_day
    return share_change(
        int(missing.sum()),
        int(rows.sum()),
        int(now[-1]),
        int(now.sum()),
        design_effect=design_effect(missing, rows),
    )
