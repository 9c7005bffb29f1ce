"""One MLflow store, one ledger and one landing folder for the session; a scope for each test.

Both are SQLite files, or on the servers that are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.pipelines.rooms import Rooms
from finrisk.setting_up import initialise
from tests.ledger.databases import ledger_settings
from tests.pipelines.lender import FIRST, deliver, write_spec
from tests.pipelines.scored_worlds import cards_champion, lender_champion
from tests.services.stores import mlflow_settings, own


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("lender")
    write_spec(home / "conf" / "models")
    settings = Settings(
        home=home,
        threads=1,
        pictures=False,
        **mlflow_settings("finrisk-experiments"),
        **ledger_settings("lender"),
    )
    initialise(settings)
    deliver(settings, FIRST)
    return settings


@pytest.fixture
def settings(shared: Settings, request: pytest.FixtureRequest) -> Settings:
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]
    return shared.model_copy(update={"scope": own(f"t-{name}")})


@pytest.fixture
def rooms(settings: Settings) -> Iterator[Rooms]:
    opened = Rooms.open("credit_risk", settings)
    yield opened
    opened.ledger.close()


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="session")
def credit_champion(shared: Settings) -> Iterator[Rooms]:
    """A champion of the lender and another version; a test that logs has a store of its own."""
    opened = lender_champion(shared, own("t-scored"))
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="session")
def cards_world(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A champion of cards, and the days that it was made of."""
    opened = cards_champion(shared, tmp_path_factory.mktemp("scored-cards"), own("t-scored"))
    yield opened
    opened.ledger.close()
