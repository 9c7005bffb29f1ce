from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import (
    ArtifactRejected,
    ConfigurationError,
    EvidenceMissing,
    PromotionError,
    UnknownModel,
    Unreachable,
)
from finrisk.ledger.store import Ledger
from finrisk.monitoring.mlflow_tracker import (
    FinRiskModelRegistry,
    HoldWarning,
    log_credit_risk_model,
    model_registry,
    register_model_to_production,
)
from finrisk.records import PromotionKind
from finrisk.tracking.client import open_client
from tests.monitoring.factories import arguments, frames
from tests.services.stores import mlflow_artifacts, on_files, own


@pytest.fixture(scope="module")
def run_id(home: Path) -> str:
    return log_credit_risk_model(**arguments("xgboost"))


@pytest.fixture(scope="module")
def useless(home: Path) -> str:
    """A run whose test labels its model cannot rank."""
    chance = pd.Series(np.random.default_rng(3).integers(0, 2, size=300))
    return log_credit_risk_model(**arguments("xgboost", y_test=chance))


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name[:60]


def alias(name: str, word: str) -> int | None:
    settings = model_registry.settings
    registered = open_client(settings).get_registered_model(settings.scoped_registered_name(name))
    found = registered.aliases.get(word)
    return None if found is None else int(found)


def ledger() -> Ledger:
    return Ledger.open(model_registry.settings)


def test_the_same_run_is_the_same_version(run_id: str, name: str) -> None:
    first = model_registry.register_model(run_id, name)

    assert model_registry.register_model(run_id, name) == first == 1


def test_staging_is_an_alias_and_development_its_absence(run_id: str, name: str) -> None:
    version = model_registry.register_model(run_id, name)
    assert alias(name, "staging") is None

    model_registry.promote_model(name, version, "Staging")
    assert alias(name, "staging") == version

    model_registry.promote_model(name, version, "Development")
    assert alias(name, "staging") is None
    with ledger() as book:
        assert book.champion(name) is None


def test_a_first_champion_that_reaches_the_floors_is_recorded_as_bootstrap(
    run_id: str, name: str
) -> None:
    version = model_registry.register_model(run_id, name)

    model_registry.promote_model(name, version)

    with ledger() as book:
        [link] = book.history(name)
        evidence = book.evidence(link.evidence_sha256 or "")
    assert (link.kind, link.version, link.projected) == (PromotionKind.BOOTSTRAP, version, True)
    assert evidence is not None
    assert evidence.facts.challenger_metrics["auc"] > 0.6
    assert alias(name, "production") == version


def test_promoting_the_champion_again_is_the_same_promotion(run_id: str, name: str) -> None:
    version = model_registry.register_model(run_id, name)
    model_registry.promote_model(name, version, "Production")

    model_registry.promote_model(name, version, "Production")

    with ledger() as book:
        assert len(book.history(name)) == 1


def test_a_first_champion_below_the_floors_is_held(useless: str, name: str) -> None:
    version = model_registry.register_model(useless, name)

    with pytest.raises(EvidenceMissing, match="no champion yet, and"):
        model_registry.promote_model(name, version, "Production")
    with pytest.warns(HoldWarning, match="not in Production"):
        assert register_model_to_production(useless, name) == version
    with pytest.raises(UnknownModel, match=r"got versions \[1\]"):
        model_registry.load_production_model(name)


def test_the_signed_figures_decide_and_not_those_that_anybody_may_edit(
    useless: str, name: str
) -> None:
    open_client(model_registry.settings).log_metric(useless, "auc", 0.99)
    version = model_registry.register_model(useless, name)

    with pytest.raises(EvidenceMissing):
        model_registry.promote_model(name, version, "Production")


def test_a_champion_is_replaced_only_by_force_with_a_name_and_a_reason(
    run_id: str, name: str
) -> None:
    first = register_model_to_production(run_id, name)
    other = log_credit_risk_model(**arguments("random_forest"))
    second = model_registry.register_model(other, name)

    with pytest.raises(EvidenceMissing, match="no passing evidence"):
        model_registry.promote_model(name, second, "Production")
    with pytest.raises(EvidenceMissing):
        model_registry.promote_model(name, second, "Production", force=True)
    assert model_registry.load_production_model(name).algorithm == "xgboost"

    model_registry.promote_model(
        name, second, "Production", force=True, actor="anna", reason="signed off"
    )

    assert model_registry.load_production_model(name).algorithm == "random_forest"
    with ledger() as book:
        last = book.history(name)[-1]
        assert book.verify(name) == 2
    assert (last.kind, last.actor, last.previous_version) == (PromotionKind.FORCED, "anna", first)


def test_a_nightly_model_gets_its_first_champion_from_its_nights(run_id: str) -> None:
    version = model_registry.register_model(run_id, "credit_risk")

    with pytest.raises(EvidenceMissing, match="judged by no night"):
        model_registry.promote_model("credit-risk", version, "Production")

    assert alias("credit-risk", "production") is None


@pytest.mark.parametrize(
    ("version", "stage", "error", "says"),
    [
        (1, "Archived", ConfigurationError, "Development or Staging or Production"),
        ("first", "Staging", ConfigurationError, "no version"),
        (1.9, "Staging", ConfigurationError, "no version"),
        (True, "Staging", ConfigurationError, "no version"),
        (float("inf"), "Production", ConfigurationError, "no version"),
        (2**70, "Staging", ConfigurationError, "no version"),
        (9, "Staging", UnknownModel, "has no version 9; expected one of: 1"),
        (9, "Production", UnknownModel, "has no version 9"),
    ],
)
def test_what_cannot_be_promoted_is_said_clearly(
    run_id: str, version: Any, stage: str, error: type[Exception], says: str
) -> None:
    model_registry.register_model(run_id, "said_clearly")

    with pytest.raises(error, match=says):
        model_registry.promote_model("said_clearly", version, stage)


@pytest.mark.parametrize("name", ["", None, "a/b", "a:b", "O'Brien"])
def test_a_name_that_mlflow_refuses_is_refused_before_anything_is_asked(
    run_id: str, name: Any
) -> None:
    for call in (
        lambda: model_registry.register_model(run_id, name),
        lambda: model_registry.promote_model(name, 1),
        lambda: model_registry.load_production_model(name),
    ):
        with pytest.raises(ConfigurationError, match="no name for a model"):
            call()


def test_a_champion_cannot_go_back_to_development(run_id: str, name: str) -> None:
    version = register_model_to_production(run_id, name)

    with pytest.raises(PromotionError, match="stays in Production"):
        model_registry.promote_model(name, version, "Development")


def test_two_test_rows_make_no_champion(home: Path, name: str) -> None:
    X_test, y_test = frames()[1], frames()[3]
    two = [int(np.flatnonzero(y_test == 0)[0]), int(np.flatnonzero(y_test == 1)[0])]
    changes = {"X_test": X_test.iloc[two], "y_test": y_test.iloc[two]}
    run_id = log_credit_risk_model(**arguments("xgboost", **changes))
    version = model_registry.register_model(run_id, name)

    with pytest.raises(EvidenceMissing, match="1 bads in the rows it was logged with"):
        model_registry.promote_model(name, version)


def test_nothing_of_that_name_is_in_production(home: Path) -> None:
    with pytest.raises(UnknownModel, match="no registered version"):
        model_registry.load_production_model("never_heard_of")


def test_a_champion_whose_artifact_was_changed_is_loaded_from_its_copy_alone(name: str) -> None:
    run_id = log_credit_risk_model(**arguments("logistic_regression"))
    register_model_to_production(run_id, name)
    settings = model_registry.settings
    with ledger() as book:
        version = book.versions(name)[0]
    logged = open_client(settings).get_logged_model(version.model_uri.removeprefix("models:/"))
    (folder,) = mlflow_artifacts(settings.artifacts).glob(f"**/{logged.model_id}/artifacts")
    artifact = folder / "model.skops"
    artifact.write_bytes(artifact.read_bytes() + b" ")

    assert FinRiskModelRegistry().load_production_model(name).algorithm == "logistic_regression"
    shutil.rmtree(settings.store / "champions" / version.artifact_sha256[:2])
    with pytest.raises(ArtifactRejected):
        FinRiskModelRegistry().load_production_model(name)


def test_a_run_without_a_model_of_ours_cannot_be_registered(home: Path) -> None:
    client = open_client(model_registry.settings)
    run = client.create_run(client.create_experiment(own("somebody's")))

    with pytest.raises(ArtifactRejected, match="holds no FinRisk model"):
        model_registry.register_model(run.info.run_id, "not_ours")


@on_files("it is about relative addresses of SQLite files")
def test_it_follows_the_environment_after_import(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = FinRiskModelRegistry()
    assert registry.registry_uri == f"sqlite:///{home}/mlflow.db"

    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))

    assert registry.registry_uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_registry_of_another_address_is_asked_there(home: Path) -> None:
    registry = FinRiskModelRegistry(registry_uri="sqlite:///elsewhere.db")

    assert registry.registry_uri == f"sqlite:///{home}/elsewhere.db"


def test_a_servers_ledger_is_never_made_by_the_way(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", "postgresql+psycopg://nobody@127.0.0.1:1/ledger")

    with pytest.raises(Unreachable):
        model_registry.load_production_model("credit_risk")


def test_what_is_loaded_again_comes_from_memory(
    run_id: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finrisk.tracking.registry import VersionRegistry

    register_model_to_production(run_id, name)
    loads: list[object] = []
    load: Callable[..., object] = VersionRegistry.load
    monkeypatch.setattr(
        VersionRegistry, "load", lambda self, version: loads.append(version) or load(self, version)
    )
    registry = FinRiskModelRegistry()

    one, other = registry.load_production_model(name), registry.load_production_model(name)

    assert one is other
    assert len(loads) == 1
    assert len(one.predict(frames()[1])) == 300
