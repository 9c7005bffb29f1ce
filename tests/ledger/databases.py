"""Migrated ledgers: on SQLite always, on PostgreSQL where ``TEST_POSTGRES_URL`` names one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from finrisk.ledger.engine import open_engine
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger

POSTGRES = "TEST_POSTGRES_URL"  # a database of its own: its public schema is dropped
on_postgresql = pytest.mark.parametrize(
    "url",
    [
        pytest.param(
            "postgresql",
            marks=pytest.mark.skipif(
                POSTGRES not in os.environ, reason=f"{POSTGRES} is not set: it is about a server"
            ),
        )
    ],
    indirect=True,
)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ledger") / "migrated.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(scope="session")
def postgres_database() -> str:
    """One database for each test worker: they would drop each other's schema."""
    address = make_url(os.environ[POSTGRES])
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return address.render_as_string(hide_password=False)
    own = f"{address.database}_{worker}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{own}"'))
    engine.dispose()
    return address.set(database=own).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES in os.environ else ["sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    address = str(request.getfixturevalue("postgres_database"))
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
