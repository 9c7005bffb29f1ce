"""What was decided of each row, as a file that appears whole or not at all: CSV or Parquet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finrisk.atomic import room_for
from finrisk.data.decision_rows import DecidedBy
from finrisk.data.given_files import format_of
from finrisk.data.landing import ROW_ID
from finrisk.errors import ConfigurationError
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION

RESULTS = (
    ("score", pa.float64()),
    ("decision", pa.string()),
    ("version", pa.int64()),
    ("epoch", pa.int64()),
)


@dataclass(frozen=True, slots=True)
class ScoresFile:
    """A file in the making: the row key, then score, decision, version and epoch."""

    schema: pa.Schema
    writer: pq.ParquetWriter | pa_csv.CSVWriter

    def write(
        self, ids: pd.Series, scores: pa.Array, decisions: pa.Array, *, by: DecidedBy
    ) -> None:
        """Add rows, n of each; the epoch is null for a version that is no champion."""
        count = len(ids)
        made = [
            pa.array(ids, pa.string(), from_pandas=True),
            scores,
            decisions.cast(pa.string()),
            pa.repeat(pa.scalar(by.version, pa.int64()), count),
            pa.repeat(pa.scalar(by.epoch, pa.int64()), count),
        ]
        self.writer.write_table(pa.table(made, schema=self.schema))


@contextmanager
def scores_file(path: Path, spec: ModelSpec) -> Iterator[ScoresFile]:
    """Open a file for scores; it is in its place when the block ends, not if it raises.

    Parameters
    ----------
    path : Path
        Ends with ``.csv`` or ``.parquet``; a file already there is replaced.
    spec : ModelSpec
        Names the row key.

    Raises
    ------
    ConfigurationError
        Another ending, or no such folder.
    DiskFull
        There is no room for it.
    """
    kind = format_of(path)
    if not path.parent.is_dir():
        raise ConfigurationError(f"no folder {path.parent}", remedy="make it, or choose another")
    schema = pa.schema([(_key_name(spec), pa.string()), *RESULTS])
    with (
        room_for(path),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".scores-") as folder,
    ):
        unfinished = Path(folder) / path.name
        with _writer(kind, unfinished, schema) as writer:
            yield ScoresFile(schema, writer)
        unfinished.replace(path)


def _writer(kind: str, path: Path, schema: pa.Schema) -> pq.ParquetWriter | pa_csv.CSVWriter:
    if kind == "csv":
        return pa_csv.CSVWriter(path, schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


def _key_name(spec: ModelSpec) -> str:
    """Name the key by its column, unless that is one of the results' names."""
    taken = {name for name, _ in RESULTS} | {FILE_POSITION}
    return ROW_ID if spec.row_key in taken else spec.row_key
