"""Small specs of credit and of fraud, and development rows whose risk is known."""

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

DETECTOR: dict[str, Any] = {
    "name": "isolation_forest",
    "algorithm": "isolation_forest",
    "search": {"n_estimators": [10, 20]},
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


def a_fraud_spec(**changes: Any) -> ModelSpec:
    """An amount, a weekend and windows of terminals; days, prequential folds, a detector."""
    document: dict[str, Any] = {
        "name": "cards",
        "title": "Cards",
        "owner": "fraud",
        "model_type": "fraud_detection",
        "registered_name": "cards",
        "source": {"path": "landing/cards"},
        "row_key": "payment",
        "time": {"column": "paid_at", "vintage": "day"},
        "columns": {
            "payment": {"type": "text"},
            "paid_at": {"type": "moment"},
            "amount": {"type": "number"},
            "terminal": {"type": "text"},
            "fraud": {"type": "integer"},
        },
        "label": {"rule": {"kind": "column", "column": "fraud"}, "reporting_lag_days": 2},
        "features": ["amount", {"name": "weekend", "weekend": "paid_at"}],
        "windows": [
            {
                "name": "terminal",
                "entity": "terminal",
                "days": [7],
                "shift_days": 2,
                "bad_share": True,
            }
        ],
        "candidates": [BOOSTED, DETECTOR],
        "training": {
            "min_vintages": 9,
            "max_vintages": 12,
            "prequential": {"train_days": 4, "delay_days": 2, "validate_days": 3},
            "search": {"folds": 2},
        },
        "headline_metric": "average_precision",
        "gate": {"alerts": {"per_day": 5}, "holdout": {"embargo_days": 2}},
    }
    return ModelSpec.model_validate({**document, **changes})


def transactions(days: int = 12, rows_per_day: int = 150, seed: int = 7) -> pd.DataFrame:
    """Rows as a snapshot's development part holds them; large amounts, and some terminals' risk."""
    chance = np.random.default_rng(seed)
    rows = days * rows_per_day
    day = pd.Timestamp("2024-02-26") + pd.to_timedelta(
        np.repeat(np.arange(days), rows_per_day), "D"
    )
    share = np.where(chance.random(rows) < 0.1, chance.random(rows), 0.0)
    amount = chance.lognormal(3.0, 0.7, rows)
    fraud = chance.random(rows) < 0.01 + 0.6 * share + 0.5 * (amount > 70.0)
    return pd.DataFrame(
        {
            "_row_id": [f"payment-{n}" for n in range(rows)],
            "_vintage": day.strftime("%Y-%m-%d"),
            "_label": pd.array(fraud.astype(int), dtype="Int8"),
            "paid_at": day + pd.to_timedelta(chance.integers(0, 86_400, rows), "s"),
            "amount": amount,
            "terminal_count_7d": chance.poisson(9.0, rows).astype(float),
            "terminal_bad_share_7d": share,
        }
    )
