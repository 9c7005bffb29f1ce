"""Golden rows: synthetic rows whose scores are stored with a model, to prove that it loads right.

They resemble the development rows column by column and are nobody's: each column's values are
rounded quantiles or frequent categories, shuffled on their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.features.derive import MISSING
from finrisk.models.preprocessing import RARE_ROWS, FeatureKinds

GOLDEN_ROWS = 16
LOWEST, HIGHEST = 0.05, 0.95  # an extreme value points at one person


def golden_rows(
    features: pd.DataFrame, kinds: FeatureKinds, *, seed: int, shared_only: bool = False
) -> pd.DataFrame:
    """Return :data:`GOLDEN_ROWS` synthetic rows.

    Parameters
    ----------
    features : DataFrame of shape (n, number of features)
        Aligned features of the development rows.
    kinds : FeatureKinds
        Of the features.
    seed : int
        Of the shuffles.
    shared_only : bool
        Draw every column of whole numbers from what at least ``RARE_ROWS`` rows share, also where
        other values are rare; for a model that refuses numbers it was not fitted on.

    Returns
    -------
    DataFrame of shape (16, number of features)
        Numbers at three digits, each column that ever misses one missing once; categories, and
        whole numbers that may be codes (years, grades), that at least ``RARE_ROWS`` rows share.
    """
    chance = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for name in features.columns:
        column = features[name]
        categorical = name in kinds.categorical
        values = _categories(column) if categorical else _numbers(column, shared_only)
        columns[name] = chance.permutation(values)
    return pd.DataFrame(columns).astype(dict.fromkeys(kinds.categorical, "str"))


def _numbers(column: pd.Series, shared_only: bool) -> NDArray[np.float64]:
    known = column.dropna().to_numpy(dtype=np.float64)
    if not known.size:
        return np.full(GOLDEN_ROWS, np.nan)
    codes = _shared_codes(known, shared_only)
    if codes.size:
        rounded = codes[np.linspace(0, codes.size - 1, GOLDEN_ROWS).round().astype(np.int64)]
    else:
        quantiles = np.quantile(known, np.linspace(LOWEST, HIGHEST, GOLDEN_ROWS))
        rounded = np.array([float(f"{value:.3g}") for value in quantiles])
    if known.size < len(column):
        rounded[GOLDEN_ROWS // 2] = np.nan
    return rounded


def _shared_codes(known: NDArray[np.float64], shared_only: bool) -> NDArray[np.float64]:
    """Return the shared values of a whole-number column; none where others are rare, unless asked.

    Between 2008 and 2011 lies no year that an encoder was not fitted on: a quantile may be one.
    """
    if not (np.isfinite(known).all() and (known == np.floor(known)).all()):
        return np.empty(0)
    values, counts = np.unique(known, return_counts=True)
    shared = counts >= RARE_ROWS
    return values[shared] if shared_only or shared.all() else np.empty(0)


def _categories(column: pd.Series) -> NDArray[np.object_]:
    counts = column.value_counts()
    shared = sorted(counts.index[counts >= RARE_ROWS][:GOLDEN_ROWS]) or [MISSING]
    return np.resize(np.array(shared, dtype=object), GOLDEN_ROWS)
