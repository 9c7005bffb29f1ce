"""Which of many are more than chance, when a list of them is to be shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError


def discoveries(p_values: ArrayLike, share: float = 0.05) -> NDArray[np.bool_]:
    """Say which p-values stand out, so that a share of those shown is expected to be false.

    The step-up procedure of Benjamini & Hochberg 1995 (J. R. Statist. Soc. B 57:289) with the
    correction of Benjamini & Yekutieli 2001 (Ann. Statist. 29:1165), which holds whatever the
    p-values have to do with each other. Features of one delivery do: counts over 1, 7 and 30 days
    rise together, shares of a whole fall as others rise, and Benjamini & Hochberg alone asks that
    none does the latter.

    Parameters
    ----------
    p_values : (m,) array-like of floats
        In [0, 1]; NaN where unknown, which counts among the m and is never shown.
    share : float
        The false discovery rate, in (0, 1).

    Returns
    -------
    (m,) array of bool

    Raises
    ------
    ConfigurationError
        A p-value or the share out of range.

    Examples
    --------
    >>> discoveries([0.001, 0.02, 0.5, 0.004]).tolist()  # rank · 0.006
    [True, False, False, True]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or np.any((p < 0.0) | (p > 1.0)) or not 0.0 < share < 1.0:
        raise ConfigurationError(
            "no false discovery rate can be held",
            expected="a column of p-values in [0, 1] or NaN, a rate in (0, 1)",
            got=f"shape {p.shape}, rate {share}",
        )
    known = np.where(np.isnan(p), 1.0, p)
    ranks = np.arange(1, p.size + 1)
    bounds = ranks * share / (p.size * np.sum(1.0 / ranks)) if p.size else np.empty(0)
    within = np.flatnonzero(np.sort(known) <= bounds)
    if not within.size:
        return np.zeros(p.size, dtype=np.bool_)
    found: NDArray[np.bool_] = known <= np.sort(known)[within[-1]]
    return found
