"""Scored rows for the decision log, with the one change that a test is about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_rows import DecidedBy, ScoredRows
from finrisk.data.row_hashing import RowHasher
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import a_spec

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 2)
AT = datetime(2024, 3, 3, 2, tzinfo=UTC)
HASHER = RowHasher(bytes(range(32)))


def logged_spec(**changes: Any) -> ModelSpec:
    """Loans with a declared slice, and branches whose loans move together."""
    gate = {
        "clusters": ["branch"],
        "guards": {"slices": {"columns": ["channel"]}},
        "holdout": {"target_bads": 20, "min_bads": 10},
    }
    columns = {
        "branch": {"type": "text"},
        "channel": {"type": "category", "values": ["web", "shop"]},
    }
    return a_spec(**({"columns": columns, "gate": gate} | changes))


def decided_by(**changes: Any) -> DecidedBy:
    good: dict[str, Any] = {
        "model": "loans",
        "version": 3,
        "epoch": 2,
        "artifact_sha256": "ab" * 32,
        "cutoff": 0.5,
    }
    return DecidedBy(**(good | changes))


def scored_rows(count: int = 4, day: date = DAY, first: int = 0, **changes: Any) -> ScoredRows:
    numbers = np.arange(first, first + count)
    scores = (numbers % 10) / 10.0
    features = pd.DataFrame(
        {
            "income": np.where(numbers % 3 == 0, np.nan, 100.0 * numbers),
            "dependants": numbers.astype("float64"),
            "home": pd.Series(np.where(numbers % 2, "own", "missing"), dtype="str"),
            "employed": np.ones(count),
        }
    )
    beside = pd.DataFrame(
        {
            "channel": pd.Series(np.where(numbers % 2, "web", "shop"), dtype="str"),
            "branch": pd.Series(np.where(numbers % 2, "B-1", None), dtype="str"),
        }
    )
    good: dict[str, Any] = {
        "ids": pd.Series([f"loan-{n:04d}" for n in numbers], dtype="str"),
        "days": np.full(count, np.datetime64(day)),
        "scores": pa.array(scores),
        "decisions": pa.array(np.where(scores >= 0.5, "decline", "approve")),
        "features": features,
        "beside": beside,
    }
    return ScoredRows(**(good | changes))


def a_log(tmp_path: Path, scope: str = "live") -> DecisionLog:
    return DecisionLog(tmp_path / "store" / "decisions", scope, HASHER)
