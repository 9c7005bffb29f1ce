"""Whether as many rows come a day as used to: half a delivery can have undrifted features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.day_counts import DAYS_OF_A_WEEK, DayCounts
from finrisk.metrics.inputs import Floats

FEWEST_OF_A_WEEKDAY = 3  # a median of two is their mean, and one holiday spoils it
SPREAD_OF_NORMAL = 1.4826  # a normal distribution's standard deviation ÷ its median deviation
HALF_A_ROW = 0.5  # a day without rows has no logarithm


@dataclass(frozen=True, slots=True)
class VolumeChange:
    """Rows a day of a window against the reference's days of the same weekdays.

    Parameters
    ----------
    rows_a_day, expected_a_day : float
        The window's mean; the mean of what its days usually have.
    ratio : float
        The first ÷ the second, at least 0; 1 is as usual.
    deviations : float or None
        The window's median day in deviations of the reference's days, on the scale of logarithms;
        negative means fewer rows, beyond ±4 hardly any reference day lies. None where all
        reference days are alike.
    """

    rows_a_day: float
    expected_a_day: float
    ratio: float
    deviations: float | None


def volume_change(reference: DayCounts, window: DayCounts) -> VolumeChange | None:
    """Compare the rows a day, by medians: a holiday or a double delivery does not count for more.

    Parameters
    ----------
    reference, window : DayCounts
        Of any column; days without rows count as days.

    Returns
    -------
    VolumeChange or None
        None where the reference usually has no rows on the window's days.

    Notes
    -----
    The spread is the median absolute deviation (Rousseeuw & Croux 1993, J. Am. Statist. Assoc.
    88:1273) of the logarithms of rows ÷ what the weekday usually has.

    Examples
    --------
    >>> counts = np.array([[98], [102], [100], [101], [99]])
    >>> usual = DayCounts(0, weekly=False, counts=counts)
    >>> change = volume_change(usual, DayCounts(9, weekly=False, counts=np.array([[50], [52]])))
    >>> round(change.ratio, 2), change.deviations < -4
    (0.51, True)
    """
    expected = _expected(reference, window)
    if expected.sum() <= 0.0:
        return None
    spread = SPREAD_OF_NORMAL * float(
        np.median(np.abs(_log_ratios(reference, _expected(reference, reference))))
    )
    centre = float(np.median(_log_ratios(window, expected)))
    return VolumeChange(
        rows_a_day=window.rows / window.days,
        expected_a_day=float(expected.mean()),
        ratio=window.rows / float(expected.sum()),
        deviations=centre / spread if spread > 0.0 else None,
    )


def _expected(reference: DayCounts, window: DayCounts) -> Floats:
    """Return the rows that each of the window's days usually has."""
    rows = reference.rows_by_day
    overall = float(np.median(rows))
    if not (reference.weekly and window.weekly):
        return np.full(window.days, overall)
    weekday = _weekdays(reference)
    usual = [
        float(np.median(rows[weekday == of]))
        if np.count_nonzero(weekday == of) >= FEWEST_OF_A_WEEKDAY
        else overall
        for of in range(DAYS_OF_A_WEEK)
    ]
    return np.array(usual)[_weekdays(window)]


def _weekdays(counts: DayCounts) -> NDArray[np.int64]:
    return (counts.first_day + np.arange(counts.days)) % DAYS_OF_A_WEEK


def _log_ratios(counts: DayCounts, expected: Floats) -> Floats:
    ratios: Floats = np.log((counts.rows_by_day + HALF_A_ROW) / (expected + HALF_A_ROW))
    return ratios
