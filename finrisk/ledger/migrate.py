"""Bring the ledger's schema up to date: idempotent, safe when several processes start at once."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from finrisk.addresses import without_credentials
from finrisk.errors import ConfigurationError
from finrisk.ledger.engine import (
    WAIT_SECONDS,
    lock_for_transaction,
    open_engine,
    revision_of,
    schema_revision,
    unreachable,
    writer,
)
from finrisk.ledger.schema import HEAD, is_newer, remedy_of_schema

MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def migrate(url: str, to: str = "head") -> str | None:
    """Run every migration that the database has not seen, in one transaction.

    Parameters
    ----------
    url : str
        SQLAlchemy address of the ledger; the folder of an SQLite file is made if missing.
    to : str
        The revision to stop at: a backup is loaded at the schema it was made of.

    Returns
    -------
    str or None
        The revision it was at before; ``None`` where there was no ledger.

    Raises
    ------
    ConfigurationError
        A later release has been at it; nothing was changed.
    Unreachable
        The database does not answer.
    SettingsError
        The address cannot be read, or its driver is missing.
    """
    engine = open_engine(url)
    try:
        if engine.dialect.name == "sqlite" and engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
            _write_ahead(engine.url.database)
        with writer(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                lock_for_transaction(connection, "finrisk/migrate")
            before = revision_of(connection)
            refuse_newer(url, before)
            command.upgrade(configuration(connection), to)
            return before
    except (DBAPIError, sqlite3.Error, OSError) as exc:
        raise unreachable(engine, exc) from exc
    finally:
        engine.dispose()


def refuse_newer(url: str, revision: str | None) -> None:
    """Return unless a later release made this schema: what it means is not known here.

    Raises
    ------
    ConfigurationError
        It did.
    """
    if revision is not None and is_newer(revision):
        raise ConfigurationError(
            f"the ledger {without_credentials(url)} is newer than this release",
            expected=f"schema {HEAD} at most",
            got=f"schema {revision}",
            remedy=remedy_of_schema(revision),
        )


def revisions() -> tuple[str, ...]:
    """Return every revision there is, the first one first."""
    script = ScriptDirectory.from_config(configuration())
    return tuple(reversed([found.revision for found in script.walk_revisions()]))


def revision_at(url: str) -> str | None:
    """Return the revision the ledger at this address is at; ``None`` where there is none.

    Raises
    ------
    Unreachable
        The database does not answer.
    """
    engine = open_engine(url)
    try:
        return schema_revision(engine)
    finally:
        engine.dispose()


def schema_is_current(url: str) -> bool:
    """Say whether the ledger at this address has every migration; raises as ``revision_at``."""
    return revision_at(url) == HEAD


def schema_sql(url: str) -> str:
    """Return the SQL that ``migrate`` would run on an empty database, for a person to review."""
    written = io.StringIO()
    config = configuration(output=written)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "head", sql=True)
    return written.getvalue()


def configuration(
    connection: Connection | None = None, output: io.StringIO | None = None
) -> Config:
    """Return Alembic's configuration; it is code, so no ini file has to be found."""
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _write_ahead(database: str) -> None:
    # The mode stays in the file: readers go on while a promotion is written. It cannot change
    # inside a transaction, hence a connection on which nothing has begun.
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
