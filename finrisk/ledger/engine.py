"""Connections: one writer at a time, bounded waits, one clear error when the database is away.

On SQLite a writing transaction is ``BEGIN IMMEDIATE``; on PostgreSQL it holds an advisory lock on
(scope, model) until it ends. Both make read-then-write code in this room safe against a second
writer, and the compare-and-swap on the champion still guards what people do by hand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from finrisk.addresses import text_without_credentials, without_credentials
from finrisk.errors import DiskFull, SettingsError, Unreachable

WAIT_SECONDS = 10  # for a connection or for another writer; then Unreachable, never a hang
ANSWER_SECONDS = 15  # for any answer of PostgreSQL's: longer than it waits for another writer
SILENT_SECONDS = 30  # a writer that PostgreSQL hears nothing of in its transaction has lost it
DISK_FULL = "53100"  # PostgreSQL's code
_WRITES = "finrisk_writes"


def open_engine(url: str) -> Engine:
    """Return an engine for the ledger's database; nothing is connected yet.

    Raises
    ------
    SettingsError
        The address cannot be read, or its driver is not installed. The message never shows the
        address: it may hold a password.
    """
    try:
        address = make_url(url)
        engine = create_engine(address, connect_args=_connect_args(address))
    except (ArgumentError, NoSuchModuleError, NotImplementedError) as exc:
        raise SettingsError(
            "FINRISK_LEDGER_URL is no address this ledger can use",
            expected="sqlite:///ledger.db or postgresql+psycopg://user:password@host/name",
        ) from exc
    except ModuleNotFoundError as exc:
        raise SettingsError(
            "FINRISK_LEDGER_URL needs a database driver",
            got=f"no module named {exc.name}",
            remedy=f"pip install {exc.name}",
        ) from exc
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.driver == "psycopg":
        event.listen(engine, "do_connect", _connect_with_deadline)
    return engine


def _connect_args(address: URL) -> dict[str, Any]:
    backend = address.get_backend_name()
    if backend == "sqlite":
        return {"timeout": WAIT_SECONDS}  # sqlite3's name for busy_timeout
    if backend == "postgresql":
        return {"connect_timeout": WAIT_SECONDS}
    raise NotImplementedError(backend)


def _connect_with_deadline(
    _dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]
) -> Any:
    from finrisk.ledger.deadline import connect

    return connect(*arguments, answer_seconds=ANSWER_SECONDS, **options)


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # SQLAlchemy's documented way before Python 3.12: sqlite3 begins nothing, `begin` below does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")  # a promotion survives a power cut
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def database_exists(engine: Engine) -> bool:
    """Say whether there is anything to connect to: connecting to SQLite would create the file."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return True
    return Path(engine.url.database).is_file()


def file_state(engine: Engine) -> tuple[int, ...] | None:
    """Return what changes once SQLite's file is another one of its name; None on a server."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    try:
        found = Path(engine.url.database).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def writer(engine: Engine) -> Engine:
    """Return the same engine whose transactions take SQLite's write lock when they begin."""
    return engine.execution_options(**{_WRITES: True})


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open one transaction that sees one state of the ledger."""
    if engine.dialect.name == "postgresql":  # its default would see a new state each statement
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with answering(engine), Session(engine) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine, scope: str, subject: str) -> Iterator[Session]:
    """Open the only writing transaction on this subject (a model); it commits if nothing raises.

    Raises
    ------
    Unreachable
        Another writer kept the lock longer than ``WAIT_SECONDS``, or the database went away.
    DiskFull
        There is no room for what was to be written.
    """
    with answering(engine), Session(writer(engine)) as session, session.begin():
        if engine.dialect.name == "postgresql":
            lock_for_transaction(session.connection(), f"{scope}/{subject}")
        yield session


def lock_for_transaction(connection: Connection, name: str) -> None:
    """Hold PostgreSQL's advisory lock of this name until the transaction ends.

    A holder that stands still (its process paused, its machine gone) would keep every other writer
    out for hours: the server ends its transaction.
    """
    limits = (
        f"set_config('lock_timeout', '{WAIT_SECONDS}s', true)",
        f"set_config('idle_in_transaction_session_timeout', '{SILENT_SECONDS}s', true)",
    )
    connection.execute(text(f"SELECT {', '.join(limits)}"))
    key = func.hashtextextended(name, 0)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


@contextmanager
def answering(engine: Engine) -> Iterator[None]:
    """Turn a database that does not answer into ``Unreachable``; other errors pass.

    One without room is ``DiskFull``, which is a kind of it.
    """
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):  # it answered, and said no
        raise
    except (DBAPIError, PoolTimeout) as exc:
        raise unreachable(engine, exc) from exc


def unreachable(engine: Engine, exc: Exception) -> Unreachable:
    """Say which ledger does not answer, or has no room, without its password."""
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    address = engine.url.render_as_string(hide_password=False)
    said = text_without_credentials(str(cause).strip(), address)
    got = said.splitlines()[0] if said else type(cause).__name__
    if _found_no_room(cause):
        return DiskFull(
            f"the ledger {without_credentials(address)} cannot write: its disk is full or fails",
            got=got,
            remedy="make room there, then run again: nothing was half-done",
        )
    return Unreachable(
        f"the ledger {without_credentials(address)} does not answer",
        got=got,
        remedy="see that the database runs and FINRISK_LEDGER_URL names it, then run again: "
        "nothing was half-done",
    )


def _found_no_room(cause: BaseException | None) -> bool:
    # a full disk is SQLite's FULL, a quota or a limit of files its IOERR_WRITE
    full = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in full
    return getattr(cause, "sqlstate", None) == DISK_FULL


def schema_revision(engine: Engine) -> str | None:
    """Return the revision the database is at; ``None`` where there is no ledger yet.

    Raises
    ------
    Unreachable
        The database does not answer, or the file is no database.
    """
    if not database_exists(engine):
        return None
    try:
        with engine.begin() as connection:
            return revision_of(connection)
    except DBAPIError as exc:
        raise unreachable(engine, exc) from exc


def revision_of(connection: Connection) -> str | None:
    """Return the revision as a transaction sees it; ``None`` where there is no ledger yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])
