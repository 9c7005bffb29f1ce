"""Landed files a piece at a time, for what need not be in memory whole.

Which files count, and when one is whole, is what :mod:`finrisk.data.partitions` says. A Parquet
file is verified and read by its row groups; a CSV file is read whole, since only its end tells that
it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.data.day_files import DayRange
from finrisk.data.partitions import (
    DELIVER_AGAIN,
    SIDECAR,
    Incomplete,
    Partition,
    demand_once,
    list_partitions,
    open_partition,
    verify,
)
from finrisk.errors import LandingError
from finrisk.specs.source import FileSource

PIECE_ROWS = 131_072
HASHED_BYTES = 2**20
MOST_PROBLEMS = 5


def landed_files(source: FileSource, home: Path, days: DayRange) -> dict[str, Path]:
    """Return the files that hold the rows of some days, by name and in its order.

    Parameters
    ----------
    source : FileSource
        Where they land. Without ``partition: day`` every file may hold rows of these days.
    home : Path
        What a relative path starts from.
    days : DayRange
        The days wanted.

    Raises
    ------
    LandingError
        Nothing landed, or a file of these days is misnamed, delivered twice, or only announced.
    """
    root = home / source.path
    listing = list_partitions(root, source.format, days if source.partition == "day" else None)
    found = {name: file for name, file in listing.files.items() if file is not None}
    announced = [f"{name}: announced, not there" for name in listing.files if name not in found]
    if problems := [*listing.problems, *announced]:
        shown = "; ".join(problems[:MOST_PROBLEMS])
        raise LandingError(f"{len(problems)} of the files in {root} cannot be used: {shown}")
    return found


def pieces_of(
    name: str, file: Path, source: FileSource, wanted: Collection[str]
) -> Iterator[Partition]:
    """Yield a file's rows, at most 131,072 at a time.

    Parameters
    ----------
    name : str
        What the file is called.
    file : Path
        Where it is.
    source : FileSource
        Its format, and whether it must have a sidecar.
    wanted : collection of str
        Columns to read.

    Raises
    ------
    LandingError
        It is not whole, or lacks a wanted column.
    """
    read = _parquet_pieces if source.format == "parquet" else _csv_pieces
    try:
        for piece in read(name, file, source, wanted):
            if absent := [column for column in wanted if column not in piece.header]:
                raise LandingError(f"{name}: no column {absent[0]!r}", remedy=DELIVER_AGAIN)
            yield piece
    except Incomplete as exc:
        raise LandingError(f"{name}: {exc}", remedy=DELIVER_AGAIN) from exc


def whole_number_columns(
    files: Iterable[Path], source: FileSource, columns: Collection[str]
) -> set[str]:
    """Return which of these columns hold whole numbers in every file: they need not become text."""
    found = set(columns) if source.format == "parquet" else set()
    for file in files if found else ():
        try:
            schema = pq.read_schema(file)
        except (pa.ArrowException, OSError):
            continue  # reading it says what is wrong
        found = {
            c
            for c in found
            if c in schema.names and pa.types.is_signed_integer(schema.field(c).type)
        }
    return found


def _csv_pieces(
    name: str, file: Path, source: FileSource, wanted: Collection[str]
) -> Iterator[Partition]:
    whole = open_partition(file, name, "csv", source.digest_sidecar, wanted)
    for batch in whole.table.to_batches(PIECE_ROWS):
        yield Partition(name, pa.Table.from_batches([batch]), whole.header)


def _parquet_pieces(
    name: str, file: Path, source: FileSource, wanted: Collection[str]
) -> Iterator[Partition]:
    try:
        with pa.OSFile(str(file)) as opened:  # one handle: what is parsed is what was verified
            verify(file, _sha256(opened, file), source.digest_sidecar)
            parsed = pq.ParquetFile(opened)
            header = tuple(parsed.schema_arrow.names)
            demand_once(list(header))
            present = [column for column in header if column in wanted]
            if parsed.metadata.num_rows == 0:
                raise Incomplete("no rows")
            for batch in parsed.iter_batches(PIECE_ROWS, columns=present):
                yield Partition(name, pa.Table.from_batches([batch]), header)
    except (pa.ArrowException, OSError, ValueError, KeyError) as exc:
        raise Incomplete("not a whole Parquet file") from exc


def _sha256(opened: pa.NativeFile, file: Path) -> str:
    digest = hashlib.sha256()
    if file.with_name(file.name + SIDECAR).exists():
        while block := opened.read(HASHED_BYTES):
            digest.update(block)
        opened.seek(0)
    return digest.hexdigest()
