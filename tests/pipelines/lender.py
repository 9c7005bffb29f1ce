"""A small simulated lender: the shipped spec with a smaller search, on a shared MLflow store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from finrisk.config import Settings
from finrisk.data.simulated_delivery import land
from finrisk.data.simulated_lender import SimulatedLender
from finrisk.pipelines import steps
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import LookKind, NightDecision, NightRequest
from finrisk.specs.loader import load_spec
from tests.specs.factories import CREDIT_RISK

FIRST, SECOND, THIRD = date(2024, 8, 5), date(2024, 9, 5), date(2024, 10, 5)
LENDER = SimulatedLender(seed=5, applications_per_month=500, drift_month=None)
Change = Callable[[dict[str, Any]], None]


def small_document() -> dict[str, Any]:
    """The shipped spec, made to train in a second."""
    document: dict[str, Any] = yaml.safe_load(CREDIT_RISK.read_text())
    document["candidates"] = [
        {"name": "lr", "algorithm": "logistic_regression", "parameters": {"C": 0.3}},
        {
            "name": "xgb",
            "algorithm": "xgboost",
            "parameters": {"n_estimators": 15, "max_depth": 2, "learning_rate": 0.3},
        },
    ]
    document["training"] |= {"max_vintages": 8, "search": {"folds": 2}}
    document["gate"]["holdout"] |= {"target_bads": 120, "min_bads": 100}
    document["gate"]["floors"] = {"auc": 0.6, "ks": 0.1}
    document["gate"]["guards"]["replicates"] = 200
    document["contract"]["rows_per_vintage"] = {"min_ratio": 0.5, "max_ratio": 2.0}
    return document


def write_spec(conf: Path, change: Change | None = None) -> None:
    """Write the small spec into a conf folder, with one change."""
    document = small_document()
    if change is not None:
        change(document)
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "credit_risk.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def deliver(settings: Settings, to: date) -> None:
    """Land what the small lender had delivered by a day."""
    spec = load_spec(settings.conf_locations[0] / "credit_risk.yaml")
    land(LENDER, spec, settings.home, to)


def lender_of_its_own(shared: Settings, home: Path, change: Change | None = None) -> Settings:
    """A landing folder and a spec to spoil, on the shared MLflow store and ledger."""
    write_spec(home / "conf" / "models", change)
    shutil.copytree(shared.home / "landing", home / "landing")
    return Settings(
        home=home,
        tracking_uri=shared.tracking_uri,
        registry_uri=shared.registry_uri,
        ledger_url=shared.ledger_url,
        store=shared.store,
        artifacts=shared.artifacts,
        keys=shared.keys,
        scope=shared.scope,
        threads=1,
        pictures=False,
    )


def night(rooms: Rooms, as_of: date, **changes: Any) -> NightDecision:
    """Run one night in this process."""
    request = NightRequest(
        model="credit_risk", as_of=as_of, look=LookKind.SCHEDULED, actor="test", reason="a test"
    )
    return run_night(request.replace(**changes), rooms, tell=lambda _: None)


def decided(rooms: Rooms, as_of: date) -> NightDecision:
    """Run a night up to its decision, and do not carry it out."""
    prepared = steps.prepare(NightRequest(model="credit_risk", as_of=as_of, actor="test"), rooms)
    trained = [steps.train(prepared, name, rooms) for name in prepared.candidates]
    return steps.decide(prepared, trained, rooms)


def applications(settings: Settings, month: str) -> Path:
    """One month's partition of the small lender."""
    return settings.home / "landing" / "credit_risk" / f"applications_{month}.parquet"


def redeliver(path: Path, frame: pd.DataFrame) -> None:
    """Write a partition as its sender would, without a digest beside it."""
    frame.to_parquet(path, index=False)
    path.with_name(path.name + ".sha256").unlink()


def no_sidecar(document: dict[str, Any]) -> None:
    """Let partitions come without a digest, as after :func:`redeliver`."""
    document["source"]["digest_sidecar"] = "if_present"
