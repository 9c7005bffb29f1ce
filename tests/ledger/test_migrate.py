from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, select, text

from finrisk.errors import PromotionFrozen, Unreachable
from finrisk.ledger.engine import open_engine, writer
from finrisk.ledger.migrate import configuration, migrate, schema_is_current, schema_sql
from finrisk.ledger.schema import HEAD, Base
from finrisk.ledger.store import Ledger
from tests.ledger.factories import (
    AT,
    MODEL,
    NIGHT,
    digest,
    earn,
    force,
    judge,
    night_decision,
    version,
)


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


def test_a_ledger_of_the_first_schema_is_brought_up_to_date_and_keeps_its_rows(
    url: str, tmp_path: Path
) -> None:
    before = f"sqlite:///{tmp_path / 'of_today.db'}"
    migrate(before)
    with Ledger(before, "live") as ledger:
        earn(ledger, version(1), judge(ledger, version(1)))
        ledger.begin_intent("key", "register", {"run": "r1"}, AT)
        ledger.record_night(
            night_decision(),
            snapshot_sha256=None,
            spec_sha256=digest("s"),
            holdout_sha256=None,
            at=AT,
        )
        promoted = ledger.history(MODEL)
    at_first_schema(url)
    kept = copy_rows(before, url)
    says = rf"expected schema {HEAD}; got schema 0001.*finrisk init"
    with pytest.raises(Unreachable, match=says):
        Ledger(url, "live")

    migrate(url)

    later = {"freezes", "signatures", "events", "readings", "reruns"}
    assert {name for name, rows in kept.items() if rows} == {*kept} - later
    with Ledger(url, "live") as ledger:
        assert ledger.history(MODEL) == promoted
        assert ledger.verify(MODEL) == 1
        assert [night.as_of for night in ledger.nights(MODEL)] == [NIGHT]
        assert ledger.freezes(MODEL) == []
        ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)
        with pytest.raises(PromotionFrozen):
            force(ledger, version(2))


def at_first_schema(url: str) -> None:
    """Empty the database, and bring it as far as the first release did."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).unlink()
    with writer(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        command.upgrade(configuration(connection), "0001")
    engine.dispose()


def copy_rows(source: str, target: str) -> dict[str, int]:
    """Copy every table's rows, as far as both schemas have them; return how many there were."""
    engines = open_engine(source), open_engine(target)
    kept = {}
    with engines[0].connect() as here, engines[1].begin() as there:
        for table in Base.metadata.sorted_tables:
            rows = [dict(row) for row in here.execute(select(table)).mappings()]
            kept[table.name] = len(rows)
            if rows:
                has = {column["name"] for column in inspect(there).get_columns(table.name)}
                older = [{name: row[name] for name in row if name in has} for row in rows]
                there.execute(insert(table), older)
    for engine in engines:
        engine.dispose()
    return kept


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


@pytest.mark.parametrize("table", ["promotions", "looks", "evidence", "freezes", "events"])
def test_the_sql_for_review_refuses_deletes_and_updates(table: str) -> None:
    sql = schema_sql("sqlite:///ledger%40home.db")

    for change in ("DELETE", "UPDATE", "INSERT"):
        assert f"BEFORE {change} ON {table}" in sql
