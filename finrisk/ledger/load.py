"""Rows of a dump into a ledger: staged at their own schema, upgraded, checked, then loaded whole.

Staging takes place in a file of its own, so that a ledger that serves sees either nothing of it or
all of it, at this release's schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select, text, union
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from finrisk.addresses import without_credentials
from finrisk.errors import BackupRejected, PromotionError
from finrisk.ledger import promotions
from finrisk.ledger.chain import check_chain
from finrisk.ledger.dump import AT_ONCE, ENDING, DumpedTable, LedgerDump, dump, dump_table
from finrisk.ledger.engine import answering, lock_for_transaction, open_engine, writer
from finrisk.ledger.migrate import migrate
from finrisk.ledger.portable_rows import LONGEST_LINE, from_line, tables_of
from finrisk.ledger.schema import ChampionRow, PromotionRow

EDITED = "take another backup; this one is not what a ledger held"


def stage(
    folder: Path, schema: str, expected: Mapping[str, DumpedTable], upgraded: Path
) -> LedgerDump:
    """Load files into a ledger of their schema, upgrade it, check it, and dump it again.

    Parameters
    ----------
    folder : Path
        Holds ``<table>.jsonl`` of every table that this schema has.
    schema : str
        The revision they were dumped at.
    expected : mapping of str to DumpedTable
        What each table must hold before it is upgraded, to the byte.
    upgraded : Path
        An empty folder, for the same rows at this release's schema.

    Raises
    ------
    BackupRejected
        A row does not fit its table, or other tables were dumped than this schema has.
    LedgerCorrupted
        A chain of promotions does not verify.
    """
    url = f"sqlite:///{upgraded / 'staged.db'}"
    migrate(url, to=schema)
    engine = open_engine(url)
    try:
        with answering(engine), writer(engine).begin() as connection:
            _fill(connection, folder, expected)
        migrate(url)
        with Session(engine) as session:
            check_chains(session)
    finally:
        engine.dispose()
    return dump(url, upgraded)


def load(url: str, folder: Path, expected: Mapping[str, DumpedTable]) -> bool:
    """Put dumped rows into an empty ledger, in one transaction that keeps other writers out.

    Parameters
    ----------
    url : str
        A ledger of this release's schema.
    folder : Path
        What ``stage`` left.
    expected : mapping of str to DumpedTable
        What each table must hold afterwards, to the byte.

    Returns
    -------
    bool
        Whether rows were loaded; false where the ledger held exactly them.

    Raises
    ------
    PromotionError
        The ledger holds other rows; nothing was changed.
    Unreachable
        Another process is writing, or the database went away; nothing was changed.
    """
    engine = open_engine(url)
    try:
        with answering(engine), writer(engine).begin() as connection:
            _keep_others_out(connection)
            held = _counts(connection)
            if any(held.values()):
                _demand_same(url, connection, held, expected)
                return False
            _fill(connection, folder, expected)
            with Session(connection) as session:
                check_chains(session)
            return True
    finally:
        engine.dispose()


def digests(connection: Connection) -> dict[str, DumpedTable]:
    """Return what each table holds, as a dump would name it."""
    return {table.name: dump_table(connection, table) for table in tables_of(connection)}


def check_chains(session: Session) -> int:
    """Check every model's chain of promotions in every scope; return how many links there are.

    Raises
    ------
    LedgerCorrupted
        One does not verify.
    """
    links = 0
    asked = union(*(select(table.scope, table.model) for table in (PromotionRow, ChampionRow)))
    for scope, model in session.execute(asked).all():
        history = promotions.history(session, scope, model)
        check_chain(scope, history, promotions.champion(session, scope, model))
        links += len(history)
    return links


def _keep_others_out(connection: Connection) -> None:
    """Let readers go on and writers wait: SQLite's transaction does so since it began."""
    if connection.dialect.name != "postgresql":
        return
    lock_for_transaction(connection, "finrisk/migrate")
    names = ", ".join(f'"{table.name}"' for table in tables_of(connection))
    connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def _counts(connection: Connection) -> dict[str, int]:
    count = select(func.count())
    return {
        table.name: connection.scalar(count.select_from(table)) or 0
        for table in tables_of(connection)
    }


def _demand_same(
    url: str,
    connection: Connection,
    held: Mapping[str, int],
    expected: Mapping[str, DumpedTable],
) -> None:
    found = digests(connection)
    others = [name for name in sorted(found) if found[name] != expected[name]]
    if not others:
        return
    told = ", ".join(
        f"{name} ({held[name]:,} here, {expected[name].rows:,} there)" for name in others
    )
    raise PromotionError(
        f"the ledger {without_credentials(url)} holds rows that are not the backup's",
        expected="an empty ledger, or exactly what is restored",
        got=f"others in {told}",
        remedy="restore into a new FINRISK_HOME or database, and keep this one: a ledger is never "
        "overwritten",
    )


def _fill(connection: Connection, folder: Path, expected: Mapping[str, DumpedTable]) -> None:
    """Insert every row, and see that what the tables hold now is what was dumped."""
    tables = tables_of(connection)
    if {table.name for table in tables} != expected.keys():
        raise BackupRejected(
            "the backup has other tables than its schema",
            expected=", ".join(sorted(table.name for table in tables)),
            got=", ".join(sorted(expected)),
            remedy=EDITED,
        )
    for table in tables:
        _insert(connection, table, folder)
    changed = [name for name, found in digests(connection).items() if found != expected[name]]
    if changed:
        raise BackupRejected(
            f"rows of {', '.join(changed)} are not as a ledger writes them", remedy=EDITED
        )


def _insert(connection: Connection, table: Table, folder: Path) -> None:
    rows = _rows(table, folder / f"{table.name}{ENDING}")
    try:
        while batch := list(islice(rows, AT_ONCE)):
            connection.execute(insert(table), batch)
    except (IntegrityError, DataError, ProgrammingError) as exc:
        raise BackupRejected(
            f"rows of {table.name} do not fit this database",
            got=next(iter(str(exc.orig).splitlines()), type(exc.orig).__name__),
            remedy=EDITED,
        ) from exc


def _rows(table: Table, path: Path) -> Iterator[dict[str, object]]:
    with path.open("rb") as file:
        for number in range(1, 1 << 62):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                return
            try:
                yield from_line(table, line)
            except ValueError as exc:
                raise BackupRejected(
                    f"{table.name}, line {number}: no row of this table",
                    got=str(exc),
                    remedy=EDITED,
                ) from exc
