"""Candidates as MLflow holds them, and taken out of it; beside the runs of other tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import cleaning
from finrisk.tracking.cleaning import MlflowCleaner
from finrisk.tracking.holdings import CandidateRun
from finrisk.tracking.listing import RegisteredVersion
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.quiet_mlflow import MlflowException
from finrisk.tracking.recorded_params import recorded_params
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.run_writer import RunContents
from tests.services.stores import SERVER, on_files, own
from tests.tracking.factories import candidate_log, prepared_night, provenance

ArtifactOf = Callable[[TrainedCandidate], Path]


@pytest.fixture
def cleaner(settings: Settings) -> MlflowCleaner:
    return MlflowCleaner(settings)


@pytest.fixture
def version(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Callable[[], str]
) -> ModelVersion:
    return registry.register(own("cleaning"), trained, model="credit_risk", idem_key=fresh_key())


def held(cleaner: MlflowCleaner, trained: TrainedCandidate) -> CandidateRun:
    found = {run.run_id: run for run in cleaner.holdings().candidates}
    return found[trained.run_id]


def test_a_candidate_is_held_with_all_that_hangs_on_it(
    cleaner: MlflowCleaner, trained: TrainedCandidate, version: ModelVersion
) -> None:
    name = own("cleaning")
    cleaner._client.set_registered_model_alias(name, "staging", str(version.version))

    run = held(cleaner, trained)

    model_id = trained.model_uri.removeprefix("models:/")
    assert (run.scope, run.model, run.of_a_night, run.deleted) == (
        "live",
        "credit_risk",
        True,
        False,
    )
    assert run.artifact_sha256 == trained.artifact_sha256
    assert run.model_ids == (model_id,)
    assert run.versions == (RegisteredVersion(name, version.version, "credit_risk", ("staging",)),)
    assert run.last_used is not None
    assert run.elsewhere is bool(SERVER)  # a server's files are not this machine's to remove


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ("2199-01-01T00:00:00+00:00", datetime(2199, 1, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("2199-01-01T00:00:00", None),
    ],
)
def test_a_candidate_was_used_when_it_was_last_resumed_and_what_cannot_be_told_is_unknown(
    cleaner: MlflowCleaner, trained: TrainedCandidate, told: str, used: datetime | None
) -> None:
    cleaner._client.set_tag(trained.run_id, "finrisk.used_at", told)

    assert held(cleaner, trained).last_used == used


def test_a_night_is_held_with_its_snapshot(cleaner: MlflowCleaner, trained: object) -> None:
    nights = cleaner.holdings().nights

    assert "5" * 64 in {night.snapshot_sha256 for night in nights}
    assert {night.model for night in nights} >= {"credit_risk"}


def test_the_search_under_a_candidate_goes_with_it(
    cleaner: MlflowCleaner, tracker: NightTracker, fresh_key: Callable[[], str]
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(
        provenance=provenance(run_key=fresh_key()),
        tuning=RunContents(documents={"trials.json": {"trials": []}}),
    )
    run = held(cleaner, tracker.log_candidate(night, log))
    (search,) = run.children

    assert cleaner.remove(run) == []

    assert cleaner._client.get_run(search).info.lifecycle_stage == "deleted"


@on_files("a server's files are not this machine's to remove")
def test_the_folders_of_a_candidate_of_its_model_and_of_its_search_go_with_it(
    cleaner: MlflowCleaner, trained: TrainedCandidate
) -> None:
    run = held(cleaner, trained)
    model_id = trained.model_uri.removeprefix("models:/")
    assert {folder.name for folder in run.folders} == {trained.run_id, model_id, *run.children}
    assert run.children

    cleaner.remove(run)

    assert not any(folder.exists() for folder in run.folders)


def test_a_candidate_that_was_taken_out_is_gone_everywhere_and_can_be_taken_out_again(
    cleaner: MlflowCleaner, trained: TrainedCandidate, version: ModelVersion
) -> None:
    run = held(cleaner, trained)

    assert cleaner.remove(run) == []
    left = cleaner.remove(run)

    assert all("No such file" in sentence for sentence in left)
    after = held(cleaner, trained)
    assert (after.deleted, after.folders, after.versions) == (True, (), ())
    with pytest.raises(MlflowException, match="not found"):
        cleaner._client.get_logged_model(trained.model_uri.removeprefix("models:/"))


def test_what_mlflow_refuses_otherwise_is_not_taken_for_gone(
    cleaner: MlflowCleaner, trained: TrainedCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(run_id: str) -> None:
        raise MlflowException("no", error_code=9)

    run = held(cleaner, trained)
    monkeypatch.setattr(cleaner._client, "delete_run", refused)

    with pytest.raises(ConfigurationError):
        cleaner.remove(run)
    assert all(folder.exists() for folder in run.folders)


def test_a_version_made_since_the_listing_is_seen(
    cleaner: MlflowCleaner,
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Callable[[], str],
) -> None:
    run = held(cleaner, trained)
    assert not cleaner.registered_meanwhile(run)

    registry.register(own("cleaning"), trained, model="credit_risk", idem_key=fresh_key())

    assert cleaner.registered_meanwhile(run)
    assert not cleaner.registered_meanwhile(held(cleaner, trained))


def test_a_run_whose_tag_is_unreadable_is_held_without_an_artifact(
    cleaner: MlflowCleaner, trained: TrainedCandidate
) -> None:
    cleaner._client.set_tag(trained.run_id, "finrisk.trained", "{half")

    assert held(cleaner, trained).artifact_sha256 == ""


# which snapshot a version was fitted on


def test_a_signed_manifest_tells_the_snapshot(
    cleaner: MlflowCleaner, version: ModelVersion
) -> None:
    assert cleaner.snapshot_of(version) == "5" * 64


def test_a_manifest_in_a_servers_store_tells_it_too(
    cleaner: MlflowCleaner, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "local_folder", lambda _: None)

    assert cleaner.snapshot_of(version) == "5" * 64


def forged(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"5" * 64, b"4" * 64))


def without_signature(folder: Path) -> None:
    (folder / "manifest.sig").unlink()


@pytest.mark.parametrize("spoil", [forged, without_signature])
@pytest.mark.parametrize("on_a_server", [False, True])
def test_a_manifest_that_proves_nothing_tells_nothing(
    cleaner: MlflowCleaner,
    version: ModelVersion,
    trained: TrainedCandidate,
    artifact_of: ArtifactOf,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    on_a_server: bool,
) -> None:
    spoil(artifact_of(trained))
    if on_a_server:
        monkeypatch.setattr(cleaning, "local_folder", lambda _: None)

    assert cleaner.snapshot_of(version) is None


def test_another_manifest_than_the_recorded_one_tells_nothing(
    cleaner: MlflowCleaner, version: ModelVersion
) -> None:
    assert cleaner.snapshot_of(version.replace(manifest_sha256="0" * 64)) is None
    assert cleaner.snapshot_of(version.replace(manifest_sha256="")) == "5" * 64


def test_a_version_whose_model_is_gone_tells_nothing(
    cleaner: MlflowCleaner, version: ModelVersion
) -> None:
    assert cleaner.snapshot_of(version.replace(model_uri=f"models:/m-{'0' * 32}")) is None


def another_fault(*_: object) -> None:
    raise MlflowException("no", error_code=9)


def test_a_fault_of_mlflow_is_not_taken_for_a_model_that_is_gone(
    cleaner: MlflowCleaner, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner._client, "get_logged_model", another_fault)

    with pytest.raises(ConfigurationError):
        cleaner.snapshot_of(version)


# what a run was logged with


def test_a_fault_of_mlflow_is_not_taken_for_a_run_that_is_gone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SimpleNamespace(get_run=another_fault)
    monkeypatch.setattr("finrisk.tracking.recorded_params.open_client", lambda _: client)

    with pytest.raises(ConfigurationError):
        recorded_params(settings, "0" * 32)


def test_a_runs_parameters_are_read_and_an_unknown_run_has_none(
    settings: Settings, tracker: NightTracker, fresh_key: Callable[[], str]
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(
        provenance=provenance(run_key=fresh_key()), contents=RunContents(params={"max_depth": 3})
    )
    trained = tracker.log_candidate(night, log)

    assert recorded_params(settings, trained.run_id) == {"max_depth": "3"}
    assert recorded_params(settings, "0" * 32) is None
