"""What people do in MLflow's UI, over REST on a real server: found, mended and reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.promotion.reconcile import Reconciliation, reconcile
from finrisk.promotion.rollback import roll_back
from finrisk.records import PromotionKind
from finrisk.tracking.champion_registry import ChampionRegistry, Condition
from finrisk.tracking.client import open_client
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.signing import create_keys
from tests.tracking.factories import (
    boosted_model,
    candidate_log,
    features,
    prepared_night,
    provenance,
)

SERVER = os.environ.get("TEST_MLFLOW_URL", "")
MODEL, NAME = "credit_risk", "credit-risk"
DAY, AT = date(2026, 3, 1), datetime(2026, 3, 1, 2, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not SERVER, reason="TEST_MLFLOW_URL names no mlflow server")


@dataclass
class Lender:
    """Two champions on a server, the second one in Production."""

    settings: Settings
    ledger: Ledger
    registry: ChampionRegistry

    @property
    def name(self) -> str:
        return self.settings.scoped_registered_name(NAME)

    def asks(self, method: str, path: str, **told: Any) -> None:
        """Do as MLflow's UI does."""
        answer = httpx.request(method, f"{SERVER}/api/2.0/{path}", timeout=30, **told)
        assert answer.is_success, answer.text

    def deletes_version(self, version: int) -> None:
        told = {"name": self.name, "version": str(version)}
        self.asks("DELETE", "mlflow/model-versions/delete", json=told)

    def moves_alias(self, version: int) -> None:
        told = {"name": self.name, "alias": "production", "version": str(version)}
        self.asks("POST", "mlflow/registered-models/alias", json=told)

    def artifact(self, version: int) -> str:
        """The path of a version's files on the server."""
        known = self.ledger.version(MODEL, version)
        assert known is not None
        logged = open_client(self.settings).get_logged_model(known.model_uri.split("/")[-1])
        return str(logged.artifact_location).removeprefix("mlflow-artifacts:/").lstrip("/")

    def reconciles(self) -> Reconciliation:
        return reconcile(self.ledger, self.registry, MODEL, self.name, as_of=DAY, at=AT)

    def serves(self) -> Any:
        champion = self.ledger.champion(MODEL)
        assert champion is not None
        version = self.ledger.version(MODEL, champion.version)
        assert version is not None
        return self.registry.load(version).score(features())


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    settings = Settings(
        home=tmp_path,
        tracking_uri=SERVER,
        experiment_name="humans",
        scope=f"h{uuid4().hex[:8]}",
        threads=1,
        remote_retries=1,
    )
    create_keys(settings.keys)
    migrate(settings.ledger_url.get_secret_value())
    tracker, registry = NightTracker(settings), ChampionRegistry(settings)
    with Ledger.open(settings) as ledger:
        made = Lender(settings, ledger, registry)
        run_id = tracker.start_night(prepared_night(), uuid4().hex)
        for seed in (1, 2):
            log = candidate_log(provenance=provenance(run_key=uuid4().hex, seed=seed))
            trained = tracker.log_candidate(run_id, log)
            version = registry.register(made.name, trained, model=MODEL, idem_key=uuid4().hex)
            ledger.remember_version(version)
            promote_by_hand(
                ledger,
                registry,
                made.name,
                MODEL,
                version.version,
                force=True,
                actor="anna",
                reason="a drill",
                as_of=DAY,
                at=AT,
            )
        yield made


SCORES = boosted_model().score(features())


def test_an_alias_moved_in_the_ui_is_moved_back(lender: Lender) -> None:
    lender.moves_alias(1)

    found = lender.reconciles()

    assert [(d.alias, d.registry_version, d.repaired) for d in found.differences] == [
        ("production", 1, True)
    ]
    assert lender.registry.alias_version(lender.name, "production") == 2


def test_a_champion_deleted_in_the_ui_goes_on_serving_and_is_registered_again(
    lender: Lender,
) -> None:
    lender.deletes_version(2)
    assert np.array_equal(lender.serves(), SCORES)

    found = lender.reconciles()

    last = lender.ledger.history(MODEL)[-1]
    assert (last.kind, last.version) == (PromotionKind.RESTORED, 3)
    assert [damage.repaired for damage in found.damages] == [True]
    assert lender.registry.alias_version(lender.name, "production") == 3
    assert lender.ledger.verify(MODEL) == 3


@pytest.mark.parametrize("harm", ["edited", "a file lost", "a file more"])
def test_files_changed_on_the_server_are_put_back_from_the_copy(lender: Lender, harm: str) -> None:
    place = f"mlflow-artifacts/artifacts/{lender.artifact(2)}"
    if harm == "edited":
        lender.asks("PUT", f"{place}/model.ubj", content=b"pickled")
    elif harm == "a file lost":
        lender.asks("DELETE", f"{place}/MLmodel")
    else:
        lender.asks("PUT", f"{place}/code.py", content=b"raise SystemExit")
    assert np.array_equal(lender.serves(), SCORES)

    found = lender.reconciles()

    version = lender.ledger.version(MODEL, 2)
    assert version is not None
    assert [(d.place, d.repaired) for d in found.damages] == [("artifact", True)]
    assert lender.registry.examine(lender.name, version) == Condition()
    lender.registry.open_stored(version)


def test_a_predecessor_deleted_in_the_ui_can_still_be_rolled_back_to(lender: Lender) -> None:
    lender.deletes_version(1)

    roll_back(
        lender.ledger,
        lender.registry,
        lender.name,
        MODEL,
        to_version=None,
        actor="anna",
        reason="complaints",
        as_of=DAY,
        at=AT,
    )
    lender.reconciles()

    champion = lender.ledger.champion(MODEL)
    first = lender.ledger.version(MODEL, 1)
    assert champion is not None
    assert first is not None
    assert champion.artifact_sha256 == first.artifact_sha256
    assert lender.registry.alias_version(lender.name, "production") == champion.version


def test_a_registered_model_deleted_in_the_ui_comes_back_with_its_aliases(lender: Lender) -> None:
    lender.asks("DELETE", "mlflow/registered-models/delete", json={"name": lender.name})

    lender.reconciles()

    champion = lender.ledger.champion(MODEL)
    assert champion is not None
    assert lender.registry.alias_version(lender.name, "production") == champion.version
    assert np.array_equal(lender.serves(), SCORES)
