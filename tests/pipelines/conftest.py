"""One MLflow store, one ledger and one landing folder for the session; a scope for each test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.setting_up import initialise
from tests.pipelines.lender import FIRST, deliver, write_spec


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("lender")
    write_spec(home / "conf" / "models")
    settings = Settings(home=home, threads=1)
    initialise(settings)
    deliver(settings, FIRST)
    return settings


@pytest.fixture
def settings(shared: Settings, request: pytest.FixtureRequest) -> Settings:
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]
    return shared.model_copy(update={"scope": f"t-{name}"})


@pytest.fixture
def rooms(settings: Settings) -> Iterator[Rooms]:
    opened = Rooms.open("credit_risk", settings)
    yield opened
    opened.ledger.close()


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    return tmp_path / "home"
