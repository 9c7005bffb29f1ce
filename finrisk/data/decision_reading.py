"""Parts of the decision log as one table, whatever versions wrote them.

Two versions may have other features, so a column that a part lacks is null in its rows, and one
that is a number here and a word there is text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from finrisk.data.decision_rows import (
    ARTIFACT,
    CLUSTER,
    FORM,
    HEADER,
    OWN,
    SCORED_AT,
    SLICE,
    PartHeader,
)
from finrisk.data.row_hashing import ROW
from finrisk.errors import ConfigurationError, DataError

ROWS_AT_ONCE = 131_072

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A file of the log, and what it says of itself."""

    path: Path
    header: PartHeader


def part_header(path: Path) -> PartHeader:
    """Read what a part says of itself.

    Raises
    ------
    DataError
        It cannot be read, or is written in a form that this reader does not know.
    """
    try:
        told = (pq.read_schema(path).metadata or {})[HEADER]
        document = json.loads(told)
        if document["form"] != FORM:
            raise _another_form(path, document["form"])
        return PartHeader.from_json(document)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, ValidationError) as exc:
        raise _unreadable(path) from exc


def batches_of(
    parts: Sequence[StoredPart], columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of parts, which come by day; of a row and an artifact the last one counts.

    Raises
    ------
    ConfigurationError
        A column begins with ``_`` and is none of the log's.
    DataError
        A part cannot be read.
    """
    schema = schema_of(parts, columns)
    return _streamed(parts, schema)


def frame_of(parts: Sequence[StoredPart], columns: Sequence[str] | None) -> pd.DataFrame:
    """Return the same rows as a frame; raises as :func:`batches_of` does."""
    schema = schema_of(parts, columns)
    table = pa.Table.from_batches(_streamed(parts, schema), schema)
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    for field in schema:
        if pa.types.is_string(field.type):
            frame[field.name] = frame[field.name].astype("str")
        elif pa.types.is_date(field.type):
            frame[field.name] = frame[field.name].astype("datetime64[us]")
        elif pa.types.is_integer(field.type):
            frame[field.name] = frame[field.name].astype("Int64")
    return frame


def schema_of(parts: Sequence[StoredPart], columns: Sequence[str] | None) -> pa.Schema:
    """Return the columns of some parts together, the log's own first; or those asked for.

    Raises
    ------
    ConfigurationError
        A column begins with ``_`` and is none of the log's.
    """
    kinds = {field.name: field.type for field in OWN}
    for part in parts:
        for field in pq.read_schema(part.path):
            known = kinds.setdefault(field.name, field.type)
            kinds[field.name] = known if known == field.type else pa.string()
    for name in columns or ():
        if name.startswith("_") and name not in OWN.names and not name.startswith((SLICE, CLUSTER)):
            raise ConfigurationError(
                f"the decision log has no column {name!r}",
                expected=f"one of {', '.join(OWN.names)}",
            )
    wanted = kinds if columns is None else columns
    return pa.schema([(name, kinds.get(name, pa.null())) for name in wanted])


def _streamed(parts: Sequence[StoredPart], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for _, of_day in groupby(parts, key=lambda part: part.header.as_of):
        together = list(of_day)
        for part, counts in zip(together, _counting(together), strict=True):
            yield from _rows(part.path, counts, schema)


def _counting(parts: Sequence[StoredPart]) -> list[Mask | None]:
    """Mark the rows of each of a day's parts that no later scoring by the same bytes replaces.

    A version that was restored has another number and the same bytes. None stands for all of them:
    a part holds each row once, so one alone need not be compared.
    """
    if len(parts) == 1:
        return [None]
    artifacts = sorted({part.header.artifact_sha256 for part in parts})
    keys = [
        _read(part.path, [ROW, SCORED_AT])
        .to_pandas()
        .assign(**{ARTIFACT: artifacts.index(part.header.artifact_sha256)})
        for part in parts
    ]
    every = pd.concat(keys, ignore_index=True).sort_values(SCORED_AT, kind="stable")
    counts = (~every.duplicated([ROW, ARTIFACT], keep="last")).sort_index().to_numpy()
    return list(np.split(counts, np.cumsum([len(key) for key in keys])[:-1]))


def _rows(path: Path, counts: Mask | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    start = 0
    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            # at least one column: rows of none cannot be counted
            wanted = [name for name in schema.names if name in there] or [ROW]
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
                chosen = batch
                if counts is not None:
                    chosen = batch.filter(pa.array(counts[start : start + batch.num_rows]))
                start += batch.num_rows
                if chosen.num_rows:
                    yield _as(schema, chosen)
    except (pa.ArrowException, OSError) as exc:
        raise _unreadable(path) from exc


def _as(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _read(path: Path, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise _unreadable(path) from exc


def _unreadable(path: Path) -> DataError:
    return DataError(
        f"{path} cannot be read as a part of the decision log",
        remedy="restore it from your backup; or remove it and score that day again",
    )


def _another_form(path: Path, form: object) -> DataError:
    return DataError(
        f"{path} is written in another form of the decision log",
        expected=f"form {FORM}",
        got=f"form {form!r}"[:80],
        remedy="read it with the version of FinRisk that wrote it, or with a newer one",
    )
