from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.tracking.client import (
    TRACKING_URI,
    answering,
    find_experiment,
    initialise_store,
    open_client,
    process_default,
)
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.quiet_mlflow import QUIET, MlflowException, mlflow
from finrisk.tracking.registry import VersionRegistry
from tests.services.stores import on_files
from tests.tracking.factories import prepared_night


def remote(port: int, **changes: object) -> Settings:
    made = {
        "home": Path("/nonexistent"),
        "tracking_uri": f"http://anna:s3cret@127.0.0.1:{port}",
        "registry_uri": "",
        "remote_retries": 0,
        "remote_timeout_seconds": 1,
    }
    return Settings(**{**made, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("retries", [0, 1])
def test_a_dead_server_is_unreachable_within_seconds(refusing_port: int, retries: int) -> None:
    began = time.monotonic()

    with pytest.raises(Unreachable) as raised:
        NightTracker(remote(refusing_port, remote_retries=retries)).start_night(
            prepared_night(), "key"
        )

    assert time.monotonic() - began < 5
    assert f"expected an answer from http://127.0.0.1:{refusing_port}" in str(raised.value)
    assert "remedy: start it, or correct MLFLOW_TRACKING_URI" in str(raised.value)


def test_a_hanging_server_is_unreachable_within_seconds(hanging_port: int) -> None:
    began = time.monotonic()

    with pytest.raises(Unreachable, match="MLflow does not answer"):
        VersionRegistry(remote(hanging_port)).alias_version("credit-risk", "production")

    assert time.monotonic() - began < 5


def test_no_password_is_in_the_error_or_its_cause(refusing_port: int) -> None:
    with pytest.raises(Unreachable) as raised:
        find_experiment(open_client(remote(refusing_port)), remote(refusing_port))

    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_no_password_with_a_slash_is_in_the_error() -> None:
    uri = "http://anna:s3c/ret@mlflow:5000"

    with pytest.raises(Unreachable) as raised, answering(uri):
        raise ConnectionError(f"no answer from {uri}")

    assert "s3c" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_what_is_no_silence_passes_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), answering("http://mlflow"):
        raise ValueError("mine")


def test_what_mlflow_refuses_is_said_as_an_error_of_ours() -> None:
    with (
        pytest.raises(ConfigurationError, match="INVALID_PARAMETER_VALUE: theirs"),
        answering("http://mlflow"),
    ):
        raise MlflowException.invalid_parameter_value("theirs")


def test_telemetry_pickle_and_progress_bars_are_off() -> None:
    from mlflow.telemetry import get_telemetry_client

    assert get_telemetry_client() is None
    for name, value in QUIET.items():
        assert os.environ[name] == value


def test_patience_comes_from_the_settings(settings: Settings) -> None:
    open_client(settings.model_copy(update={"remote_retries": 2, "remote_timeout_seconds": 7}))

    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


@on_files("it is about a SQLite file that is not there yet")
def test_processes_meeting_a_fresh_store_all_succeed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tracking_uri="sqlite:///mlflow.db", registry_uri="")
    forked = multiprocessing.get_context("fork")  # a fresh interpreter imports MLflow for seconds

    racing = [forked.Process(target=initialise_store, args=(settings,)) for _ in range(3)]
    for process in racing:
        process.start()
    for process in racing:
        process.join(timeout=60)

    assert [process.exitcode for process in racing] == [0, 0, 0]
    assert open_client(settings).get_experiment_by_name("finrisk-experiments") is not None


def test_initialising_again_changes_nothing(settings: Settings) -> None:
    before = find_experiment(open_client(settings), settings)

    initialise_store(settings)

    assert find_experiment(open_client(settings), settings) == before


@on_files("a server says itself where artifacts go")
def test_local_artifacts_go_where_the_settings_say(settings: Settings) -> None:
    found = open_client(settings).get_experiment_by_name(settings.experiment_name)

    assert found.artifact_location == settings.artifacts.as_uri()


def test_a_replay_has_an_experiment_of_its_own(settings: Settings) -> None:
    replay = settings.model_copy(update={"scope": "replay-1"})

    made = find_experiment(open_client(replay), replay)

    assert made != find_experiment(open_client(settings), settings)
    assert open_client(replay).get_experiment(made).name == f"{settings.experiment_name}-replay-1"


def test_an_experiment_that_another_process_made_meanwhile_is_taken(settings: Settings) -> None:
    client = open_client(settings)
    answers = iter([None, client.get_experiment_by_name(settings.experiment_name)])
    client.get_experiment_by_name = lambda _: next(answers)

    found = find_experiment(client, settings)

    assert (
        found
        == open_client(settings).get_experiment_by_name(settings.experiment_name).experiment_id
    )


@pytest.mark.parametrize("before", [None, "sqlite:////elsewhere/mlflow.db"])
def test_the_process_default_is_as_it_was_afterwards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv(TRACKING_URI, raising=False)
    if before is not None:
        monkeypatch.setenv(TRACKING_URI, before)

    with process_default(settings.tracking_uri):
        assert mlflow.get_tracking_uri() == settings.tracking_uri

    assert os.environ.get(TRACKING_URI) == before


def test_a_database_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, though it is a file")

    with pytest.raises(Unreachable, match=r"expected an answer from sqlite:.*mlflow.db"):
        open_client(Settings(home=tmp_path, tracking_uri="sqlite:///mlflow.db", registry_uri=""))


@on_files("it is about a SQLite file and its lock")
def test_a_database_that_was_brought_whole_gets_no_lock_beside_it(
    settings: Settings, tmp_path: Path
) -> None:
    shutil.copy(settings.home / "mlflow.db", tmp_path / "mlflow.db")

    open_client(Settings(home=tmp_path, tracking_uri="sqlite:///mlflow.db", registry_uri=""))

    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
