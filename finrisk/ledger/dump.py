"""All rows of the ledger in files, of one moment and every scope: what a backup holds of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, select, union

from finrisk.addresses import without_credentials
from finrisk.errors import Unreachable
from finrisk.ledger.engine import open_engine, reading, revision_of
from finrisk.ledger.migrate import refuse_newer, revision_at
from finrisk.ledger.portable_rows import in_order, tables_of, to_line
from finrisk.ledger.schema import remedy_of_schema
from finrisk.records import Record

ENDING = ".jsonl"
AT_ONCE = 500  # rows that are in memory together
NAME_ARTIFACTS = ("promotions", "champions", "signatures")


@dataclass(frozen=True, slots=True)
class DumpedTable(Record):
    """A table's rows as a file: how many, and the sha256 of their lines."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ChainHead(Record):
    """The newest link of a model's promotions: kept elsewhere, it shows a chain sealed anew."""

    scope: str
    model: str
    epoch: int
    hash: str


@dataclass(frozen=True, slots=True)
class LedgerDump:
    """What was dumped.

    Parameters
    ----------
    schema : str
        The revision the rows are of.
    scopes : tuple of str
    tables : dict of str to DumpedTable
    chains : tuple of ChainHead
        Of every model that was ever promoted, by scope and name.
    artifacts : tuple of str
        sha256 of the bytes of every version that is or was champion, or that a person signed.
    serving : dict of str to str
        Of those that are champion now, to whose they are, in words.
    """

    schema: str
    scopes: tuple[str, ...]
    tables: dict[str, DumpedTable]
    chains: tuple[ChainHead, ...]
    artifacts: tuple[str, ...]
    serving: dict[str, str]


def dump(url: str, folder: Path) -> LedgerDump:
    """Write every table into a folder, as ``<table>.jsonl``, in one reading transaction.

    Nobody waits for it: writers go on, and what they write meanwhile is not in it.

    Parameters
    ----------
    url : str
        SQLAlchemy address of a ledger, of this release's schema or an earlier one.
    folder : Path
        Empty.

    Raises
    ------
    Unreachable
        The database does not answer, or holds no ledger.
    ConfigurationError
        A later release has been at it.
    """
    schema = _schema_of(url)
    engine = open_engine(url)
    try:
        with reading(engine) as session:
            connection = session.connection()
            return _dumped(connection, revision_of(connection) or schema, folder)
    finally:
        engine.dispose()


def _schema_of(url: str) -> str:
    """Return the schema; asked before anything is opened, since that would make SQLite's file."""
    revision = revision_at(url)
    refuse_newer(url, revision)
    if revision is None:
        raise Unreachable(
            f"there is no ledger at {without_credentials(url)}",
            expected="one to back up",
            remedy=f"see that FINRISK_HOME and FINRISK_LEDGER_URL name yours; a new one: "
            f"{remedy_of_schema(None)}",
        )
    return revision


def _dumped(connection: Connection, schema: str, folder: Path) -> LedgerDump:
    tables = {table.name: table for table in tables_of(connection)}
    naming = [tables[name] for name in NAME_ARTIFACTS if name in tables]
    scopes = union(*(select(table.c.scope) for table in tables.values()))
    artifacts = union(*(select(table.c.artifact_sha256) for table in naming))
    champions = tables["champions"].c
    asked = select(champions.artifact_sha256, champions.scope, champions.model)
    serving: dict[str, str] = {}
    for sha256, scope, model in connection.execute(asked.order_by(champions.scope)):
        told = f"{model} in scope {scope}"
        serving[sha256] = f"{serving[sha256]}, {told}" if sha256 in serving else told
    return LedgerDump(
        schema=schema,
        scopes=tuple(sorted(connection.scalars(scopes))),
        tables={name: dump_table(connection, tables[name], folder) for name in sorted(tables)},
        chains=tuple(_heads(connection, tables["promotions"])),
        artifacts=tuple(sorted(connection.scalars(artifacts))),
        serving=serving,
    )


def dump_table(connection: Connection, table: Table, folder: Path | None = None) -> DumpedTable:
    """Write one table's rows into its file; without a folder only tell what they would be."""
    digest, rows = hashlib.sha256(), 0
    with ExitStack() as stack:
        file = None
        if folder is not None:
            file = stack.enter_context((folder / f"{table.name}{ENDING}").open("wb"))
        for line in _lines(connection, table):
            digest.update(line)
            rows += 1
            if file is not None:
                file.write(line)
    return DumpedTable(rows, digest.hexdigest())


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    query = in_order(connection, table)
    with connection.execute(query, execution_options={"yield_per": AT_ONCE}) as found:
        for row in found.mappings():
            yield to_line(dict(row))


def _heads(connection: Connection, promotions: Table) -> Iterator[ChainHead]:
    columns = promotions.c
    asked = select(columns.scope, columns.model, columns.epoch, columns.hash)
    newest = {
        (scope, model): (epoch, sealed)
        for scope, model, epoch, sealed in connection.execute(asked.order_by(columns.epoch))
    }
    for scope, model in sorted(newest):
        yield ChainHead(scope, model, *newest[scope, model])
