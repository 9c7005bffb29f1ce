"""Champions in a real MLflow store, after what people and disks do to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking.champion_registry import ChampionRegistry, Condition
from finrisk.tracking.client import open_client
from finrisk.tracking.quiet_mlflow import MlflowException
from tests.tracking.factories import boosted_model, features

Key = Callable[[], str]
ArtifactOf = Callable[[TrainedCandidate], Path]
SCORES = boosted_model().score(features())


@pytest.fixture
def champions(settings: Settings, tmp_path: Path) -> ChampionRegistry:
    """A registry on the shared store whose copies are this test's own."""
    own = settings.model_copy(update={"store": tmp_path / "store"})
    return ChampionRegistry(own)


@pytest.fixture
def name(fresh_key: Key) -> str:
    return f"credit-risk-{fresh_key()}"


@pytest.fixture
def version(
    champions: ChampionRegistry, trained: TrainedCandidate, name: str, fresh_key: Key
) -> ModelVersion:
    """A version that was promoted: verified, and its copy kept."""
    made = champions.register(name, trained, model="credit_risk", idem_key=fresh_key())
    champions.verify(name, made)
    return made


def as_before(champions: ChampionRegistry, version: ModelVersion) -> bool:
    return bool(np.array_equal(champions.load(version).score(features()), SCORES))


def test_a_promoted_version_is_as_the_ledger_has_it(
    champions: ChampionRegistry, version: ModelVersion, name: str
) -> None:
    assert champions.examine(name, version) == Condition()


def test_the_copy_serves_where_mlflow_is_away(
    champions: ChampionRegistry, version: ModelVersion, settings: Settings, refusing_port: int
) -> None:
    gone = f"http://127.0.0.1:{refusing_port}"
    away = ChampionRegistry(
        champions.settings.model_copy(update={"tracking_uri": gone, "registry_uri": gone})
    )

    assert as_before(away, version)
    away.verify_copy(version)


@pytest.mark.parametrize("harm", ["edited", "lost"])
def test_a_spoilt_artifact_is_found_served_from_the_copy_and_put_back(
    champions: ChampionRegistry,
    version: ModelVersion,
    name: str,
    trained: TrainedCandidate,
    artifact_of: ArtifactOf,
    harm: str,
) -> None:
    folder = artifact_of(trained)
    if harm == "edited":
        (folder / "MLmodel").write_text("loader_module: evil\n")
        (folder / "evil.py").write_text("raise SystemExit")
    else:
        shutil.rmtree(folder)

    found = champions.examine(name, version)

    assert found.artifact is not None
    assert (found.registered, found.copy) == (None, None)
    assert as_before(champions, version)
    champions.put_back(version)
    assert champions.examine(name, version) == Condition()
    champions.verify(name, version)
    assert not (folder / "evil.py").exists()


def test_without_a_copy_a_spoilt_artifact_cannot_be_put_back(
    champions: ChampionRegistry,
    version: ModelVersion,
    trained: TrainedCandidate,
    artifact_of: ArtifactOf,
) -> None:
    (artifact_of(trained) / "MLmodel").unlink()
    shutil.rmtree(champions.copies.root)

    with pytest.raises(ArtifactRejected):
        champions.put_back(version)


def test_a_lost_copy_is_kept_anew_and_a_spoilt_one_is_told_as_well(
    champions: ChampionRegistry, version: ModelVersion, name: str
) -> None:
    shutil.rmtree(champions.copies.root)
    assert champions.examine(name, version) == Condition()
    champions.verify_copy(version)

    (champions.copies.folder(version.artifact_sha256) / "MLmodel").unlink()
    found = champions.examine(name, version)

    assert found.copy is not None
    champions.verify_copy(version)


def delete_version(client: object, name: str, version: ModelVersion) -> None:
    client.delete_model_version(name, str(version.version))  # type: ignore[attr-defined]


def delete_registered_model(client: object, name: str, version: ModelVersion) -> None:
    client.delete_registered_model(name)  # type: ignore[attr-defined]


def delete_logged_model(client: object, name: str, version: ModelVersion) -> None:
    client.delete_logged_model(version.model_uri.removeprefix("models:/"))  # type: ignore[attr-defined]


def delete_version_and_logged_model(client: object, name: str, version: ModelVersion) -> None:
    delete_version(client, name, version)
    delete_logged_model(client, name, version)
    client.delete_run(version.run_id)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "delete",
    [
        delete_version,
        delete_registered_model,
        delete_logged_model,
        delete_version_and_logged_model,
    ],
)
def test_what_was_deleted_is_registered_again_once_with_the_same_bytes(
    champions: ChampionRegistry,
    version: ModelVersion,
    name: str,
    settings: Settings,
    fresh_key: Key,
    delete: Callable[[object, str, ModelVersion], None],
) -> None:
    client, key = open_client(settings), fresh_key()
    delete(client, name, version)
    assert champions.examine(name, version).registered is not None

    again = [
        champions.register_again(name, version, idem_key=key, known=[version]) for _ in range(3)
    ]

    assert len(set(again)) == 1
    # only a registry that was deleted whole counts anew, and then gives the same number again
    assert again[0] == version if delete is delete_registered_model else again[0].version > 1
    assert again[0].artifact_sha256 == version.artifact_sha256
    assert champions.examine(name, again[0]) == Condition()
    champions.verify(name, again[0])
    champions.set_alias(name, "production", again[0].version)
    assert champions.alias_version(name, "production") == again[0].version


def test_without_bytes_nothing_is_registered_again(
    champions: ChampionRegistry,
    version: ModelVersion,
    name: str,
    settings: Settings,
    fresh_key: Key,
) -> None:
    delete_version_and_logged_model(open_client(settings), name, version)
    shutil.rmtree(champions.copies.root)

    with pytest.raises(ArtifactRejected):
        champions.register_again(name, version, idem_key=fresh_key(), known=[version])

    with pytest.raises(MlflowException):
        open_client(settings).get_model_version(name, str(version.version))
