"""How a share has changed, with an interval: missing values above all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.errors import DataError
from finrisk.metrics.fairness import wilson_interval

Counts = NDArray[np.int64]

FEWEST_DAYS = 2


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A share of rows before and now; ``difference`` is now − before.

    ``lower`` and ``upper`` bound the difference at 95 %. All shares lie in [0, 1].
    """

    before: float
    now: float
    difference: float
    lower: float
    upper: float


def share_change(
    before: int, rows_before: int, now: int, rows_now: int, *, design_effect: float = 1.0
) -> ShareChange:
    """Compare two shares of independent sets of rows.

    Newcombe 1998, Interval estimation for the difference between independent proportions (Statist.
    Med. 17:873), method 10: from the Wilson interval of each. It never leaves [−1, 1] and has a
    width where a share is 0.

    Parameters
    ----------
    before, now : int
        Rows that have it.
    rows_before, rows_now : int
        Of how many, at least 1.
    design_effect : float
        By how much rows that move together widen the variance, at least 1; see ``design_effect``.

    Raises
    ------
    DataError
        No rows, more rows that have it than rows, or a design effect below 1.

    Examples
    --------
    >>> change = share_change(48, 80, 56, 70)
    >>> round(change.difference, 2), round(change.lower, 4), round(change.upper, 4)
    (0.2, 0.0524, 0.3339)
    """
    sound = 0 <= before <= rows_before and 0 <= now <= rows_now and min(rows_before, rows_now) > 0
    if not sound or not design_effect >= 1.0:
        raise DataError(
            "shares that cannot be compared",
            expected="rows, at most as many that have it, a design effect of at least 1",
            got=f"{before} of {rows_before}, {now} of {rows_now}, {design_effect}",
        )
    p, q = before / rows_before, now / rows_now
    low_p, high_p = wilson_interval(before / design_effect, rows_before / design_effect)
    low_q, high_q = wilson_interval(now / design_effect, rows_now / design_effect)
    return ShareChange(
        before=p,
        now=q,
        difference=q - p,
        lower=q - p - math.hypot(q - low_q, high_p - p),
        upper=q - p + math.hypot(high_q - q, p - low_p),
    )


def design_effect(having: Counts, rows: Counts) -> float:
    """Return how many times its binomial variance a day's share varies from day to day.

    Parameters
    ----------
    having, rows : (D,) arrays of int
        Rows that have it, and all rows, of each day; days without rows do not count.

    Returns
    -------
    float
        At least 1: shares that vary less than chance alone has them are luck. 1 where there is
        nothing to tell it by (fewer than two days, none or all rows have it).

    Examples
    --------
    >>> round(design_effect(np.array([0, 100, 0, 0]), np.array([100, 100, 100, 100])))  # an outage
    133
    """
    served = rows > 0
    having, rows = having[served], rows[served]
    if rows.size < FEWEST_DAYS:
        return 1.0
    share = float(having.sum() / rows.sum())
    if share in {0.0, 1.0}:
        return 1.0
    chi_squared = float(np.sum((having - rows * share) ** 2 / rows)) / (share * (1.0 - share))
    return max(1.0, chi_squared / (rows.size - 1))
