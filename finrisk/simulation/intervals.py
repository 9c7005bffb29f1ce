"""Exact 95 % intervals of what was counted, so that a figure never looks surer than it is."""

from __future__ import annotations

from scipy.stats import beta, chi2

CONFIDENCE = 0.95


def binomial_interval(found: int, of: int) -> tuple[float, float]:
    """Return the interval of a share by Clopper & Pearson 1934 (Biometrika 26:404).

    Parameters
    ----------
    found, of : int
        Counted, of how many; 0 ≤ found ≤ of, of ≥ 1.

    Examples
    --------
    >>> low, high = binomial_interval(0, 100)
    >>> low, round(high, 3)
    (0.0, 0.036)
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if found == 0 else float(beta.ppf(tail, found, of - found + 1))
    high = 1.0 if found == of else float(beta.ppf(1.0 - tail, found + 1, of - found))
    return low, high


def poisson_interval(found: int, over: float) -> tuple[float, float]:
    """Return the interval of a rate by Garwood 1936 (Biometrika 28:437).

    Parameters
    ----------
    found : int
        Events counted.
    over : float
        Years, or whatever they were counted over; above 0.

    Examples
    --------
    >>> low, high = poisson_interval(0, 30.0)
    >>> low, round(high, 3)
    (0.0, 0.123)
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if found == 0 else float(chi2.ppf(tail, 2 * found)) / 2.0
    return low / over, float(chi2.ppf(1.0 - tail, 2 * found + 2)) / 2.0 / over
