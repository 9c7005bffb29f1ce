"""Small words of sentences: a count with its noun, a number, days as ranges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "promotion"), counted(0, "promotion"), counted(2000, "row")
    ('1 promotion', '0 promotions', '2,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain(value: float, digits: int = 15) -> str:
    """Return a number as a person writes it: thousands apart, no exponent below a quadrillion.

    Parameters
    ----------
    value : float
    digits : int
        Significant ones that are kept, 1 to 15.

    Examples
    --------
    >>> plain(2e6), plain(0.015), plain(40_114.7, digits=4), plain(-3.0)
    ('2,000,000', '0.015', '40,110', '-3')
    """
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def day_ranges(days: Sequence[date]) -> list[str]:
    """Return ascending days as runs of neighbours, each as its first and last day.

    Examples
    --------
    >>> day_ranges([date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 9)])
    ['2026-01-05 to 2026-01-07', '2026-01-09']
    """
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
