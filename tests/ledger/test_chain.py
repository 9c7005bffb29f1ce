from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from finrisk.errors import LedgerCorrupted
from finrisk.ledger.engine import open_engine
from finrisk.ledger.store import Ledger
from tests.ledger.factories import MODEL, force, judge, version


def run(url: str, *statements: str) -> None:
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture
def three(ledger: Ledger) -> Ledger:
    for number in (1, 2, 3):
        force(ledger, version(number))
    return ledger


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM promotions WHERE epoch = 3",
        "UPDATE promotions SET reason = 'another' WHERE epoch = 2",
        "UPDATE promotions SET projected = true, actor = 'eve' WHERE epoch = 2",
        "UPDATE looks SET alpha = 0",
        "DELETE FROM looks",
        "UPDATE evidence SET decision = 'PROMOTE'",
        "DELETE FROM evidence",
    ],
)
def test_what_was_decided_can_be_neither_changed_nor_removed(
    url: str, three: Ledger, statement: str
) -> None:
    judge(three, version(4))

    with pytest.raises(IntegrityError, match="append-only"):
        run(url, statement)


@pytest.mark.parametrize("same", ["epoch", "idem_key"])
def test_sqlite_cannot_replace_a_promotion_by_inserting_it_again(
    sqlite_url: str, same: str
) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        link = force(ledger, version(1))
    epoch, key = (1, "other") if same == "epoch" else (2, link.idem_key)

    with pytest.raises(IntegrityError, match="append-only"):
        run(
            sqlite_url,
            f"INSERT OR REPLACE INTO promotions SELECT scope, model, {epoch}, version, "  # noqa: S608
            f"previous_version, kind, '{key}', artifact_sha256, evidence_sha256, 'eve', reason, "
            "as_of, at, previous_hash, hash, projected FROM promotions",
        )


def test_a_projection_is_never_taken_back(url: str, three: Ledger) -> None:
    three.mark_projected(MODEL, 1)

    with pytest.raises(IntegrityError, match="append-only"):
        run(url, "UPDATE promotions SET projected = false WHERE epoch = 1")


def test_an_intact_chain_verifies(three: Ledger) -> None:
    assert three.verify(MODEL) == 3
    assert three.verify("fraud") == 0


@pytest.mark.parametrize(
    ("edit", "epoch", "what"),
    [
        ("UPDATE promotions SET actor = 'eve' WHERE epoch = 2", 2, "hash"),
        ("UPDATE promotions SET as_of = '2020-01-01' WHERE epoch = 1", 1, "hash"),
        ("UPDATE promotions SET scope = 'replay'", 1, "hash"),
        ("UPDATE promotions SET previous_version = 9 WHERE epoch = 3", 3, "previous_version"),
        ("UPDATE promotions SET previous_hash = 'x' WHERE epoch = 2", 2, "previous_hash"),
        ("DELETE FROM promotions WHERE epoch = 1", 1, "the epoch"),
        ("DELETE FROM promotions WHERE epoch = 3", 3, "the champion"),
        ("DELETE FROM promotions", 3, "the champion"),
        ("UPDATE champions SET version = 1", 3, "the champion"),
        ("DELETE FROM champions", 3, "the champion"),
    ],
)
def test_an_edited_ledger_does_not_verify_and_names_the_epoch(
    sqlite_url: str, edit: str, epoch: int, what: str
) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        for number in (1, 2, 3):
            force(ledger, version(number))
    run(
        sqlite_url,
        "DROP TRIGGER promotions_no_update",
        "DROP TRIGGER promotions_no_delete",
        "PRAGMA defer_foreign_keys = ON",
        "INSERT INTO versions SELECT 'replay', model, version, run_id, model_uri, "
        "artifact_sha256, manifest_sha256 FROM versions",
        edit,
        "UPDATE champions SET scope = 'replay' WHERE EXISTS "
        "(SELECT 1 FROM promotions WHERE scope = 'replay')",
    )
    scope = "replay" if "replay" in edit else "live"

    with (
        Ledger(sqlite_url, scope) as ledger,
        pytest.raises(LedgerCorrupted, match=f"epoch {epoch}: {what}"),
    ):
        ledger.verify(MODEL)
