"""Rows from a database: one SELECT with bound days, in a transaction that only reads.

Neither the address, which holds a password, nor a driver's own words, which quote the row they
stumbled over, reach a message: a connection is named, and an error by its class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Date, Engine, NullPool, bindparam, create_engine, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from finrisk.config import Connections, anchored
from finrisk.data.maturity import add_months
from finrisk.data.partitions import Partition
from finrisk.errors import LandingError, SettingsError, Unreachable
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FIRST_DAY, LAST_DAY, SqlSource

WAIT_SECONDS = 10  # for a connection; then Unreachable, never a hang
ROWS_AT_ONCE = 50_000
READ_ONLY = {"postgresql": "SET TRANSACTION READ ONLY", "sqlite": "PRAGMA query_only = ON"}
EVER = date(1900, 1, 1)
SHORTEST_MONTH_DAYS = 28
DAYS_A_DAILY_VINTAGE = 2  # a lender without weekends and holidays has a vintage on 2 days of 3


def read_query(
    spec: ModelSpec, source: SqlSource, home: Path, as_of: date, connections: Connections
) -> Partition:
    """Read the rows that a model's query selects.

    Parameters
    ----------
    spec, source : ModelSpec, SqlSource
        Whose rows, and where they are.
    home : Path
        What a relative SQLite address starts from.
    as_of : date
        Bound to ``:last_day``; ``:first_day`` is :func:`first_day_needed`.
    connections : callable
        Gives the address of the connection that the source names.

    Returns
    -------
    Partition
        Named after the connection, with every column of the query.

    Raises
    ------
    SettingsError
        The connection has no address, or none that can be used.
    Unreachable
        The database does not answer.
    LandingError
        It answers that the query cannot be run.
    """
    engine = _engine(source.connection, anchored(connections(source.connection), home))
    days = {FIRST_DAY: first_day_needed(spec, as_of), LAST_DAY: as_of}
    query = text(source.query).bindparams(
        *(bindparam(name, days[name], Date()) for name in source.bound)
    )
    try:
        with _reading(engine, source.connection) as connection, _telling_no_row(spec, source):
            result = connection.execution_options(stream_results=True).execute(query)
            names = tuple(result.keys())
            _demand_once(names, spec)
            table = _table(names, result.partitions(ROWS_AT_ONCE))
    finally:
        engine.dispose()
    return Partition(source.connection, table, names)


def first_day_needed(spec: ModelSpec, as_of: date) -> date:
    """Return the first day of rows that the split of a night may use.

    Counted back from ``as_of`` in whole months, each part rounded up: the wait until a vintage is
    believed, the hold-out, the embargo, development, what windows look back on, and one month
    to spare.

    Examples
    --------
    >>> from finrisk.specs.training import Training
    >>> spec = ModelSpec.model_construct(training=Training())
    >>> first_day_needed(spec, date(2024, 8, 5))
    datetime.date(1900, 1, 1)
    """
    development = spec.training.max_vintages
    if development is None:
        return EVER
    holdout, label = spec.gate.holdout, spec.label
    days = label.performance_window_days + label.reporting_lag_days
    vintages = development + holdout.max_vintages + 1  # the one beside the hold-out is left out
    if spec.time.vintage == "day":
        vintages = _months(vintages * DAYS_A_DAILY_VINTAGE)
    waiting = 1 + label.performance_window_months + _months(days)  # 1: the month of as_of itself
    days = holdout.embargo_days + spec.look_back_days
    months = waiting + vintages + _months(days) + 1
    since_ever = (as_of.year - EVER.year) * 12 + as_of.month - EVER.month
    return add_months(as_of.replace(day=1), -min(months, since_ever))


def _months(days: int) -> int:
    return math.ceil(days / SHORTEST_MONTH_DAYS)


def _engine(name: str, address: str) -> Engine:
    try:
        url = make_url(address)
        wait = {"sqlite": "timeout", "postgresql": "connect_timeout"}.get(url.get_backend_name())
        return create_engine(
            url, poolclass=NullPool, connect_args={wait: WAIT_SECONDS} if wait else {}
        )
    except (ArgumentError, NoSuchModuleError, ValueError):
        # from None here and below: these errors quote the address or a row
        raise SettingsError(
            f"the connection {name!r} has no address that can be used",
            expected="a SQLAlchemy address: postgresql+psycopg://user:password@host/database",
        ) from None
    except ModuleNotFoundError as exc:
        raise SettingsError(
            f"the connection {name!r} needs a database driver",
            got=f"no module named {exc.name}",
            remedy=f"pip install {exc.name}",
        ) from None


@contextmanager
def _reading(engine: Engine, name: str) -> Iterator[Connection]:
    """Open a transaction that only reads, and roll it back whatever happens."""
    dialect, database = engine.dialect.name, engine.url.database
    if dialect == "sqlite" and not (database and Path(database).is_file()):
        raise _unreachable(name, "no such file")  # connecting would create it
    try:
        connection = engine.connect()
        if dialect in READ_ONLY:
            connection.execute(text(READ_ONLY[dialect]))
    except SQLAlchemyError as exc:
        raise _unreachable(name, _named(exc)) from None
    with connection:
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def _telling_no_row(spec: ModelSpec, source: SqlSource) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, ValueError) as exc:
        if isinstance(exc, DBAPIError) and exc.connection_invalidated:
            raise _unreachable(source.connection, _named(exc)) from None
        raise LandingError(
            f"the query of model {spec.name!r} cannot be run on {source.connection!r}",
            got=_named(exc),
            remedy="run source.query with the database's own client; it names the fault",
        ) from None


def _named(exc: Exception) -> str:
    """Name the driver's error by its class."""
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    return type(cause).__name__


def _unreachable(name: str, why: str) -> Unreachable:
    return Unreachable(
        f"the database of the connection {name!r} does not answer",
        got=why,
        remedy="see that it runs and that the connection's address is right, then run again",
    )


def _demand_once(names: Sequence[str], spec: ModelSpec) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LandingError(
            f"the query of model {spec.name!r} gives column {twice[0]!r} twice",
            remedy="name every column once in source.query",
        )


def _table(names: Sequence[str], batches: Iterator[Sequence[Any]]) -> pa.Table:
    """Gather rows by column; a column keeps its own type where it has one."""
    chunks: list[list[pa.Array]] = [[] for _ in names]
    for rows in batches:
        for gathered, cells in zip(chunks, zip(*rows, strict=True), strict=True):
            gathered.append(_array(cells))
    return pa.table({name: _of_one_type(c) for name, c in zip(names, chunks, strict=True)})


def _array(cells: Sequence[Any]) -> pa.Array:
    """SQLite may hold any type in any cell; cells that do not agree are text, as in a CSV."""
    try:
        found = pa.array(cells)
    except (pa.ArrowException, OverflowError):
        found = None
    if found is None or not _is_plain(found.type):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    return found


def _is_plain(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_null,
            pa.types.is_boolean,
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_date,
            pa.types.is_timestamp,
            pa.types.is_string,
        )
    )


def _of_one_type(chunks: Sequence[pa.Array]) -> pa.ChunkedArray:
    if not chunks:
        return pa.chunked_array([], pa.null())
    schemas = [pa.schema([("cells", chunk.type)]) for chunk in chunks]
    try:
        kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        return pa.chunked_array([chunk.cast(kind) for chunk in chunks])
    except pa.ArrowException:
        return pa.chunked_array([chunk.cast(pa.string()) for chunk in chunks])
