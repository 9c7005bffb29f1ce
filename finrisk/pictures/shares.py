"""How a feature's known rows are spread over bins, development and hold-out, with nobody in it.

The bins are the development rows' own, so that both parts are seen on one axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finrisk.metrics.inputs import Floats

BINS = 24
CLIPPED = 0.01
"""Share of development values left out at either end: no single person's extreme shows."""
FEWEST_ROWS = 20
"""Fewer known values are not drawn, and fewer of a category are pooled: each would be a person."""
MOST_CATEGORIES = 8
SIGNIFICANT_DIGITS = 3


@dataclass(frozen=True, slots=True)
class FeatureShares:
    """Shares of the known rows by bin, and what stands below the first and the last one.

    ``edges`` (bins + 1,) run from 0 to 1; ``development`` and ``holdout`` (bins,) add up to less
    than 1 where rows lie beyond the edges.
    """

    edges: Floats
    development: Floats
    holdout: Floats
    ends: tuple[str, str]

    @classmethod
    def none(cls) -> Self:
        """Return the shares of a feature with too few known rows to show."""
        return cls(np.array([0.0, 1.0]), np.zeros(1), np.zeros(1), ("too few values", ""))


def feature_shares(development: pd.Series, holdout: pd.Series) -> FeatureShares:
    """Count one feature's rows by bin.

    Parameters
    ----------
    development, holdout : Series of length n and m
        A number has 24 equal bins between the 1 % and 99 % quantiles of the development rows, or
        one a value where there are fewer; anything else one for each of its 8 largest categories
        that 20 development rows share, largest first, and one for all others.

    Examples
    --------
    >>> dice = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 20)
    >>> found = feature_shares(dice, dice + 1)
    >>> found.development.round(2).tolist(), found.holdout.round(2).tolist(), found.ends
    ([0.17, 0.17, 0.17, 0.17, 0.17, 0.17], [0.0, 0.17, 0.17, 0.17, 0.17, 0.17], ('1', '6'))
    """
    numeric = all(pd.api.types.is_numeric_dtype(part) for part in (development, holdout))
    counted = _numbers if numeric else _categories
    return counted(development, holdout)


def _numbers(development: pd.Series, holdout: pd.Series) -> FeatureShares:
    before, after = _known(development), _known(holdout)
    if before.size < FEWEST_ROWS:
        return FeatureShares.none()
    low, high = np.quantile(before, (CLIPPED, 1.0 - CLIPPED)).tolist()
    edges = _edges(before[(before >= low) & (before <= high)])
    return FeatureShares(
        edges=(edges - edges[0]) / (edges[-1] - edges[0]),
        development=np.histogram(before, bins=edges)[0] / before.size,
        holdout=np.histogram(after, bins=edges)[0] / max(after.size, 1),
        ends=(_rounded(low), _rounded(high)),
    )


def _edges(known: Floats) -> Floats:
    """Return equal bins, or one bin a value where there are few of them."""
    values = np.unique(known)
    if values.size > BINS:
        return np.linspace(values[0], values[-1], BINS + 1)
    widest = max(0.5, 0.01 * float(np.abs(values).max()))  # a half is lost beside a billion billion
    margin = float(np.diff(values).min()) / 2 if values.size > 1 else widest
    between = (values[1:] + values[:-1]) / 2
    return np.concatenate(([values[0] - margin], between, [values[-1] + margin]))


def _categories(development: pd.Series, holdout: pd.Series) -> FeatureShares:
    """Count by rank: what a category is called stays in the data."""
    before, after = development.value_counts(), holdout.value_counts()
    known = int(before.sum())
    if known < FEWEST_ROWS:
        return FeatureShares.none()
    shared = before[before >= FEWEST_ROWS].iloc[:MOST_CATEGORIES].index
    return FeatureShares(
        edges=np.linspace(0.0, 1.0, shared.size + 2),
        development=_shares(before, shared),
        holdout=_shares(after, shared),
        ends=("most frequent", "all others"),
    )


def _shares(counted: pd.Series, named: pd.Index) -> Floats:
    known = max(int(counted.sum()), 1)
    shares = counted.reindex(named).fillna(0).to_numpy(dtype=np.float64) / known
    return np.append(shares, int(counted.sum()) / known - shares.sum())


def _known(column: pd.Series) -> Floats:
    values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[np.isfinite(values)]


def _rounded(value: float) -> str:
    """Write an end of the axis with three digits.

    Examples
    --------
    >>> _rounded(0.012345), _rounded(86421.0)
    ('0.0123', '86,400')
    """
    short = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return f"{short:,.0f}" if abs(short) >= 10**SIGNIFICANT_DIGITS else f"{short:g}"
