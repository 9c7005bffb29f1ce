"""Ledgers of earlier releases: the schema of their time, with a row in every table of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alembic import command
from sqlalchemy import insert, select, text

from finrisk.ledger.engine import open_engine, writer
from finrisk.ledger.events import EventKind
from finrisk.ledger.inbox import Asked, Limits
from finrisk.ledger.migrate import configuration, migrate
from finrisk.ledger.portable_rows import tables_of
from finrisk.ledger.readings import Reading, State
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

# subjects of which every collation thinks otherwise, and numbers that are hard to write
READ = {"b": 0.1 + 0.2, "A": float("inf"), "_": -5e-324, "é": 1.0}
LIMITS = Limits(cool_down=timedelta(hours=12), most_a_day=2)


def fill(url: str, scope: str = "live") -> None:
    """Write rows into every table through the ledger itself: two champions, and what surrounds."""
    migrate(url)
    with Ledger(url, scope) as ledger:
        earn(ledger, version(1), judge(ledger, version(1)))
        force(ledger, version(2), reason="Δ is “small”: \U0001f600")
        ledger.mark_projected(MODEL, 1)
        ledger.begin_intent("key", "register", {"run": "r1", "b": None, "a": [1.5, "x"]}, AT)
        ledger.record_night(
            night_decision(),
            snapshot_sha256=None,
            spec_sha256=digest("s"),
            holdout_sha256=None,
            at=AT + timedelta(microseconds=7),
            seconds=1 / 3,
        )
        ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)
        ledger.record_event(
            MODEL, kind=EventKind.BAKE, key="k", as_of=NIGHT, document={"z": 1, "a": 2}, at=AT
        )
        rows = [
            Reading(MODEL, NIGHT, "drift", subject, 2, value, None, None, 0.1, State.ALARM, {})
            for subject, value in READ.items()
        ]
        ledger.keep_readings(MODEL, rows, AT)
        asked = Asked(MODEL, digest("a"), "FinRiskScoreDrift", "alertmanager", "PSI 0.31", AT)
        ledger.receive_alert(asked, LIMITS, AT)


def emptied(url: str) -> str:
    """Take everything out of a database, its schema as well."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).unlink()
    else:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


def at_revision(url: str, revision: str, filled: str) -> None:
    """Bring an empty database to a revision, with the rows of a filled one as that had them."""
    engines = open_engine(url), open_engine(filled)
    with writer(engines[0]).begin() as there, engines[1].connect() as here:
        command.upgrade(configuration(there), revision)
        full = {table.name: table for table in tables_of(here)}
        for table in tables_of(there):
            rows = [dict(row) for row in here.execute(select(full[table.name])).mappings()]
            older = [{column.name: row[column.name] for column in table.columns} for row in rows]
            if older:
                there.execute(insert(table), older)
    for engine in engines:
        engine.dispose()


def set_revision(url: str, revision: str) -> None:
    """Let a database say that another release has been at it."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()
