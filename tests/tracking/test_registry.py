from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected, ConfigurationError
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import registry as registering
from finrisk.tracking.client import open_client
from finrisk.tracking.quiet_mlflow import MlflowException
from finrisk.tracking.registration import drop
from finrisk.tracking.registry import VersionRegistry
from tests.services.stores import own
from tests.tracking.factories import boosted_model, features, provenance

Key = Callable[[], str]
NAME = own("credit-risk")


def registered(
    registry: VersionRegistry, trained: TrainedCandidate, key: str, name: str = NAME
) -> ModelVersion:
    return registry.register(
        name, trained, model="credit_risk", idem_key=key, description="as of 2024-10-01"
    )


def versions(settings: Settings, name: str) -> list[int]:
    found = open_client(settings).search_model_versions(f"name = '{name}'")
    return sorted(int(version.version) for version in found)


def test_registering_eight_times_makes_one_version(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, fresh_key: Key
) -> None:
    name = own("eight-times")
    key = fresh_key()

    made = [registered(registry, trained, key, name) for _ in range(8)]

    assert len(set(made)) == 1
    assert versions(settings, name) == [1]


def test_another_key_is_another_version(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    first = registered(registry, trained, fresh_key())
    second = registered(registry, trained, fresh_key())

    assert second.version == first.version + 1


def test_a_version_records_what_it_stands_for(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, fresh_key: Key
) -> None:
    made = registry.register(
        NAME, trained, model="credit_risk", idem_key=fresh_key(), extra_tags={"semver": "1.2.0"}
    )

    stored = open_client(settings).get_model_version(NAME, str(made.version))
    assert made.model == "credit_risk"
    assert made.artifact_sha256 == trained.artifact_sha256
    assert len(made.manifest_sha256) == 64
    assert stored.source == trained.model_uri
    assert stored.run_id == trained.run_id
    assert stored.tags["semver"] == "1.2.0"
    assert stored.tags["finrisk.artifact_sha256"] == trained.artifact_sha256


def test_a_lost_answer_that_made_two_versions_ends_as_the_lower_one(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = own("lost-answer")
    once = registry._client.create_model_version

    def twice(*args: object, **kwargs: object) -> object:
        once(*args, **kwargs)
        return once(*args, **kwargs)

    monkeypatch.setattr(registry._client, "create_model_version", twice)

    made = registered(registry, trained, fresh_key(), name)

    assert made.version == 1
    assert versions(settings, name) == [1]


def test_another_process_that_creates_the_model_first_does_no_harm(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = own("raced")
    registered(registry, trained, fresh_key(), name)

    not_yet = MlflowException("no such model")
    not_yet.error_code = "RESOURCE_DOES_NOT_EXIST"

    def look_up(_: str) -> None:
        raise not_yet

    monkeypatch.setattr(registry._client, "get_registered_model", look_up)

    assert registered(registry, trained, fresh_key(), name).version == 2


def test_an_alias_is_set_moved_and_read(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    name = own("aliased")
    first = registered(registry, trained, fresh_key(), name)
    second = registered(registry, trained, fresh_key(), name)

    registry.set_alias(name, "production", first.version)
    registry.set_alias(name, "production", second.version)

    assert registry.alias_version(name, "production") == second.version


def test_no_alias_and_no_model_are_none(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    registered(registry, trained, fresh_key(), own("without-alias"))

    assert registry.alias_version(own("without-alias"), "production") is None
    assert registry.alias_version(own("never-heard-of"), "production") is None


def test_a_version_that_somebody_deleted_takes_no_alias_and_does_not_verify(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, fresh_key: Key
) -> None:
    name = own("pruned")
    version = registered(registry, trained, fresh_key(), name)
    registry.set_alias(name, "production", version.version)

    open_client(settings).delete_model_version(name, str(version.version))

    assert registry.alias_version(name, "production") is None
    with pytest.raises(ArtifactRejected, match=f"{name} version 1 is not in MLflow any more"):
        registry.set_alias(name, "production", version.version)
    with pytest.raises(ArtifactRejected, match=rf"{name} version 1 .*another version"):
        registry.verify(name, version)


def test_a_registered_model_that_somebody_deleted_has_no_alias_and_takes_none(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, fresh_key: Key
) -> None:
    name = own("razed")
    version = registered(registry, trained, fresh_key(), name)
    registry.set_alias(name, "production", version.version)

    open_client(settings).delete_registered_model(name)

    assert registry.alias_version(name, "production") is None
    with pytest.raises(ArtifactRejected, match=f"{name} version 1 is not in MLflow any more"):
        registry.set_alias(name, "production", version.version)
    with pytest.raises(ArtifactRejected, match=f"{name} version 1 is not in MLflow any more"):
        registry.verify(name, version)


def test_an_alias_that_mlflow_refuses_for_another_reason_is_not_called_deleted(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    version = registered(registry, trained, fresh_key())

    with pytest.raises(ConfigurationError, match="latest"):
        registry.set_alias(NAME, "latest", version.version)


def test_two_first_writers_of_an_alias_both_succeed(settings: Settings) -> None:
    written: list[str] = []

    def set_alias(name: str, alias: str, version: str) -> None:
        written.append(version)
        if len(written) == 1:
            raise MlflowException("UNIQUE constraint failed: registered_model_aliases.name")

    registry = VersionRegistry(settings)
    registry.__dict__["_client"] = SimpleNamespace(set_registered_model_alias=set_alias)

    registry.set_alias("credit-risk", "staging", 7)

    assert written == ["7", "7"]


def test_a_version_opens_as_the_model_that_was_logged(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    version = registered(registry, trained, fresh_key())

    model, manifest = registry.open(version)

    registry.verify(NAME, version)
    assert manifest.training_window == provenance().training_window
    assert np.array_equal(model.score(features()), boosted_model().score(features()))
    assert np.array_equal(registry.load(version).score(features()), model.score(features()))


def test_a_changed_artifact_does_not_verify(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    artifact_of: Callable[[TrainedCandidate], Path],
) -> None:
    version = registered(registry, trained, fresh_key())
    mlmodel = artifact_of(trained) / "MLmodel"
    mlmodel.write_text(mlmodel.read_text() + "# edited\n")

    with pytest.raises(ArtifactRejected, match="MLmodel was changed"):
        registry.verify(NAME, version)


def test_another_digest_than_the_recorded_one_does_not_verify(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    version = registered(registry, trained, fresh_key()).replace(artifact_sha256="0" * 64)

    with pytest.raises(ArtifactRejected, match="another artifact stands in this one's place"):
        registry.verify(NAME, version)


def test_a_lost_folder_and_a_deleted_model_are_refused(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Key,
    artifact_of: Callable[[TrainedCandidate], Path],
) -> None:
    version = registered(registry, trained, fresh_key())
    shutil.rmtree(artifact_of(trained))
    with pytest.raises(ArtifactRejected, match=r"folder cannot be read|has no manifest"):
        registry.open(version)

    open_client(settings).delete_logged_model(trained.model_uri.removeprefix("models:/"))
    with pytest.raises(ArtifactRejected, match="not in MLflow any more"):
        registry.open(version)
    with pytest.raises(ArtifactRejected, match="not in MLflow any more"):
        registry.verify(NAME, version)


@pytest.fixture
def as_if_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of a remote store: list, then download into a folder that is deleted."""
    monkeypatch.setattr(registering, "local_folder", lambda _: None)


@pytest.mark.usefixtures("as_if_remote")
def test_a_remote_artifact_is_downloaded_and_verified(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    model = registry.load(registered(registry, trained, fresh_key()))

    assert np.array_equal(model.score(features()), boosted_model().score(features()))


@pytest.mark.usefixtures("as_if_remote")
def test_a_remote_artifact_with_code_is_refused_before_it_is_downloaded(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    artifact_of: Callable[[TrainedCandidate], Path],
) -> None:
    version = registered(registry, trained, fresh_key())
    (artifact_of(trained) / "code").mkdir()

    with pytest.raises(ArtifactRejected, match="the artifact holds 'code'"):
        registry.open(version)


@pytest.mark.usefixtures("as_if_remote")
def test_a_remote_artifact_with_a_link_out_of_the_store_is_refused(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    artifact_of: Callable[[TrainedCandidate], Path],
    tmp_path: Path,
) -> None:
    version = registered(registry, trained, fresh_key())
    (artifact_of(trained) / "prep.skops").rename(tmp_path / "elsewhere")
    (artifact_of(trained) / "prep.skops").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArtifactRejected, match="is a link to somewhere else"):
        registry.open(version)


def test_a_duplicate_that_another_process_dropped_first_does_no_harm(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    name = own("dropped")
    made = registered(registry, trained, fresh_key(), name)

    drop(registry._client, name, made.version)
    drop(registry._client, name, made.version)

    assert versions(registry.settings, name) == []


def test_settings_come_from_the_environment_if_not_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))

    assert VersionRegistry().settings.home == tmp_path
