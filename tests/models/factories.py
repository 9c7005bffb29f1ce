"""A small credit spec, and development rows whose risk is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finrisk.specs.model_spec import ModelSpec

LOGISTIC: dict[str, Any] = {
    "name": "logistic_regression",
    "algorithm": "logistic_regression",
    "search": {"C": [0.01, 1.0]},
}
BOOSTED: dict[str, Any] = {
    "name": "xgboost",
    "algorithm": "xgboost",
    "parameters": {"n_estimators": 30, "subsample": 0.8},
    "search": {"max_depth": [2, 3]},
}

FOREST: dict[str, Any] = {
    "name": "random_forest",
    "algorithm": "random_forest",
    "parameters": {"n_estimators": 10},
    "search": {"min_samples_leaf": [10, 40]},
}


def a_spec(**changes: Any) -> ModelSpec:
    """Two numbers (one with gaps), a category and a ratio; every algorithm."""
    document: dict[str, Any] = {
        "name": "loans",
        "title": "Loans",
        "owner": "risk",
        "model_type": "credit_risk",
        "registered_name": "loans",
        "source": {"path": "landing/loans"},
        "row_key": "loan_id",
        "time": {"column": "opened"},
        "columns": {
            "loan_id": {"type": "text"},
            "opened": {"type": "date"},
            "amount": {"type": "number"},
            "income": {"type": "number"},
            "utilisation": {"type": "number", "nullable": True},
            "owner": {"type": "boolean"},
            "home": {"type": "category", "nullable": True},
            "bad": {"type": "integer"},
        },
        "label": {"rule": {"kind": "column", "column": "bad"}},
        "features": [
            "amount",
            "utilisation",
            "owner",
            "home",
            {"name": "amount_to_income", "ratio": ["amount", "income"]},
        ],
        "candidates": [LOGISTIC, BOOSTED, FOREST],
    }
    return ModelSpec.model_validate({**document, **changes})


def development_rows(vintages: int = 6, rows_per_vintage: int = 120, seed: int = 7) -> pd.DataFrame:
    """Rows as a snapshot's development part holds them; the burden and renting make bads."""
    chance = np.random.default_rng(seed)
    rows = vintages * rows_per_vintage
    frame = pd.DataFrame(
        {
            "_row_id": [f"loan-{n}" for n in range(rows)],
            "_vintage": np.repeat(
                [f"2024-{m:02d}" for m in range(1, vintages + 1)], rows_per_vintage
            ),
            "amount": chance.lognormal(8.0, 0.5, rows),
            "income": chance.lognormal(8.0, 0.5, rows),
            "utilisation": chance.uniform(0.0, 1.0, rows),
            "owner": chance.random(rows) < 0.5,
            "home": chance.choice(["own", "rent"], rows),
        }
    )
    burden = np.log(frame["amount"] / frame["income"]) + (frame["home"] == "rent")
    bad = chance.random(rows) < 1.0 / (1.0 + np.exp(1.2 - 1.5 * burden))
    frame["_label"] = pd.array(bad.astype(int), dtype="Int8")
    frame.loc[chance.random(rows) < 0.1, "utilisation"] = np.nan
    frame.loc[chance.random(rows) < 0.1, "home"] = None
    return frame
