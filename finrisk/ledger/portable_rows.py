"""Rows as lines of JSON: the same bytes from SQLite and from PostgreSQL, at whatever schema.

Tables are read from the database, not from ``schema``: a backup is made before an upgrade too, and
one of an earlier release is loaded as it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Float,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    event,
    select,
)
from sqlalchemy.types import TypeEngine

from finrisk.ledger.schema import Base, UtcDateTime, utc

LONGEST_LINE = 32 * 1024 * 1024  # a row is a few kB; one without an end would fill the memory
Reader = Callable[[Any], Any]


def tables_of(connection: Connection) -> list[Table]:
    """Return the ledger's tables as the database has them, what is referred to first."""
    metadata = MetaData()
    event.listen(metadata, "column_reflect", _portable_type)
    metadata.reflect(connection, only=lambda name, _: name in Base.metadata.tables)
    return metadata.sorted_tables


def in_order(connection: Connection, table: Table) -> Select[Any]:
    """Return the query for a table's rows by primary key, ordered alike on every database."""
    keys = [
        key.collate("C")
        if connection.dialect.name == "postgresql" and isinstance(key.type, String)
        else key
        for key in table.primary_key.columns
    ]
    return select(table).order_by(*keys)


def to_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as one line; columns by name, what a JSON column holds as it is."""
    document = {name: _written(row[name]) for name in sorted(row)}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def from_line(table: Table, line: bytes) -> dict[str, Any]:
    """Return a line's row, ready to insert.

    Raises
    ------
    ValueError
        It is no row of this table; the message holds none of its values.
    """
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE:,} bytes")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError("no JSON") from exc
    if not isinstance(document, dict) or document.keys() != set(table.columns.keys()):
        raise ValueError("other columns than the table's")
    return {column.name: _read(column, document[column.name]) for column in table.columns}


def _written(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it, and a column of numbers reads this one back
    if isinstance(value, datetime):
        return utc(value).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _read(column: Column[Any], value: Any) -> Any:
    if value is None and column.nullable:
        return None
    try:
        return _reader_of(column.type)(value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise ValueError(f"column {column.name} does not fit") from exc


def _reader_of(kind: TypeEngine[Any]) -> Reader:
    return next((read for of, read in READERS.items() if isinstance(kind, of)), _text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole_number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("no whole number")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("no number")
    return float(value)


def _json(value: Any) -> Any:
    return value


READERS: dict[type[TypeEngine[Any]], Reader] = {
    UtcDateTime: lambda value: utc(datetime.fromisoformat(value)),
    Date: date.fromisoformat,
    JSON: _json,
    Boolean: _truth,
    Double: _number,
    Integer: _whole_number,
}


def _portable_type(_inspector: object, _table: Table, column: dict[str, Any]) -> None:
    """Read and write a column as ``schema`` does, whatever the database calls its type."""
    kind = column["type"]
    if isinstance(kind, DateTime):
        column["type"] = UtcDateTime()
    elif isinstance(kind, JSON):
        column["type"] = JSON(none_as_null=True)
    elif isinstance(kind, Float):
        column["type"] = Double()
