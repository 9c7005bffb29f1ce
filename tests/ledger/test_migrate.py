from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from finrisk.errors import Unreachable
from finrisk.ledger.engine import open_engine
from finrisk.ledger.migrate import configuration, migrate, schema_is_current, schema_sql
from finrisk.ledger.schema import HEAD, Base


def test_models_and_migrated_schema_agree(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()

    assert differences == []


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == HEAD


def test_migrating_twice_changes_nothing(url: str) -> None:
    migrate(url)

    assert schema_is_current(url)


def test_a_missing_file_has_no_schema_and_is_not_made_by_looking(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"

    assert not schema_is_current(f"sqlite:///{file}")
    assert not file.exists()


def test_migrate_makes_the_folder_and_readers_never_wait_for_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"

    migrate(url)

    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_migrating_from_several_threads_at_once_is_safe(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [url] * 4))

    assert schema_is_current(url)


def test_a_file_that_is_no_database_is_unreachable_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, but long enough to be read as one " * 40)

    with pytest.raises(Unreachable, match=r"file is not a database.*remedy"):
        migrate(f"sqlite:///{tmp_path / 'ledger.db'}")
    with pytest.raises(Unreachable, match=r"file is not a database.*remedy"):
        schema_is_current(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.mark.parametrize("table", ["promotions", "looks", "evidence"])
def test_the_sql_for_review_refuses_deletes_and_updates(table: str) -> None:
    sql = schema_sql("sqlite:///ledger%40home.db")

    for change in ("DELETE", "UPDATE", "INSERT"):
        assert f"BEFORE {change} ON {table}" in sql
