"""A ledger of any earlier release is brought up to date, and nothing of it is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from finrisk.errors import ConfigurationError, Unreachable
from finrisk.ledger.dump import dump
from finrisk.ledger.engine import open_engine
from finrisk.ledger.migrate import migrate, revisions, schema_is_current
from finrisk.ledger.schema import HEAD, is_newer
from finrisk.ledger.store import Ledger
from tests.ledger.earlier_schemas import at_revision, emptied, fill, set_revision
from tests.ledger.factories import MODEL

EARLIER = [revision for revision in revisions() if revision != HEAD]
APPEND_ONLY = {
    "promotions": "actor = 'eve'",
    "looks": "alpha = 0",
    "evidence": "document = ''",
    "freezes": "actor = 'eve'",
    "signatures": "actor = 'eve'",
    "events": "key = 'eve'",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'ledger.db'}"
    fill(url)
    return url


def rows_of(url: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    folder.mkdir()
    dump(url, folder)
    return {
        file.stem: [json.loads(line) for line in file.read_text().splitlines()]
        for file in folder.iterdir()
    }


@pytest.mark.parametrize("revision", EARLIER)
def test_a_ledger_of_each_earlier_schema_keeps_every_row_its_chain_and_its_triggers(
    url: str, filled: str, revision: str, tmp_path: Path
) -> None:
    at_revision(emptied(url), revision, filled)
    before = rows_of(url, tmp_path / "before")

    assert migrate(url) == revision

    after = rows_of(url, tmp_path / "after")
    assert all(before.values())
    for table, rows in before.items():
        kept = [
            {name: new[name] for name in old} for old, new in zip(rows, after[table], strict=True)
        ]
        assert kept == rows
    with Ledger(url, "live") as ledger:
        assert ledger.verify(MODEL) == 2
        assert [link.actor for link in ledger.history(MODEL)] == ["night", "ada"]
    for table in APPEND_ONLY.keys() & before.keys():
        refuses_every_change(url, table)


def refuses_every_change(url: str, table: str) -> None:
    engine = open_engine(url)
    update = f"UPDATE {table} SET {APPEND_ONLY[table]}"  # noqa: S608
    for change in (f"DELETE FROM {table}", update):  # noqa: S608
        with (
            pytest.raises(DBAPIError, match=f"{table} is append-only"),
            engine.begin() as connection,
        ):
            connection.execute(text(change))
    engine.dispose()


def test_an_upgrade_says_where_it_began_and_the_second_finds_nothing_to_do(
    url: str, filled: str
) -> None:
    at_revision(emptied(url), EARLIER[0], filled)

    assert migrate(url) == EARLIER[0]
    assert migrate(url) == HEAD
    assert migrate(emptied(url)) is None
    assert schema_is_current(url)


def test_a_ledger_of_a_later_release_is_refused_and_left_as_it_is(url: str) -> None:
    set_revision(url, "0999")

    with pytest.raises(ConfigurationError, match=r"newer than this release; .* got schema 0999"):
        migrate(url)
    with pytest.raises(Unreachable, match="use the release that upgraded it"):
        Ledger(url, "live")
    assert not schema_is_current(url)


def test_a_process_that_looks_again_notices_that_a_later_release_upgraded(
    url: str,
) -> None:
    with Ledger(url, "live") as ledger:
        set_revision(url, "0999")

        with pytest.raises(Unreachable, match=rf"expected schema {HEAD}; got schema 0999"):
            ledger.demand_schema()


def test_revisions_are_numbers_whose_order_is_that_of_releases() -> None:
    assert sorted(revisions()) == list(revisions())
    assert all(len(revision) == 4 and revision.isdigit() for revision in revisions())
    assert not any(is_newer(revision) for revision in revisions())
