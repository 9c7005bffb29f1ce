"""Boosted trees and forests asked without what their libraries add to one row."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost as xgb

from finrisk.serving.plain_features import Matrix
from finrisk.tracking.calibrator import Scores
from finrisk.tracking.scoring_model import best_rounds

Raw = Callable[[Matrix], Scores]
"""From the matrix that the estimator sees to its own score, shape (n,)."""


def boosted(booster: xgb.Booster) -> Raw:
    """Return a Booster's probability of bad, by its C interface.

    ``inplace_predict`` asks the same, and looks for every kind of frame before: 140 µs of CPU time
    for one row where this takes 55. What comes back belongs to the thread that asked, and is copied
    before anything else.
    """
    asks, check = xgb.core._LIB.XGBoosterPredictFromDense, xgb.core._check_call
    first, last = best_rounds(booster)
    how = {
        "type": 0,
        "training": False,
        "iteration_begin": first,
        "iteration_end": last,
        "missing": float("nan"),
        "strict_shape": False,
        "cache_id": 0,
    }
    said = json.dumps(how).encode()

    def raw(matrix: Matrix) -> Scores:
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        shape = ctypes.POINTER(xgb.core.c_bst_ulong)()
        dimensions = xgb.core.c_bst_ulong()
        found = ctypes.POINTER(ctypes.c_float)()
        check(
            asks(
                booster.handle,
                LAYOUT % (rows.ctypes.data, *rows.shape),
                said,
                None,
                ctypes.byref(shape),
                ctypes.byref(dimensions),
                ctypes.byref(found),
            )
        )
        return np.ctypeslib.as_array(found, (len(rows),)).astype(np.float64)

    return raw


LAYOUT = b'{"data":[%d,true],"shape":[%d,%d],"strides":null,"typestr":"<f8","version":3}'


def forest(trees: list[Any]) -> Raw:
    """Return a random forest's probability of bad: its trees in their order, as with one thread."""

    def raw(matrix: Matrix) -> Scores:
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        total = np.zeros(len(rows), dtype=np.float64)
        for tree in trees:
            total += tree.predict(rows)[:, 1]
        total /= len(trees)
        return np.where(np.isfinite(rows).all(axis=1), total, np.nan)  # as the forest refuses them

    return raw
