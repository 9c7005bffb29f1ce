"""One MLflow store, one ledger and one landing folder for the session; a scope for each test.

Both are SQLite files, or on the servers that are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data import contracts
from finrisk.data.gx_adapter import Failure, Suite, run_suites
from finrisk.pipelines.rooms import Rooms
from finrisk.setting_up import initialise
from tests.ledger.databases import ledger_settings
from tests.pipelines.lender import FIRST, deliver, write_spec
from tests.pipelines.scored_worlds import cards_champion, lender_champion
from tests.services.stores import mlflow_settings, own


@pytest.fixture(scope="session", autouse=True)
def validated_once() -> Iterator[None]:
    """Let Great Expectations judge the same rows by the same contract once a session.

    Most tests begin with the same night, and validating is two thirds of it. Other rows, another
    contract or pages that somebody removed are judged anew.
    """
    judged: dict[str, tuple[list[Failure], str | None]] = {}

    def remembered(
        suites: Sequence[Suite], as_of: date, docs_dir: Path | None
    ) -> tuple[list[Failure], str | None]:
        digest = hashlib.sha256(f"{as_of} {docs_dir}".encode())
        for suite in suites:
            told = f"{suite.name} {suite.expectations} {list(suite.batch.dtypes.items())}"
            digest.update(told.encode())
            digest.update(pd.util.hash_pandas_object(suite.batch).to_numpy().tobytes())
        key = digest.hexdigest()
        if key not in judged or not (docs_dir and (docs_dir / "index.html").exists()):
            judged[key] = run_suites(suites, as_of, docs_dir)
        return judged[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contracts, "run_suites", remembered)
        yield


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
