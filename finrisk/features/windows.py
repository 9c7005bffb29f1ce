"""Features of an entity's earlier rows, in DuckDB: one query for frames and for files out of core.

What a window holds says :class:`finrisk.specs.windows.Window`; how it is asked for,
:mod:`finrisk.features.window_query`. A row without an entity is nobody's: it has no past, and is
alone in a window that holds the row itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.errors import ConfigurationError, ContractBreach
from finrisk.features.window_query import (
    BAD_ON,
    ROW_ID,
    TIME,
    entity_names,
    value_names,
    window_query,
)
from finrisk.specs.model_spec import ModelSpec

__all__ = [
    "BAD_ON",
    "EVENT_DAY",
    "ROW_ID",
    "window_features",
    "window_rows",
    "write_window_features",
]

EVENT_DAY = "_event_day"
PLACE = "_place"
LARGEST = 2.0**60  # a quintillion: 2²⁷ rows of it fit into a sum of UNITS


def window_features(
    rows: pd.DataFrame, spec: ModelSpec, first: date, last: date, *, threads: int
) -> pd.DataFrame:
    """Return the features of windows for the rows of some days.

    Parameters
    ----------
    rows : DataFrame, n rows
        The rows of these days and of the ``spec.look_back_days`` before them, in any order:
        ``_row_id`` (text), the time column (datetime64), each window's entity and mean column, and
        ``_bad_on`` (datetime64): the day on which the row was reported bad, NaT where it was not.
        Where the label stands in the row, that is the row's own day.
    spec : ModelSpec
        Whose windows.
    first, last : date
        The event days wanted, both included.
    threads : int
        How many DuckDB may use; the answer does not depend on it.

    Returns
    -------
    DataFrame, one row for each row of these days, ordered by event day, then row id
        ``_row_id``, ``_event_day`` (datetime64[us], midnight) and ``spec.window_features``
        (float64; NaN for the mean of no value).

    Raises
    ------
    ContractBreach
        A column is not there, or holds numbers of 2⁶⁰ or more.
    ConfigurationError
        The spec has no windows, or ``last`` is before ``first``.
    """
    _check(spec, first, last)
    table = window_rows(rows, spec, interned=True)
    table = table.append_column(PLACE, pa.array(np.arange(len(rows), dtype=np.int64)))
    carried = {PLACE: PLACE, TIME: TIME}
    with tempfile.TemporaryDirectory() as spill, _connected(threads, Path(spill)) as connection:
        connection.register("given", table)
        query = window_query(spec, "given", first, last, carried)
        found = connection.sql(query).to_arrow_table()
    days = found[TIME].to_numpy().astype("datetime64[D]")
    columns = {
        ROW_ID: rows[ROW_ID].astype("str").array.take(found[PLACE].to_numpy()),
        EVENT_DAY: days.astype("datetime64[us]"),
        **{name: found[name].to_numpy().astype("float64") for name in spec.window_features},
    }
    return pd.DataFrame(columns).sort_values([EVENT_DAY, ROW_ID], ignore_index=True)


def write_window_features(
    files: Sequence[Path],
    spec: ModelSpec,
    first: date,
    last: date,
    out: Path,
    *,
    carried: Mapping[str, str],
    threads: int,
    memory_mb: int,
    spill: Path,
    ordered: bool = False,
) -> int:
    """Write the features of windows from Parquet files to one, in bounded memory.

    Parameters
    ----------
    files : sequence of Path
        Rows as :func:`window_rows` gives them, with the carried columns beside them.
    spec, first, last, threads
        As for :func:`window_features`.
    out : Path
        Is written over: the carried columns and ``spec.window_features`` (double, missing: null).
    carried : mapping of str to str
        Columns that are passed on: what each is called in the files, and in ``out``. The row id is
        among them.
    memory_mb : int
        How many 2²⁰ bytes DuckDB may hold; what goes beyond waits in ``spill``.
    spill : Path
        A folder.
    ordered : bool
        By time, rows of one moment by their id: a fifth slower. Else in whatever order they come,
        which may be another the next time.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ConfigurationError
        ``memory_mb`` is too little even so.
    """
    listed = ", ".join(_text(str(file)) for file in files)
    relation = f"read_parquet([{listed}])"
    query = window_query(spec, relation, first, last, carried, ordered=ordered)
    written = f"COPY ({query}) TO {_text(str(out))} (FORMAT parquet)"
    try:
        with _connected(threads, spill, memory_mb) as connection:
            done = connection.execute(written).fetchone()
    except duckdb.OutOfMemoryException as exc:
        raise ConfigurationError(
            f"the windows of {spec.name!r} do not fit into {memory_mb} MB",
            remedy="allow more memory, fewer threads, or make room for temporary files",
        ) from exc
    return int(done[0]) if done else 0


def window_rows(rows: pd.DataFrame, spec: ModelSpec, *, interned: bool = False) -> pa.Table:
    """Return rows as the query reads them.

    Parameters
    ----------
    rows : DataFrame
        As for :func:`window_features`; row ids and entities may be whole numbers, too.
    spec : ModelSpec
        Whose windows.
    interned : bool
        Whether entities become numbers, which are quicker to sort; good for one table only.

    Raises
    ------
    ContractBreach
        A column is not there, or a value is 2⁶⁰ or more.
    """
    entities, values, time = entity_names(spec), value_names(spec), str(spec.time.column)
    needed = (ROW_ID, time, *entities, *values, BAD_ON)
    if absent := [column for column in needed if column not in rows.columns]:
        raise ContractBreach(
            f"{len(absent)} column(s) that windows are made of are not there: "
            f"{', '.join(absent[:5])}",
            expected=f"the {len(needed)} columns of the windows of {spec.name!r}",
            remedy="pass the landed rows, and the day on which each was reported bad",
        )
    columns = {ROW_ID: pa.array(rows[ROW_ID], from_pandas=True), TIME: _microseconds(rows[time])}
    columns[BAD_ON] = _microseconds(pd.to_datetime(rows[BAD_ON]).dt.normalize())
    for column, name in entities.items():
        columns[name] = _codes(rows[column]) if interned else pa.array(rows[column])
    columns |= {name: _values(rows[column]) for column, name in values.items()}
    return pa.table(columns)


def _check(spec: ModelSpec, first: date, last: date) -> None:
    if not spec.windows:
        raise ConfigurationError(f"model {spec.name!r} declares no windows")
    if last < first:
        raise ConfigurationError(
            "the last day is before the first", expected=f"{first} or later", got=last
        )


@contextmanager
def _connected(
    threads: int, spill: Path, memory_mb: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database of its own in memory, which loads no extension from anywhere."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    if memory_mb is not None:
        config["memory_limit"] = f"{memory_mb}MiB"
    connection = duckdb.connect(config=config)
    try:
        yield connection
    finally:
        connection.close()


def _microseconds(times: pd.Series) -> pa.Array:
    moments = pd.to_datetime(times).to_numpy().astype("datetime64[us]")
    return pa.array(moments.astype(np.int64), mask=np.isnat(moments))


def _codes(entities: pd.Series) -> pa.Array:
    codes, _ = pd.factorize(entities)  # missing: -1
    return pa.array(codes, mask=codes < 0)


def _values(column: pd.Series) -> pa.Array:
    numbers: NDArray[np.float64] = column.to_numpy(dtype="float64", na_value=np.nan)
    known = np.isfinite(numbers)
    if (np.abs(numbers[known]) >= LARGEST).any():
        raise ContractBreach(
            f"column {column.name!r} holds numbers too large for a mean over windows",
            expected=f"less than {LARGEST:.3g}",
            remedy="declare 'max' for the column, and correct the rows",
        )
    return pa.array(numbers, mask=~known)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
