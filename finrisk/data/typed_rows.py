"""One partition's cells, given the types that the spec declares, and the identity of its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import coerce, texts, trimmed
from finrisk.data.partitions import Partition
from finrisk.data.words import declared_words
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION, SqlSource

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TypedRows:
    """Every row of a partition.

    Attributes
    ----------
    row_ids : Series of str, n rows
        The key as text, or file and position.
    columns : dict of str to Series, n rows each
        Every declared column, missing throughout where the partition lacks it.
    wrong : dict of str to bool array, shape (n rows,)
        By column, only where there are any: the cells that did not fit, now missing.
    """

    row_ids: pd.Series
    columns: dict[str, pd.Series]
    wrong: dict[str, Mask]


def absent_essential(partition: Partition, spec: ModelSpec) -> str | None:
    """Name a column without which a row cannot even be placed: its key or its day."""
    essential = (spec.row_key, spec.time.column)
    wanted = (c for c in essential if c is not None and c != FILE_POSITION)
    return next((c for c in wanted if c not in partition.header), None)


def typed_rows(partition: Partition, spec: ModelSpec) -> TypedRows:
    """Give a partition's cells their declared types; it must have its key and its day."""
    source = spec.source
    # SQLite has no dates and few types, so a database's text is parsed, as that of a CSV is
    parse = isinstance(source, SqlSource) or source.format == "csv"
    table = _key_trimmed(partition.table, spec) if parse else partition.table
    columns: dict[str, pd.Series] = {}
    wrong: dict[str, Mask] = {}
    for name, column in spec.columns.items():
        absent = name not in table.column_names
        found = coerce(
            pa.chunked_array([pa.nulls(table.num_rows)]) if absent else table.column(name),
            column.type,
            parse=absent or parse,
            timezone=spec.schedule.timezone,
            meant=declared_words(spec, name),
        )
        columns[name] = found.values
        if found.wrong.any():
            wrong[name] = found.wrong
    return TypedRows(_row_ids(partition, table, spec), columns, wrong)


def _row_ids(partition: Partition, table: pa.Table, spec: ModelSpec) -> pd.Series:
    if spec.row_key == FILE_POSITION:
        return f"{partition.stem}#" + pd.Series(np.arange(table.num_rows)).astype("str")
    return texts(table.column(spec.row_key))


def _key_trimmed(table: pa.Table, spec: ModelSpec) -> pa.Table:
    if spec.row_key == FILE_POSITION:
        return table
    position = table.column_names.index(spec.row_key)
    return table.set_column(position, spec.row_key, trimmed(table.column(position)))
