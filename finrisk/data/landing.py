"""What had landed by ``as_of``: whole partitions, of declared types, with the day of every row.

Nothing here judges the rows; the contract does. Partitions that are not whole are *problems*, on
which the night holds: tomorrow they may be whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from finrisk.config import Connections, connection_from_environment
from finrisk.data.coercion import coerce
from finrisk.data.day_files import DayRange, day_of
from finrisk.data.landing_register import LandedFile
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.partitions import DELIVER_AGAIN, Delivery, Partition, open_partitions
from finrisk.data.reach import first_day_read
from finrisk.data.sql_source import read_query
from finrisk.data.typed_rows import absent_essential, typed_rows
from finrisk.data.vintage_digests import vintage_digests
from finrisk.errors import SpecError
from finrisk.faults import reach
from finrisk.records import Check
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION, FileSource, SqlSource

ROW_ID = "_row_id"
EVENT_DAY = "_event_day"
DAYS_OFF = "_days_off"
ONE_DAY = timedelta(days=1)

_log = logging.getLogger(__name__)

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Landing:
    """The rows known by ``as_of``, and what stands in the way of using them.

    Attributes
    ----------
    frame : DataFrame
        ``_row_id`` (text), ``_event_day`` (datetime64, midnight) and every declared column; where
        each file holds one day, also ``_days_off``: how many days a row's day is from its file's.
    files : tuple of str
        The partitions that the rows came from, or the name of the connection.
    problems : tuple of str
        Partitions not picked up: which, why, and the remedy. The night holds on any.
    breaches : tuple of Check
        Cells that do not have their declared type, by column; they are missing in ``frame``.
    unknown_columns, missing_columns : tuple of str
        Columns that partitions have undeclared, and lack though declared.
    ill_typed : mapping of str to bool array, shape (n rows of ``frame``,)
        By column, only where there are any: the cells that did not have their declared type.
    undated : DataFrame
        Rows like those of ``frame``, but without a day: they are in no vintage.
    superseded : tuple of str
        Files that were not read, because a later revision replaces them.
    landed : tuple of LandedFile
        What ``files`` were, byte for byte; of a database, its matured vintages.
    """

    frame: pd.DataFrame
    files: tuple[str, ...]
    problems: tuple[str, ...]
    breaches: tuple[Check, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    ill_typed: Mapping[str, Mask] = field(default_factory=dict)
    undated: pd.DataFrame = field(default_factory=pd.DataFrame)
    superseded: tuple[str, ...] = ()
    landed: tuple[LandedFile, ...] = ()


@dataclass(slots=True)
class _Rows:
    """One partition's rows of declared types, before the days after ``as_of`` are cut off."""

    partition: Partition
    frame: pd.DataFrame
    wrong: dict[str, Mask] = field(default_factory=dict)
    kept: Mask = field(default_factory=lambda: np.zeros(0, dtype=bool))


def read_landing(
    spec: ModelSpec,
    home: Path,
    as_of: date,
    connections: Connections = connection_from_environment,
) -> Landing:
    """Read the rows of a model that had happened by ``as_of``.

    Parameters
    ----------
    spec : ModelSpec
        Where rows land, and what they are.
    home : Path
        What a relative ``source.path``, or a relative SQLite address, starts from.
    as_of : date
        Rows with a later event day are left out, and with windows also those older than
        :func:`finrisk.data.reach.first_day_read`.
    connections : callable, optional
        Gives the address of a connection that the spec names; default: from the environment.

    Raises
    ------
    LandingError
        There is no partition at all, or the query cannot be run.
    Unreachable, SettingsError
        The database does not answer, or its address is not known.
    """
    wanted = days_read(spec, as_of)
    delivery = _delivered(spec, home, wanted, connections)
    problems = list(delivery.problems)
    read: list[_Rows] = []
    for partition in delivery.partitions:
        if absent := absent_essential(partition, spec):
            problems.append(_without(absent, partition))
        else:
            read.append(_as_rows(_of_these_days(partition, spec, wanted), spec))
            reach("land:during")
    for rows, days in zip(read, _event_days(read, spec), strict=True):
        rows.frame.insert(1, EVENT_DAY, days.astype("datetime64[us]"))
        rows.kept = _within(days, wanted)
        if _holds_one_day(spec) and (of_file := day_of(rows.partition.name)) is not None:
            off = (days - np.datetime64(of_file)) / np.timedelta64(1, "D")
            rows.frame.insert(2, DAYS_OFF, off)
            rows.kept |= off != 0  # NaN, too: whatever its clock says, it came with this day
            rows.kept &= ~np.isnat(days)
    used = [rows for rows in read if rows.kept.any() or rows.frame[EVENT_DAY].isna().any()]
    for problem in problems:
        _log.warning("landing of %s, as of %s: %s", spec.name, as_of, problem)
    frame = _joined(used, spec)
    landed = tuple(_landed_file(rows) for rows in used if rows.partition.sha256)
    if isinstance(spec.source, SqlSource) and len(frame):
        landed = vintage_digests(frame, frame[EVENT_DAY], spec, as_of)
    return Landing(
        frame=frame,
        files=tuple(rows.partition.name for rows in used),
        problems=tuple(problems),
        breaches=_breaches(used, spec),
        unknown_columns=_names(
            c for r in used for c in r.partition.header if c not in spec.columns
        ),
        missing_columns=_names(
            c for r in used for c in spec.columns if c not in r.partition.header
        ),
        ill_typed=_ill_typed(used, spec),
        undated=_undated_rows(used),
        superseded=delivery.superseded,
        landed=landed,
    )


def days_read(spec: ModelSpec, as_of: date) -> DayRange:
    """Return the days whose rows a night reads; a file of one day once that day has passed."""
    in_progress = ONE_DAY if _holds_one_day(spec) else timedelta(0)
    return DayRange(first_day_read(spec, as_of), as_of - in_progress)


def _delivered(spec: ModelSpec, home: Path, days: DayRange, connections: Connections) -> Delivery:
    source = spec.source
    if isinstance(source, SqlSource):
        return Delivery((read_query(spec, source, home, days.last, connections),), ())
    return open_partitions(
        home / source.path,
        source.format,
        source.digest_sidecar,
        spec.columns.keys(),
        days if _holds_one_day(spec) else None,
    )


def _holds_one_day(spec: ModelSpec) -> bool:
    return isinstance(spec.source, FileSource) and spec.source.partition == "day"


def _within(days: Days, wanted: DayRange) -> Mask:
    kept = days <= np.datetime64(wanted.last)
    if wanted.first is not None:
        kept &= days >= np.datetime64(wanted.first)
    return kept


def _of_these_days(partition: Partition, spec: ModelSpec, wanted: DayRange) -> Partition:
    """Leave out old rows of a long file before its cells are typed, where its times are plain."""
    time = spec.time.column
    if wanted.first is None or time is None or _holds_one_day(spec):
        return partition
    times = partition.table.column(time)
    plain = pa.types.is_date(times.type) or pa.types.is_timestamp(times.type)
    if not plain or getattr(times.type, "tz", None) or spec.row_key == FILE_POSITION:
        return partition
    days = (wanted.first, wanted.last + ONE_DAY)
    bounds = [pa.scalar(day).cast(times.type) for day in days]
    old = pc.or_(pc.less(times, bounds[0]), pc.greater_equal(times, bounds[1]))
    kept = pc.fill_null(pc.invert(old), fill_value=True)  # a row without a day is told, not lost
    return replace(partition, table=partition.table.filter(kept))


def _without(absent: str, partition: Partition) -> str:
    remedy = DELIVER_AGAIN if partition.sha256 else "select it in source.query"
    return f"{partition.name}: no column {absent!r}; remedy: {remedy}"


def _as_rows(partition: Partition, spec: ModelSpec) -> _Rows:
    typed = typed_rows(partition, spec)
    return _Rows(partition, pd.DataFrame({ROW_ID: typed.row_ids} | typed.columns), typed.wrong)


def _landed_file(rows: _Rows) -> LandedFile:
    newest = rows.frame[EVENT_DAY][rows.kept].max()
    return LandedFile(
        name=rows.partition.name,
        first_name=rows.partition.first_name,
        sha256=rows.partition.sha256,
        newest=None if pd.isna(newest) else newest.date(),
    )


def _event_days(read: Sequence[_Rows], spec: ModelSpec) -> list[Days]:
    """Return each partition's event days: its time column, or its share of the release plan."""
    if spec.time.column is not None:
        return [r.frame[spec.time.column].to_numpy().astype("datetime64[D]") for r in read]
    release = spec.time.release
    if release is None:  # the schema refuses it; this tells mypy
        raise SpecError("time has neither column nor release")
    starts = np.cumsum([0, *(len(r.frame) for r in read)])
    total = int(starts[-1])
    places = np.arange(total)
    if release.order == "hashed":
        ids = pd.concat([r.frame[ROW_ID] for r in read]) if read else pd.Series(dtype="str")
        hashes = pd.util.hash_array(ids.to_numpy(dtype=object))
        places = np.argsort(np.argsort(hashes, kind="stable"), kind="stable")
    nights = places * release.nights // max(total, 1)
    days = np.datetime64(release.first_night, "D") + nights.astype("timedelta64[D]")
    return [days[start:end] for start, end in pairwise(starts)]


def _joined(used: Sequence[_Rows], spec: ModelSpec) -> pd.DataFrame:
    if used:
        return pd.concat([rows.frame[rows.kept] for rows in used], ignore_index=True)
    nothing = pa.chunked_array([pa.nulls(0)])
    typed = {n: coerce(nothing, c.type, parse=True).values for n, c in spec.columns.items()}
    hidden = {
        ROW_ID: pd.Series(dtype="str"),
        EVENT_DAY: pd.Series(dtype="datetime64[us]"),
        **({DAYS_OFF: pd.Series(dtype="float64")} if _holds_one_day(spec) else {}),
    }
    return pd.DataFrame(hidden | typed)


def _ill_typed(used: Sequence[_Rows], spec: ModelSpec) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for name in spec.columns:
        if any(name in rows.wrong for rows in used):
            none = [np.zeros(len(rows.frame), dtype=bool) for rows in used]
            parts = [rows.wrong.get(name, blank) for rows, blank in zip(used, none, strict=True)]
            masks[name] = np.concatenate(
                [part[rows.kept] for rows, part in zip(used, parts, strict=True)]
            )
    return {name: mask for name, mask in masks.items() if mask.any()}


def _undated_rows(used: Sequence[_Rows]) -> pd.DataFrame:
    parts = [rows.frame[rows.frame[EVENT_DAY].isna()] for rows in used]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _breaches(used: Sequence[_Rows], spec: ModelSpec) -> tuple[Check, ...]:
    found = [_wrong_type(used, name, column.type) for name, column in spec.columns.items()]
    return tuple(check for check in (*found, _undated(used, spec)) if check is not None)


def _wrong_type(used: Sequence[_Rows], name: str, declared: str) -> Check | None:
    shown: list[str] = []
    failing = 0
    for rows in used:
        if name not in rows.wrong:
            continue
        known = rows.kept | rows.frame[EVENT_DAY].isna().to_numpy()
        cells = rows.partition.table.column(name).filter(pa.array(rows.wrong[name] & known))
        failing += len(cells)
        shown += [masked(value) for value in cells.slice(0, MOST_EXAMPLES).to_pylist()]
    if failing == 0:
        return None
    detail = f"column {name!r} has {failing} cells that are no {declared}"
    return Check("block", name, "type", failing, detail, examples(shown))


def _undated(used: Sequence[_Rows], spec: ModelSpec) -> Check | None:
    """Rows without a day are in no frame, so they must be in the verdict."""
    time = spec.time.column
    failing = sum(int(rows.frame[EVENT_DAY].isna().sum()) for rows in used)
    if time is None or failing == 0:
        return None
    return Check("block", time, "event day", failing, f"{failing} rows have no day in {time!r}")


def _names(columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(columns)))
