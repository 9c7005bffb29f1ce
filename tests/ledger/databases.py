"""Migrated ledgers: on SQLite always, on PostgreSQL where ``TEST_POSTGRES_URL`` names one.

Migrating takes half a second, so each is a copy of one that was migrated: of a file, or of a
database beside the one that is named. Each test worker has databases of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from tests.services.stores import POSTGRES

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


def made_database(name: str, *, copy_of: str = "template1") -> str:
    """Make a database of this worker's own, instead of one of the same name; return its address."""
    server = make_url(os.environ[POSTGRES])
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    own = _of_this_worker(server, name)
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{own}" TEMPLATE "{copy_of}"'))
    engine.dispose()
    return server.set(database=own).render_as_string(hide_password=False)


def _of_this_worker(server: URL, name: str) -> str:
    return f"{server.database}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{name}"


@pytest.fixture(scope="session")
def postgres_database() -> str:
    """The name of a migrated database, to be copied and never written."""
    address = made_database("migrated")
    migrate(address)
    return str(make_url(address).database)


def ledger_settings(name: str) -> dict[str, Any]:
    """Return the field of ``Settings`` that says where the ledger is: nothing on files."""
    return {"ledger_url": made_database(name)} if POSTGRES in os.environ else {}


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES in os.environ else ["sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return made_database("ledger", copy_of=str(request.getfixturevalue("postgres_database")))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url, "live") as opened:
        yield opened
