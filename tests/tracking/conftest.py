"""One MLflow store for the whole session, SQLite's or a server's: making one takes seconds."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.records import TrainedCandidate
from finrisk.tracking.client import initialise_store
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.signing import Signer, Verifier, create_keys
from tests.services.stores import mlflow_artifacts, mlflow_settings, own
from tests.tracking.factories import candidate_log, prepared_night, provenance


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("finrisk")
    made = Settings(
        home=home,
        registry_uri="",
        threads=1,
        actor="tester",
        **mlflow_settings("tests"),
    )
    create_keys(made.keys)
    initialise_store(made)
    return made


@pytest.fixture(scope="session")
def tracker(settings: Settings) -> NightTracker:
    return NightTracker(settings)


@pytest.fixture(scope="session")
def registry(settings: Settings) -> VersionRegistry:
    return VersionRegistry(settings)


@pytest.fixture
def signer(settings: Settings) -> Signer:
    return Signer.load(settings.keys)


@pytest.fixture
def verifier(settings: Settings) -> Verifier:
    return Verifier.load(settings.keys)


@pytest.fixture(scope="session")
def fresh_key() -> Callable[[], str]:
    numbers = count()
    return lambda: own(f"key-{next(numbers)}")


@pytest.fixture
def trained(tracker: NightTracker, fresh_key: Callable[[], str]) -> TrainedCandidate:
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(provenance=provenance(run_key=fresh_key()))
    return tracker.log_candidate(night, log)


@pytest.fixture
def artifact_of(settings: Settings) -> Callable[[TrainedCandidate], Path]:
    """Return where a candidate's files lie in the store."""
    root = mlflow_artifacts(settings.artifacts)
    return lambda candidate: next(
        root.glob(f"**/{candidate.model_uri.removeprefix('models:/')}/artifacts")
    )


@pytest.fixture
def refusing_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def hanging_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])
