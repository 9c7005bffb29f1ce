"""One small lender's spec and rows, with the one change that a test is about."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from finrisk.data.labels import Labelled, attach_labels
from finrisk.data.landing import Landing, read_landing
from finrisk.data.reports import reports_for
from finrisk.specs.model_spec import ModelSpec

CONF = Path(__file__).resolve().parents[2] / "conf" / "models" / "credit_risk.yaml"
REPORTS = {"kind": "reports", "path": "reports", "key": "loan_id", "event_date": "defaulted_on"}
DATED = {
    "kind": "dated_event",
    "column": "status",
    "contains": "Charged Off",
    "date_column": "last_paid",
    "date_plus_months": 1,
}


def shipped_spec() -> ModelSpec:
    return ModelSpec.model_validate(yaml.safe_load(CONF.read_text(encoding="utf-8")))


def a_spec(**changes: Any) -> ModelSpec:
    """Monthly vintages, a label column, one month's window; ``columns`` adds to the columns."""
    document: dict[str, Any] = {
        "name": "loans",
        "title": "Loans",
        "owner": "risk",
        "model_type": "credit_risk",
        "registered_name": "loans",
        "source": {"path": "landing"},
        "row_key": "id",
        "time": {"column": "opened"},
        "columns": {
            "id": {"type": "text"},
            "opened": {"type": "date"},
            "income": {"type": "number", "min": 0, "max": 50000},
            "dependants": {"type": "integer", "nullable": True, "max_missing": 0.5},
            "home": {"type": "category", "values": ["own", "rent"]},
            "employed": {"type": "boolean"},
            "age_band": {"type": "category"},
            "bad": {"type": "integer"},
            **changes.pop("columns", {}),
        },
        "label": {"rule": {"kind": "column", "column": "bad"}, "performance_window_months": 1},
        "contract": {"rows_per_vintage": {"history": 2}},
        "protected_columns": ["age_band"],
        "features": ["income", "dependants", "home", "employed"],
        "candidates": [{"name": "lr", "algorithm": "logistic_regression"}],
        "training": {"min_vintages": 2, "min_bads": 10},
        "gate": {"holdout": {"target_bads": 20, "min_bads": 10}},
    }
    return ModelSpec.model_validate({**document, **changes})


def rows(months: int = 6, each: int = 40, first: int = 0, **changes: Any) -> pd.DataFrame:
    """Loans opened over ``months`` months from 2024-01, a quarter of them bad."""
    n = months * each
    opened = [date(2024, 1 + first + i // each, 1) + timedelta(days=i % 28) for i in range(n)]
    columns: dict[str, Any] = {
        "id": [f"L{first}-{i:05d}" for i in range(n)],
        "opened": pd.to_datetime(opened),
        "income": np.linspace(1000.0, 9000.0, n),
        "dependants": np.where(np.arange(n) % 10 == 0, np.nan, np.arange(n) % 4),
        "home": np.where(np.arange(n) % 3 == 0, "own", "rent"),
        "employed": np.arange(n) % 5 != 0,
        "age_band": np.where(np.arange(n) % 2 == 0, "18-29", "60+"),
        "bad": (np.arange(n) % 4 == 0).astype("int64"),
    }
    return pd.DataFrame({**columns, **changes})


def deliver(
    home: Path,
    frame: pd.DataFrame,
    name: str = "loans_1.parquet",
    folder: str = "landing",
    sidecar: bool = False,
) -> Path:
    path = home / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".csv"):
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    if sidecar:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{name}.sha256").write_text(f"{digest}  {name}\n")
    return path


def landed(home: Path, spec: ModelSpec, as_of: date = date(2025, 1, 1)) -> Landing:
    return read_landing(spec, home, as_of)


def labelled(
    home: Path, spec: ModelSpec, as_of: date = date(2025, 1, 1)
) -> tuple[Landing, Labelled]:
    landing = read_landing(spec, home, as_of)
    return landing, attach_labels(landing.frame, spec, as_of, reports_for(spec, home, as_of))


def files(home: Path) -> dict[str, bytes]:
    """Return what every file below a folder holds, by its path in it."""
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
