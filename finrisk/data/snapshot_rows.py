"""A snapshot that is read some rows at a time: what does not fit into memory is never there whole.

The bytes give the snapshot's name before the first row is read, and the file that was verified
stays open: one that takes its place meanwhile is another file. One that was written into is
refused once the reading is over, before anything comes of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finrisk.errors import SnapshotMismatch

PART = "_part"
Part = Literal["development", "holdout"]

BATCH_ROWS = 1 << 17
"""Rows of a frame in memory: thirty columns of them are 30 MB."""

BUFFER_BYTES = 1 << 20  # of one column that is read; else all of its row group is


_State = tuple[int, int, int]  # which file, and when it was last written into


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows of one row group: what one task of a cluster reads."""

    group: int
    first: int
    rows: int


class SnapshotRows:
    """A verified snapshot, open for reading.

    Parameters
    ----------
    file : binary file
        Of the snapshot, at its start; it must stay open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._parquet = pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)
        self._schema: pa.Schema = self._parquet.schema_arrow
        self._whole_numbers = self._integers_with_gaps()
        self._part_rows: dict[Part, int] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(self._schema.names)

    @property
    def all_rows(self) -> int:
        """How many rows both parts have."""
        return int(self._parquet.metadata.num_rows)

    def rows(self, part: Part) -> int:
        """Return how many rows a part has."""
        if part not in self._part_rows:
            self._part_rows[part] = sum(b.num_rows for b in self._tables(part, [PART], BATCH_ROWS))
        return self._part_rows[part]

    def batches(
        self, part: Part, columns: Sequence[str], *, most_rows: int = BATCH_ROWS
    ) -> Iterator[pd.DataFrame]:
        """Give a part's rows in their order, at most so many at a time.

        Parameters
        ----------
        columns : sequence of str
            Those to read; the others cost nothing.

        Yields
        ------
        DataFrame
            Of the types that :meth:`finrisk.data.snapshots.SnapshotStore.open` gives.
        """
        for table in self._tables(part, columns, most_rows):
            yield self._frame(table)

    def column(self, part: Part, name: str) -> pd.Series:
        """Return one column of a part whole, as a frame of the part would have it."""
        parts = list(self._tables(part, [name], BATCH_ROWS))
        schema = pa.schema([self._schema.field(name)])
        return self._frame(pa.concat_tables([schema.empty_table(), *parts]))[name]

    def nothing(self) -> pd.DataFrame:
        """Return all columns of no row."""
        return self._frame(self._schema.empty_table())

    def stretches(self, most_rows: int) -> list[Stretch]:
        """Cut all rows into stretches of at most so many rows, none across two row groups."""
        found = []
        for group in range(self._parquet.num_row_groups):
            rows = self._parquet.metadata.row_group(group).num_rows
            pieces = -(-rows // most_rows)
            ends = [rows * n // pieces for n in range(pieces + 1)]
            found += [Stretch(group, first, end - first) for first, end in pairwise(ends)]
        return found

    def stretch(self, where: Stretch, part: Part, columns: Sequence[str]) -> pd.DataFrame:
        """Return a part's rows of one stretch; it decodes that row group, and no other."""
        if not self._may_hold(where.group, part):
            return self._frame(pa.schema([self._schema.field(c) for c in columns]).empty_table())
        wanted = list(dict.fromkeys((*columns, PART)))
        table = self._parquet.read_row_group(where.group, columns=wanted)
        return self._frame(_of_part(table.slice(where.first, where.rows), part, columns))

    def _tables(self, part: Part, columns: Sequence[str], most_rows: int) -> Iterator[pa.Table]:
        """Give a part's rows group after group; where it holds no other, nothing is sorted out."""
        for group in range(self._parquet.num_row_groups):
            if not self._may_hold(group, part):
                continue
            whole = self._holds_only(group, part)
            wanted = list(columns) if whole else list(dict.fromkeys((*columns, PART)))
            for batch in self._parquet.iter_batches(most_rows, row_groups=[group], columns=wanted):
                table = pa.Table.from_batches([batch])
                table = table.select(list(columns)) if whole else _of_part(table, part, columns)
                if table.num_rows:
                    yield table

    def _holds_only(self, group: int, part: Part) -> bool:
        of = self._parquet.metadata.row_group(group).column(self._place(PART)).statistics
        return of is not None and of.has_min_max and bool(of.min == part == of.max)

    def _may_hold(self, group: int, part: Part) -> bool:
        """Whether a row group can hold rows of a part, by the ends that its writer noted."""
        of = self._parquet.metadata.row_group(group).column(self._place(PART)).statistics
        return of is None or not of.has_min_max or bool(of.min <= part <= of.max)

    def _place(self, name: str) -> int:
        return int(self._schema.get_field_index(name))

    def _integers_with_gaps(self) -> frozenset[str]:
        """Return the integer columns that pandas has as floats, because a row somewhere has none.

        A batch without one would have integers, and 12 is another word than 12.0.
        """
        found = set()
        for field in self._schema:
            if not pa.types.is_integer(field.type):
                continue
            for group in range(self._parquet.num_row_groups):
                of = self._parquet.metadata.row_group(group).column(self._place(field.name))
                if of.statistics is None or of.statistics.null_count:
                    found.add(field.name)
        return frozenset(found)

    def _frame(self, table: pa.Table) -> pd.DataFrame:
        frame = as_frame(table)
        gaps = self._whole_numbers.intersection(frame.columns)
        return frame.astype(dict.fromkeys(gaps, "float64"))


@contextmanager
def reading(path: Path, sha256: str) -> Iterator[SnapshotRows]:
    """Open a snapshot's file for reading, once its bytes gave its name.

    Raises
    ------
    SnapshotMismatch
        There is none, its bytes give another name, or they changed while they were read.
    """
    with _opened(path, sha256) as file:
        before = _state(file)
        _demand_name(file, sha256)
        yield SnapshotRows(file)
        if _state(file) != before:
            raise not_as_frozen(sha256, "other bytes while it was read")


@contextmanager
def reading_again(path: Path, sha256: str) -> Iterator[SnapshotRows]:
    """Open a snapshot as :func:`reading` does; hash it once a process, and where it changed.

    A cluster's worker reads one stretch after the other of what may be a hundred gigabytes.
    """
    with _opened(path, sha256) as file:
        _demand_name_once(path, sha256, _state(file))
        yield SnapshotRows(file)


def _opened(path: Path, sha256: str) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as exc:
        raise not_there(path, sha256) from exc


@lru_cache(maxsize=8)
def _demand_name_once(path: Path, sha256: str, state: _State) -> None:
    with path.open("rb") as file:
        _demand_name(file, sha256)
        if _state(file) != state:
            raise not_as_frozen(sha256, "another file in its place")


def _demand_name(file: BinaryIO, sha256: str) -> None:
    if (got := hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()) != sha256:
        raise not_as_frozen(sha256, got)
    file.seek(0)


def not_there(path: Path, sha256: str) -> SnapshotMismatch:
    """Return the error of a snapshot without a file."""
    return SnapshotMismatch(
        f"no snapshot {sha256[:12]}…",
        expected=f"{path}",
        remedy="restore the store from its backup",
    )


def not_as_frozen(sha256: str, got: str) -> SnapshotMismatch:
    """Return the error of a snapshot whose bytes do not give its name."""
    return SnapshotMismatch(
        f"snapshot {sha256[:12]}… is not what was frozen",
        expected=sha256,
        got=got,
        remedy="restore the store from its backup, or freeze the night again",
    )


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Return frozen rows as pandas has them: text as ``str``, flags as ``boolean``."""
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        if pa.types.is_string(field.type):
            frame[field.name] = frame[field.name].astype("str")
        elif pa.types.is_boolean(field.type):
            frame[field.name] = frame[field.name].astype("boolean")
    return frame


def rows_among(ids: pd.Series, batches: Iterator[pd.DataFrame], name: str) -> int:
    """Return how many of some ids, shape (n,), stand in a column of any of the batches.

    The ids are in memory, the batches one at a time.

    Examples
    --------
    >>> ids = pd.Series(["a", "b", "c"])
    >>> rows_among(ids, iter([pd.DataFrame({"id": ["c", "x"]}), pd.DataFrame({"id": ["c"]})]), "id")
    1
    """
    wanted = pa.array(ids, type=pa.string())
    met: NDArray[np.bool_] = np.zeros(len(ids), dtype=bool)
    for batch in batches:
        places: Any = pc.index_in(pa.array(batch[name], type=pa.string()), value_set=wanted)
        met[places.drop_null().to_numpy()] = True
    return int(met.sum())


def _of_part(table: pa.Table, part: Part, columns: Sequence[str]) -> pa.Table:
    return table.filter(pc.equal(table.column(PART), part)).select(list(columns))


def _state(file: BinaryIO) -> _State:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns
