"""Transactions of a few cards and terminals, and their windows counted row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.windows import Window

CARD = {"name": "card", "entity": "card", "days": [1, 3], "mean": "amount"}
SHOP = {"name": "shop", "entity": "shop", "days": [1, 3], "shift_days": 2, "bad_share": True}
DELAY_DAYS = 2


def a_spec(*windows: dict[str, Any], **changes: Any) -> ModelSpec:
    """A fraud model whose labels are believed two days later."""
    document: dict[str, Any] = {
        "name": "cards",
        "title": "Cards",
        "owner": "fraud",
        "model_type": "fraud_detection",
        "registered_name": "cards",
        "source": {"path": "landing/cards", "partition": "day"},
        "row_key": "id",
        "time": {"column": "at", "vintage": "day"},
        "columns": {
            "id": {"type": "text"},
            "at": {"type": "moment"},
            "card": {"type": "text", "nullable": True},
            "shop": {"type": "text", "nullable": True},
            "amount": {"type": "number", "nullable": True},
            "kind": {"type": "category", "nullable": True},
            "fraud": {"type": "integer"},
        },
        "label": {
            "rule": {"kind": "column", "column": "fraud"},
            "reporting_lag_days": DELAY_DAYS,
        },
        "features": ["amount", {"name": "weekend", "weekend": "at"}, "kind"],
        "windows": windows or (CARD, SHOP),
        "candidates": [{"name": "lr", "algorithm": "logistic_regression"}],
        "training": {"max_vintages": 28},
        "gate": {"alerts": {"per_day": 10}, "holdout": {"embargo_days": DELAY_DAYS}},
    }
    return ModelSpec.model_validate({**document, **changes})


def some_rows(seed: int, count: int = 150, days: int = 12) -> pd.DataFrame:
    """Rows of whole hours, so that many share a moment and fall on a window's ends."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24 * days, count)
    # around the end of March, where some zones' clocks jump: times have no zone, and no jump
    at = np.datetime64("2024-03-25", "us") + hours * np.timedelta64(3600 * 10**6, "us")
    at[rng.random(count) < 0.1] += np.timedelta64(1, "us")
    waited = rng.integers(0, 6, count).astype("timedelta64[D]")
    bad = rng.random(count) < 0.3
    reported = at.astype("datetime64[D]") + waited
    return pd.DataFrame(
        {
            "_row_id": [f"t{n}" for n in rng.permutation(count)],
            "at": at,
            "card": pd.array(rng.choice(["a", "b", "c", None], count), dtype="str"),
            "shop": pd.array(rng.choice(["x", "y", None], count), dtype="str"),
            "amount": np.where(rng.random(count) < 0.2, np.nan, rng.normal(50, 30, count)),
            "_bad_on": pd.Series(reported.astype("datetime64[us]")).where(bad),
        }
    )


def counted_one_by_one(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Every row against every row: slow, and as :class:`Window` says it."""
    records = rows.to_dict("records")
    found = []
    for row in records:
        features = {"_row_id": row["_row_id"]}
        for window in spec.windows:
            for days in window.days:
                held = [other for other in records if _holds(window, days, row, other)]
                features |= _measured(window, days, row, held)
        found.append(features)
    return pd.DataFrame(found).set_index("_row_id")[list(spec.window_features)].astype("float64")


def _holds(window: Window, days: int, row: dict[str, Any], other: dict[str, Any]) -> bool:
    if pd.isna(row[window.entity]):
        return other is row and window.shift_days == 0
    end = row["at"] - timedelta(days=window.shift_days)
    within = end - timedelta(days=days) < other["at"] <= end
    return bool(other[window.entity] == row[window.entity] and within)


def _measured(
    window: Window, days: int, row: dict[str, Any], held: list[dict[str, Any]]
) -> dict[str, float]:
    found: dict[str, float] = {}
    if window.count:
        found[window.feature_name("count", days)] = len(held)
    if window.mean is not None:
        values = [other[window.mean] for other in held if not pd.isna(other[window.mean])]
        mean = sum(values) / len(values) if values else np.nan
        found[window.feature_name("mean", days)] = mean
    if window.bad_share:
        told_by = row["at"].normalize() - timedelta(days=window.shift_days)
        known = [other for other in held if other["_bad_on"] <= told_by]  # NaT is never
        found[window.feature_name("bad_share", days)] = len(known) / len(held) if held else 0.0
    return found
