"""A few weeks of card transactions and the reports about them, with the one change a test makes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finrisk.data.contracts import validate
from finrisk.data.labels import Labelled
from finrisk.data.landing import read_landing
from finrisk.data.quarantine import Delivered, all_of, set_broken_aside
from finrisk.data.reports import reports_for
from finrisk.records import DataVerdict
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import deliver

FIRST = date(2024, 3, 1)
DAYS = 24
AS_OF = FIRST + timedelta(days=DAYS)
EACH = 480
REPORTS = {
    "kind": "reports",
    "path": "reports",
    "key": "tx",
    "event_date": "reported_on",
    "after_window": "bad",
    "partition": "day",
}


def a_fraud_spec(**changes: Any) -> ModelSpec:
    """Daily partitions of transactions, chargebacks in a feed of their own."""
    contract = {
        "rows_per_vintage": {"history": 5},
        "rows_per_hour": {"min_rows": 100, "history": 5, "max_psi": 0.25},
        "levels": {"amount": {"history": 5}},
        "repeats": {"columns": ["customer", "terminal", "at", "amount"], "max_share": 0.01},
        "max_age_days": 1,
    }
    document: dict[str, Any] = {
        "name": "cards",
        "title": "Cards",
        "owner": "fraud",
        "model_type": "fraud_detection",
        "registered_name": "cards",
        "source": {"path": "landing", "partition": "day"},
        "row_key": "tx",
        "time": {"column": "at", "vintage": "day"},
        "columns": {
            "tx": {"type": "text"},
            "at": {"type": "moment"},
            "customer": {"type": "text"},
            "terminal": {"type": "text"},
            "amount": {"type": "number", "min": 0, "max": 20000},
            "kind": {"type": "category", "values": ["fuel", "grocery"]},
        },
        "label": {"rule": REPORTS, "reporting_lag_days": 2},
        "contract": contract | changes.pop("contract", {}),
        "features": ["amount", {"name": "night", "hours": [0, 6], "of": "at"}],
        "windows": [
            {"name": "customer", "entity": "customer", "days": [1, 3], "mean": "amount"},
            {
                "name": "terminal",
                "entity": "terminal",
                "days": [1, 3],
                "shift_days": 2,
                "bad_share": True,
            },
        ],
        "candidates": [
            {"name": "boosted", "algorithm": "xgboost", "parameters": {"n_estimators": 20}}
        ],
        "training": {
            "min_bads": 10,
            "min_vintages": 6,
            "max_vintages": 8,
            "search": {"folds": 2},
            "prequential": {"train_days": 2, "delay_days": 2, "validate_days": 2},
        },
        "headline_metric": "average_precision",
        "gate": {
            "alerts": {"per_day": 10, "card": "customer"},
            "clusters": ["customer", "terminal"],
            "holdout": {
                "target_bads": 40,
                "min_bads": 20,
                "max_vintages": 4,
                "embargo_days": 2,
                "min_bad_clusters": 5,
            },
            "floors": {"auc": 0.6, "ks": 0.1, "average_precision": 0.1},
            "allowed_strong_features": ["amount"],
            "guards": {"secondary": {"daily_precision_at_10": {"points": 0.05}}, "replicates": 200},
        },
    }
    return ModelSpec.model_validate({**document, **changes})


def transactions(day: date, each: int = EACH, **changes: Any) -> pd.DataFrame:
    """One day's, spread over its hours; large amounts are fraud more often than not."""
    rng = np.random.default_rng(day.toordinal())
    seconds = np.sort(rng.normal(43_200, 15_000, each).clip(0, 86_399).astype("int64"))
    amount = rng.gamma(2.0, 25.0, each)
    large = rng.random(each) < 0.06
    columns: dict[str, Any] = {
        "tx": [f"{day:%m%d}-{n:04d}" for n in range(each)],
        "at": pd.Timestamp(day) + pd.to_timedelta(seconds, unit="s"),
        "customer": rng.integers(0, 90, each).astype(str),
        "terminal": rng.integers(0, 60, each).astype(str),
        "amount": np.where(large, amount + 400, amount).round(2),
        "kind": np.where(rng.random(each) < 0.5, "fuel", "grocery"),
    }
    return pd.DataFrame({**columns, **changes})


def frauds(rows: pd.DataFrame) -> pd.DataFrame:
    """Which of a day's transactions are reported, and when: one or two days later.

    Large amounts, but not at every third terminal.
    """
    at_risk = rows["terminal"].astype(int) % 3 > 0
    large = rows[at_risk & (rows["amount"] > 300) & (rows["amount"] < 10_000)]
    waits = 1 + large["tx"].str[-1].astype(int) % 2
    on = large["at"].dt.normalize() + pd.to_timedelta(waits, unit="D")
    return pd.DataFrame({"tx": large["tx"], "reported_on": on})


def land_day(home: Path, day: date, rows: pd.DataFrame | None = None, name: str = "") -> Path:
    return deliver(home, transactions(day) if rows is None else rows, name or f"{day}.parquet")


def land_reports(home: Path, reports: pd.DataFrame) -> None:
    for on, found in reports.groupby("reported_on"):
        path = home / "reports" / f"{pd.Timestamp(on).date()}.parquet"
        before = [pd.read_parquet(path)] if path.exists() else []
        deliver(home, pd.concat([*before, found]), path.name, "reports")


def nothing_reported(home: Path, since: date, until: date = AS_OF) -> None:
    """Deliver empty files in place of a feed's days."""
    nothing = frauds(transactions(FIRST)).head(0)
    for n in range((until - since).days + 1):
        deliver(home, nothing, f"{since + timedelta(days=n)}.parquet", "reports")


def land(home: Path, days: int = DAYS, without: tuple[date, ...] = ()) -> list[date]:
    """Land days of transactions, and every report about them."""
    landed = [FIRST + timedelta(days=n) for n in range(days)]
    for day in landed:
        if day not in without:
            land_day(home, day)
        land_reports(home, frauds(transactions(day)))
    return landed


def read_cards(
    home: Path, spec: ModelSpec, as_of: date = AS_OF
) -> tuple[Delivered, Labelled, DataVerdict]:
    """Read, label and validate as the prepare step does."""
    delivered = all_of(read_landing(spec, home, as_of), spec, as_of)
    delivered, labelled = set_broken_aside(delivered, spec, as_of, reports_for(spec, home, as_of))
    before = delivered.aside.checks
    verdict = validate(delivered.landing, labelled, spec, as_of, None, before=before)
    return delivered, labelled, verdict
