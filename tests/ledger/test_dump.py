"""Rows out of a ledger and into another one, whichever database either is on."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from finrisk.errors import (
    BackupRejected,
    ConfigurationError,
    LedgerCorrupted,
    PromotionError,
    StaleChallenger,
    Unreachable,
)
from finrisk.ledger import engine as engines
from finrisk.ledger import load as loading
from finrisk.ledger.dump import LedgerDump, dump
from finrisk.ledger.engine import open_engine, writer
from finrisk.ledger.load import load, stage
from finrisk.ledger.schema import HEAD, Base
from finrisk.ledger.store import Ledger
from tests.ledger.earlier_schemas import at_revision, fill, set_revision
from tests.ledger.factories import AT, MODEL, NIGHT, force, version


def dumped(url: str, folder: Path) -> LedgerDump:
    folder.mkdir()
    return dump(url, folder)


def staged(found: LedgerDump, folder: Path, scratch: Path) -> LedgerDump:
    scratch.mkdir()
    return stage(folder, found.schema, found.tables, scratch)


@pytest.fixture
def filled(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'filled.db'}"
    fill(url)
    fill(url, "replay")
    return url


def test_what_is_loaded_is_what_was_dumped_to_the_byte_on_every_database(
    url: str, filled: str, tmp_path: Path
) -> None:
    one = dumped(filled, tmp_path / "one")
    ready = staged(one, tmp_path / "one", tmp_path / "staged")

    assert load(url, tmp_path / "staged", ready.tables)

    two = dumped(url, tmp_path / "two")
    assert two == one == ready
    assert all(table.rows for table in one.tables.values())
    assert one.tables.keys() == Base.metadata.tables.keys()
    for file in (tmp_path / "one").iterdir():
        assert (tmp_path / "two" / file.name).read_bytes() == file.read_bytes()
    with Ledger(filled, "live") as before, Ledger(url, "live") as after:
        assert after.history(MODEL) == before.history(MODEL)
        assert after.events(MODEL) == before.events(MODEL)
        assert list(after.events(MODEL)[0].document) == ["z", "a"]
        assert after.verify(MODEL) == 2


def test_a_dump_tells_scopes_heads_of_chains_and_the_artifacts_that_matter(
    filled: str, tmp_path: Path
) -> None:
    found = dumped(filled, tmp_path / "one")

    shas = [version(number).artifact_sha256 for number in (1, 2)]
    with Ledger(filled, "live") as ledger:
        head = ledger.history(MODEL)[-1]
    assert found.schema == HEAD
    assert found.scopes == ("live", "replay")
    assert found.artifacts == tuple(sorted(shas))
    assert found.serving == {shas[1]: f"{MODEL} in scope live, {MODEL} in scope replay"}
    assert (found.chains[0].epoch, found.chains[0].hash) == (2, head.hash)


def test_a_dump_is_of_one_moment_whoever_writes_meanwhile(url: str, tmp_path: Path) -> None:
    fill(url)
    before = dumped(url, tmp_path / "before")
    (tmp_path / "meanwhile").mkdir()
    engine = open_engine(url)
    with engines.reading(engine) as session:
        connection = session.connection()
        session.execute(text("SELECT count(*) FROM champions"))
        with Ledger(url, "live") as ledger:
            ledger.freeze(MODEL, None, reason="over", actor="anna", at=AT)
            ledger.keep_readings(MODEL, [], AT)

        assert loading.digests(connection) == before.tables
    engine.dispose()


def test_an_earlier_schema_is_loaded_as_it_was_and_upgraded(
    url: str, filled: str, tmp_path: Path
) -> None:
    earlier = f"sqlite:///{tmp_path / 'earlier.db'}"
    at_revision(earlier, "0003", filled)
    old = dumped(earlier, tmp_path / "old")
    ready = staged(old, tmp_path / "old", tmp_path / "staged")

    assert load(url, tmp_path / "staged", ready.tables)

    assert (old.schema, ready.schema) == ("0003", HEAD)
    assert "events" not in old.tables
    assert ready.tables["events"].rows == 0
    with Ledger(url, "live") as ledger:
        assert ledger.verify(MODEL) == 2


def test_loaded_again_it_changes_nothing(url: str, filled: str, tmp_path: Path) -> None:
    one = dumped(filled, tmp_path / "one")
    load(url, tmp_path / "one", one.tables)

    assert not load(url, tmp_path / "one", one.tables)


def test_a_ledger_with_rows_of_its_own_is_refused_and_keeps_them(
    url: str, filled: str, tmp_path: Path
) -> None:
    one = dumped(filled, tmp_path / "one")
    with Ledger(url, "live") as ledger:
        force(ledger, version(7))

    says = r"holds rows that are not the backup's.*promotions \(1 here, 4 there\).*never overwr"
    with pytest.raises(PromotionError, match=says):
        load(url, tmp_path / "one", one.tables)

    with Ledger(url, "live") as ledger:
        assert [link.version for link in ledger.history(MODEL)] == [7]
        assert ledger.scopes() == ["live"]


def edit(folder: Path, table: str, **changes: object) -> None:
    file = folder / f"{table}.jsonl"
    first, *others = file.read_text().splitlines()
    edited = json.dumps(json.loads(first) | changes, separators=(",", ":"))
    file.write_text("\n".join([edited, *others]) + "\n")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"epoch": "1"}, "promotions, line 1: no row of this table; got column epoch does not fit"),
        ({"surprise": 1}, "other columns than the table's"),
        ({"at": "2026-03-01T02:00:00"}, "column at does not fit"),
        ({"actor": None}, "column actor does not fit"),
        ({"projected": 1}, "column projected does not fit"),
        ({"version": 99}, "rows of promotions do not fit this database"),
        ({"epoch": 2}, "rows of promotions do not fit this database"),
        ({"actor": "eve"}, "rows of promotions are not as a ledger writes them"),
    ],
    ids=str,
)
def test_an_edited_row_is_rejected_before_any_ledger_sees_it(
    filled: str, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    one = dumped(filled, tmp_path / "one")
    edit(tmp_path / "one", "promotions", **changes)

    with pytest.raises(BackupRejected, match=says):
        staged(one, tmp_path / "one", tmp_path / "staged")


def test_a_chain_that_was_edited_before_the_dump_is_not_loaded(filled: str, tmp_path: Path) -> None:
    engine = open_engine(filled)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER promotions_no_update"))
        connection.execute(text("UPDATE promotions SET actor = 'eve' WHERE epoch = 1"))
    engine.dispose()
    one = dumped(filled, tmp_path / "one")

    with pytest.raises(LedgerCorrupted, match="epoch 1: hash does not fit the chain"):
        staged(one, tmp_path / "one", tmp_path / "staged")


def test_a_load_that_fails_at_its_end_leaves_the_ledger_empty(
    url: str, filled: str, tmp_path: Path
) -> None:
    one = dumped(filled, tmp_path / "one")
    edit(tmp_path / "one", "versions", run_id="another")

    with pytest.raises(BackupRejected, match="rows of versions are not as a ledger writes them"):
        load(url, tmp_path / "one", one.tables)

    with Ledger(url, "live") as ledger:
        assert ledger.models() == []


def test_a_table_too_many_or_too_few_is_rejected(filled: str, tmp_path: Path) -> None:
    one = dumped(filled, tmp_path / "one")
    fewer = {name: table for name, table in one.tables.items() if name != "looks"}
    (tmp_path / "staged").mkdir()

    with pytest.raises(BackupRejected, match="other tables than its schema"):
        stage(tmp_path / "one", one.schema, fewer, tmp_path / "staged")


def test_nothing_is_loaded_while_another_process_writes(
    url: str, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dumped(filled, tmp_path / "one")
    monkeypatch.setattr(engines, "WAIT_SECONDS", 1)
    other = open_engine(url)
    with writer(other).begin() as connection:
        connection.execute(
            text("INSERT INTO freezes VALUES ('live', 'm', 1, NULL, 'r', 'a', :at)"), {"at": AT}
        )

        with pytest.raises(Unreachable, match="nothing was half-done"):
            load(url, tmp_path / "one", one.tables)
        connection.rollback()
    other.dispose()

    assert load(url, tmp_path / "one", one.tables)


def test_a_writer_that_comes_while_rows_are_loaded_waits_and_finds_them(
    url: str, filled: str, tmp_path: Path
) -> None:
    one = dumped(filled, tmp_path / "one")
    pipe = tmp_path / "one" / "champions.jsonl"
    rows = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe)

    def promote() -> str:
        over = {"as_of": NIGHT + timedelta(days=1), "at": AT + timedelta(days=1)}  # the freeze
        with Ledger(url, "live") as ledger:
            try:
                force(ledger, version(7), expected_version=None, expected_epoch=0, **over)
            except StaleChallenger as exc:
                return str(exc)
            return "promoted"

    with ThreadPoolExecutor(2) as pool:
        loaded = pool.submit(load, url, tmp_path / "one", one.tables)
        with pipe.open("wb") as file:  # opens once the load has come to it, in its transaction
            came = pool.submit(promote)
            file.write(rows)

        assert loaded.result()
        assert "expected no champion; got version 2 at epoch 2" in came.result()


def test_only_a_ledger_of_a_known_schema_is_dumped(url: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no ledger"):
        dump(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    assert not (tmp_path / "none.db").exists()

    set_revision(url, "0999")
    with pytest.raises(ConfigurationError, match="newer than this release"):
        dump(url, tmp_path)


def test_an_empty_ledger_is_a_ledger(url: str, tmp_path: Path) -> None:
    found = dumped(url, tmp_path / "one")

    assert (found.scopes, found.chains, found.artifacts, found.serving) == ((), (), (), {})
    assert load(url, tmp_path / "one", found.tables)
