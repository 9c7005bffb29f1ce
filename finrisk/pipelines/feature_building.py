"""From landed files to one Parquet file of features, out of core: what ``finrisk features`` does.

Two passes over disk: landed files become slim rows of declared types, a piece at a time; DuckDB
makes the windows of them and spills what its memory does not hold. Nothing is kept of it but the
answer: the features that a night has served are in :mod:`finrisk.features.store`.
"""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.data.day_files import DayRange
from finrisk.data.reports import Reports, read_reports
from finrisk.errors import ConfigurationError, LandingError, NothingLanded
from finrisk.features.window_query import ROW_ID, TIME
from finrisk.features.windows import write_window_features
from finrisk.pipelines.feature_rows import FeatureRows, asks_for_bads
from finrisk.pipelines.landed_pieces import landed_files, pieces_of, whole_number_columns
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION, FileSource
from finrisk.wording import counted, day_ranges

MEMORY_MB = 420  # and 260 of Python, Arrow and pandas: 700 in all

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuiltFeatures:
    """What was written.

    Attributes
    ----------
    out : Path
        The file.
    rows : int
        Rows in it.
    columns : tuple of str
        The row key, the time, and the features in the spec's order.
    files : tuple of str
        The landed files that it was made of.
    missing_days : tuple of date
        Days without a row, of those asked for and of those that windows look back on.
    """

    out: Path
    rows: int
    columns: tuple[str, ...]
    files: tuple[str, ...]
    missing_days: tuple[date, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON document."""
        return {
            "out": str(self.out),
            "rows": self.rows,
            "columns": list(self.columns),
            "files": len(self.files),
            "missing_days": [day.isoformat() for day in self.missing_days],
        }


def build_features(
    spec: ModelSpec,
    home: Path,
    first: date,
    last: date,
    out: Path,
    *,
    threads: int,
    memory_mb: int = MEMORY_MB,
    ordered: bool = False,
    beside: tuple[str, ...] = (),
    tell: Tell = lambda _: None,
) -> BuiltFeatures:
    """Write the features of some days' rows to a Parquet file.

    Parameters
    ----------
    spec : ModelSpec
        Whose; its rows land as files and are dated.
    home : Path
        What relative paths of the spec start from.
    first, last : date
        The event days wanted, both included. Reports count as far as they had come by ``last``.
    out : Path
        Appears whole or not at all; a file already there is replaced. A feature that is missing is
        null.
    threads, memory_mb : int
        What DuckDB may use: threads, and 2²⁰ bytes beyond what the rest of the process takes.
    ordered : bool
        By time, rows of one moment by their key: a fifth slower. Else in any order.
    beside : tuple of str
        Declared columns to write as text, under their :func:`beside_name`.
    tell : callable, optional
        Hears what is being done.

    Returns
    -------
    BuiltFeatures

    Raises
    ------
    ConfigurationError
        The days are in the wrong order, the spec reads a database or undated rows, the folder of
        ``out`` is not there, or the memory is too little.
    LandingError
        A file is missing or not whole, or reports are not.
    NothingLanded
        These days have no row.
    ContractBreach, LabelError
        Cells do not have their declared type, or a label is not declared.
    """
    source = _file_source(spec, first, last, out)
    days = DayRange(first - timedelta(days=spec.look_back_days), last)
    files = landed_files(source, home, days)
    made = FeatureRows(spec, source, days, set(), _reports(spec, home, days), beside)
    keys = (*(window.entity for window in spec.windows), spec.row_key)
    made.whole_numbers |= whole_number_columns(files.values(), source, keys)
    carried = {ROW_ID: _key_name(spec), TIME: str(spec.time.column), **made.carried}
    # beside the answer, where there is room for it; /tmp may be memory
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".features-") as folder:
        rows, unfinished = Path(folder) / "rows.parquet", Path(folder) / "features.parquet"
        tell(f"reading {counted(len(files), 'file')}")
        _stage(made, files, rows, threads)
        missing = _missing(made)
        tell("building windows")
        written = write_window_features(
            [rows],
            spec,
            first,
            last,
            unfinished,
            carried=carried,
            threads=threads,
            memory_mb=memory_mb,
            spill=Path(folder),
            ordered=ordered,
        )
        if written == 0:
            raise _no_rows(spec, first, last)
        unfinished.replace(out)
    columns = (*carried.values(), *spec.window_features)
    return BuiltFeatures(out, written, columns, tuple(files), missing)


def _file_source(spec: ModelSpec, first: date, last: date, out: Path) -> FileSource:
    """Return the spec's source, if features can be built of it as asked."""
    if last < first:
        raise ConfigurationError(
            "the last day is before the first", expected=f"{first} or later", got=last
        )
    if not isinstance(spec.source, FileSource):
        raise ConfigurationError(
            f"model {spec.name!r} reads a database; features are built of landed files",
            remedy="deliver the table's days as files, or let a night build them",
        )
    if spec.time.column is None:
        raise ConfigurationError(
            f"model {spec.name!r} has undated rows", expected="a spec with time.column"
        )
    if not out.parent.is_dir():
        raise ConfigurationError(f"no folder {out.parent}", remedy="make it, or choose another")
    return spec.source


def _reports(spec: ModelSpec, home: Path, days: DayRange) -> Reports | None:
    rule = spec.label.rule
    if not isinstance(rule, LabelReports) or not asks_for_bads(spec):
        return None
    reports = read_reports(rule, home, days.last, spec.schedule.timezone, days.first)
    if reports.problems:
        raise LandingError(
            f"{counted(len(reports.problems), 'problem')} with the reports of {spec.name!r}: "
            f"{reports.problems[0]}"
        )
    return reports


def _stage(made: FeatureRows, files: dict[str, Path], path: Path, threads: int) -> None:
    """Write slim rows of declared types, in the order of files and rows."""
    writer: pq.ParquetWriter | None = None
    schema = pa.schema([])
    try:
        for rows in _typed(made, files, threads):
            if rows.num_rows == 0:
                continue
            if writer is None:
                schema = rows.schema
                words = [f.name for f in schema if not pa.types.is_primitive(f.type)]
                writer = pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=words)
            writer.write_table(rows.cast(schema))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise _no_rows(made.spec, made.days.first, made.days.last)
    pa.default_memory_pool().release_unused()


def _typed(made: FeatureRows, files: dict[str, Path], threads: int) -> Iterator[pa.Table]:
    """Yield the rows of each piece; the next pieces are made meanwhile."""
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for name, file in files.items():
            start = 0
            for piece in pieces_of(name, file, made.source, made.columns):
                waiting.append(pool.submit(made.rows, piece, start))
                start += piece.table.num_rows
                if len(waiting) > threads:  # so many pieces are in memory, and one more
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _missing(made: FeatureRows) -> tuple[date, ...]:
    """Return the days without a row, where windows would count too little, and warn of them."""
    first, last = made.days.first or made.days.last, made.days.last
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    missing = tuple(day for day in every if day not in made.seen) if made.spec.windows else ()
    if missing:
        _log.warning(
            "%s: no rows of %s; windows that hold these days count too little",
            made.spec.name,
            ", ".join(day_ranges(missing)),
        )
    return missing


def _key_name(spec: ModelSpec) -> str:
    return ROW_ID if spec.row_key == FILE_POSITION else spec.row_key


def _no_rows(spec: ModelSpec, first: date | None, last: date) -> NothingLanded:
    return NothingLanded(
        f"no rows of {spec.name!r} from {first} to {last}",
        remedy="deliver these days, or ask for others",
    )
