"""A file that a person hands in to be scored, a piece at a time: CSV or Parquet.

Unlike what lands it has no sidecar, no name by its day and no revision. Errors never quote what the
parser stumbled over: that is a customer's row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finrisk.data.partitions import DELIMITERS, Incomplete, demand_once
from finrisk.errors import ConfigurationError, LandingError

PIECE_ROWS = 131_072
BLOCK_BYTES = 2**24
LONGEST_HEADER = 2**20
LINE_ENDS = (b"\n", b"\r")
ENDINGS = {".csv": "csv", ".parquet": "parquet"}

GivenFormat = Literal["csv", "parquet"]


def format_of(path: Path) -> GivenFormat:
    """Return what a file is, by the ending of its name.

    Raises
    ------
    ConfigurationError
        It ends with neither ``.csv`` nor ``.parquet``.
    """
    match ENDINGS.get(path.suffix.lower()):
        case "csv":
            return "csv"
        case "parquet":
            return "parquet"
        case _:
            raise ConfigurationError(
                f"{path} is no kind of file that is read or written here",
                expected="a name that ends with .csv or .parquet",
                got=path.suffix or "no ending",
            )


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A readable file and the columns that it has."""

    path: Path
    format: GivenFormat
    header: tuple[str, ...]
    delimiter: str = ","

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the header.

        Raises
        ------
        ConfigurationError
            There is no such file, or it is of another kind.
        LandingError
            It is empty, cut off, or not what its ending says.
        """
        kind = format_of(path)
        if not path.is_file():
            raise ConfigurationError(f"no file {path}", remedy="see where it is, and try again")
        try:
            if kind == "parquet":
                header, delimiter = list(pq.read_schema(path).names), ""
            else:
                header, delimiter = _csv_header(path)
            demand_once(header)
        except Incomplete as exc:
            raise _unusable(path, str(exc)) from None
        except (pa.ArrowException, OSError, ValueError, csv.Error):
            raise _unusable(path, f"no {kind} file that can be read") from None
        return cls(path, kind, tuple(header), delimiter)

    def pieces(self, wanted: Collection[str], rows: int | None = None) -> Iterator[pa.Table]:
        """Yield the wanted columns, some rows at a time: of a CSV file as text.

        Parameters
        ----------
        wanted : collection of str
            Those that the file lacks are left out.
        rows : int, optional
            In each piece but the last; default 131,072.

        Raises
        ------
        LandingError
            It cannot be read to its end.
        """
        present = [column for column in self.header if column in wanted]
        read = _parquet_batches if self.format == "parquet" else self._csv_batches
        try:
            yield from _in_pieces(read(self.path, present), rows or PIECE_ROWS)
        except (pa.ArrowException, OSError, ValueError):
            what = "rows that do not fit the header, or bytes that are not what its ending says"
            raise _unusable(self.path, what) from None  # the parser's error quotes the row

    def _csv_batches(self, path: Path, present: list[str]) -> Iterator[pa.RecordBatch]:
        reader = pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(self.header, pa.string()),
                strings_can_be_null=False,
                include_columns=present,
            ),
        )
        with reader:
            yield from reader


def _parquet_batches(path: Path, present: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(PIECE_ROWS, columns=present)


def _in_pieces(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Cut batches anew: a parser's blocks have any number of rows."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(one.num_rows for one in waiting) >= rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, rows)
            waiting = table.slice(rows).to_batches()
    rest = pa.Table.from_batches(waiting) if waiting else None
    if rest is not None and rest.num_rows:
        yield rest


def _csv_header(path: Path) -> tuple[list[str], str]:
    with path.open("rb") as file:
        first = file.readline(LONGEST_HEADER)
        if not first:
            raise Incomplete("empty file")
        file.seek(-1, io.SEEK_END)
        if file.read(1) not in LINE_ENDS:
            raise Incomplete("cut off: its last line has no end")
    told = first.decode("utf-8-sig")
    delimiter = max(DELIMITERS, key=told.count)
    return next(csv.reader([told], delimiter=delimiter), []), delimiter


def _unusable(path: Path, why: str) -> LandingError:
    return LandingError(f"{path.name}: {why}", remedy="hand it in again, whole")
