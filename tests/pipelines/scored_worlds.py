"""Champions that score: of the small lender, and of a few weeks of cards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.features.derive import derive_features
from finrisk.pipelines import steps
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightRequest
from tests.data.cards import AS_OF, a_fraud_spec, land
from tests.pipelines.lender import FIRST, applications

CREDIT, CARDS = "credit_risk", "cards"
JULY = date(2024, 7, 1), date(2024, 7, 31)
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def lender_champion(shared: Settings, scope: str) -> Rooms:
    """The first night's champion, version 1; version 2 is the candidate that was not chosen."""
    rooms = Rooms.open(CREDIT, shared.in_scope(scope))
    prepared = steps.prepare(NightRequest(CREDIT, FIRST, actor="test"), rooms)
    trained = [steps.train(prepared, name, rooms) for name in prepared.candidates]
    decided = steps.promote(steps.decide(prepared, trained, rooms), rooms)
    (other,) = (one for one in trained if one.candidate != decided.candidate)
    version = rooms.registry.register(
        rooms.registered_name, other, model=CREDIT, idem_key="the-other-one"
    )
    rooms.ledger.remember_version(version)
    return rooms


def cards_champion(shared: Settings, home: Path, scope: str, **changes: Any) -> Rooms:
    """The champion of a first night on cards, in a home of its own."""
    conf = home / "conf"
    conf.mkdir(parents=True)
    document = json.loads(a_fraud_spec(**changes).model_dump_json(exclude_unset=True))
    (conf / "cards.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    land(home)
    own = {"home": home, "conf": str(conf), "scope": scope}
    rooms = Rooms.open(CARDS, shared.model_copy(update=own))
    night = run_night(NightRequest(CARDS, AS_OF, actor="test"), rooms, tell=lambda _: None)
    assert night.challenger is not None, night.reasons
    return rooms


def with_own_store(rooms: Rooms, folder: Path, now: datetime = NOW) -> Rooms:
    """The same rooms, with a store and a clock for one test."""
    settings = rooms.settings.model_copy(update={"store": folder / "store"})
    return replace(rooms, settings=settings, now=lambda: now)


def log_of(rooms: Rooms) -> DecisionLog:
    return DecisionLog.open(rooms.settings)


def july(rooms: Rooms) -> pd.DataFrame:
    """What landed of July 2024, as it landed."""
    return pd.read_parquet(applications(rooms.settings, "2024-07"))


def expected_scores(rooms: Rooms, rows: pd.DataFrame, version: int = 1) -> dict[str, float]:
    """The version's own scores of landed rows, by row key."""
    found = rooms.ledger.version(rooms.spec.name, version)
    assert found is not None
    scores = rooms.registry.load(found).score(derive_features(rows, rooms.spec))
    return dict(zip(rows[rooms.spec.row_key], scores.tolist(), strict=True))


def read_scores(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def written(rooms: Rooms, folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """July's applications as a batch, with one change."""
    path = folder / "batch.parquet"
    change(july(rooms)).to_parquet(path, index=False)
    return path
