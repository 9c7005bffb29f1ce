from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from finrisk.config import load_settings
from finrisk.errors import SettingsError, Unreachable
from finrisk.ledger import engine as engine_module
from finrisk.ledger.engine import open_engine, schema_revision
from finrisk.ledger.schema import HEAD
from finrisk.ledger.store import Ledger
from tests.ledger.factories import version

POSTGRES = "TEST_POSTGRES_URL"


@pytest.mark.parametrize("address", ["nonsense", "mysql://u:secret@h/db", "oracle+nope://h/db"])
def test_an_address_it_cannot_use_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(SettingsError, match="FINRISK_LEDGER_URL") as refused:
        open_engine(address)

    assert address not in str(refused.value)


def test_a_missing_driver_is_named_with_its_remedy() -> None:
    with pytest.raises(SettingsError, match=r"no module named pg8000.*pip install pg8000"):
        open_engine("postgresql+pg8000://user:secret@localhost/ledger")


def test_a_ledger_that_was_never_set_up_asks_for_init(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"not set up.*no schema.*finrisk init"):
        Ledger(f"sqlite:///{tmp_path / 'none.db'}", "live")
    assert not (tmp_path / "none.db").exists()


def test_an_old_schema_asks_for_init(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    engine.dispose()

    says = rf"expected schema {HEAD}; got schema 0000.*finrisk init"
    with pytest.raises(Unreachable, match=says):
        Ledger(sqlite_url, "live")


def test_a_database_without_a_ledger_asks_for_init(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE other (x)").connection.close()

    with pytest.raises(Unreachable, match="no schema"):
        Ledger(f"sqlite:///{tmp_path / 'empty.db'}", "live")


def test_another_writer_that_never_ends_is_unreachable_not_a_hang(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "WAIT_SECONDS", 0.05)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with (
        Ledger(sqlite_url, "live") as ledger,
        pytest.raises(Unreachable, match="database is locked"),
    ):
        ledger.remember_version(version(1))
    other.close()


def test_the_settings_name_the_ledger_and_its_scope(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", sqlite_url)
    monkeypatch.setenv("FINRISK_SCOPE", "replay-1")

    with Ledger.open(load_settings()) as ledger:
        assert ledger.scope == "replay-1"


def test_postgresql_answers() -> None:
    address = os.environ.get(POSTGRES)
    if address is None:
        pytest.skip(f"{POSTGRES} is not set: this room was tested on SQLite alone")

    engine = open_engine(address)
    try:
        assert schema_revision(engine) in (None, HEAD)
    finally:
        engine.dispose()
