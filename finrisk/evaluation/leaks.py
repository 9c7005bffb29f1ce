"""A feature that separates bads from goods alone knows the outcome: look for it before the gate.

Measured on development rows, so that no label of the hold-out is spent on it. A category is given
the bad rate of its kind on the older half and judged on the newer half, so that a column of many
kinds is not mistaken for a leak.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.metrics.columns import Columns
from finrisk.metrics.ranking import ranking_metrics


def strongest_feature(
    features: Columns,
    labels: NDArray[Any],
    *,
    numeric: tuple[str, ...],
    left_out: tuple[str, ...] = (),
) -> tuple[str, float] | None:
    """Return the feature with the highest AUC alone, and that AUC in [0.5, 1].

    Parameters
    ----------
    features : table of n rows
        Development rows in time order, oldest first.
    labels : array of shape (n,)
        1 = bad, 0 = good.
    numeric : tuple of str
        Which features are numbers; the others are categories.
    left_out : tuple of str
        Features that may be strong.

    Returns
    -------
    tuple of (str, float) or None
        None where the newer half lacks bads or goods, so that nothing can be measured.
    """
    half = len(features) // 2
    newer = labels[half:]
    if len(newer) == 0 or newer.min() == newer.max() or half == 0:
        return None
    alone = {
        name: _auc_alone(features[name], labels, half, is_number=name in numeric)
        for name in features.columns
        if name not in left_out
    }
    if not alone:
        return "none", 0.5
    name = max(alone, key=lambda feature: alone[feature])
    return name, alone[name]


def _auc_alone(
    column: pd.Series[Any], labels: NDArray[Any], half: int, *, is_number: bool
) -> float:
    if is_number:
        values = column.to_numpy(dtype=np.float64)[half:]
        known = values[np.isfinite(values)]
        ends = (known.min() - 1.0, known.max() + 1.0) if known.size else (0.0, 0.0)
        # missing may be the leak (a date that only bads have): tried at both ends
        return max(_auc(labels[half:], np.where(np.isfinite(values), values, e)) for e in ends)
    kinds = column.astype("str").fillna("missing")
    rates = pd.Series(labels[:half]).groupby(kinds.iloc[:half].to_numpy()).mean()
    overall = float(labels[:half].mean())
    encoded = kinds.iloc[half:].map(rates).fillna(overall)
    return _auc(labels[half:], encoded.to_numpy(dtype=np.float64))


def _auc(labels: NDArray[Any], values: NDArray[np.float64]) -> float:
    auc = ranking_metrics(labels, values).auc
    return max(auc, 1.0 - auc)
