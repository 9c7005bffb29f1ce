from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from finrisk.ledger.engine import open_engine
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger

POSTGRES = "TEST_POSTGRES_URL"  # a database of its own: its public schema is dropped


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ledger") / "migrated.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES in os.environ else ["sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    address = os.environ[POSTGRES]
    engine = open_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    migrate(address)
    return address


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url, "live") as opened:
        yield opened
