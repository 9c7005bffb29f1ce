"""What had landed by ``as_of``: whole partitions, of declared types, with the day of every row.

Nothing here judges the rows; the contract does. Partitions that are not whole are *problems*, on
which the night holds: tomorrow they may be whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import Coerced, coerce, texts, trimmed
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.partitions import DELIVER_AGAIN, Partition, open_partitions
from finrisk.data.words import declared_words
from finrisk.errors import SpecError
from finrisk.records import Check
from finrisk.specs.model_spec import FILE_POSITION, ModelSpec

ROW_ID = "_row_id"
EVENT_DAY = "_event_day"

_log = logging.getLogger(__name__)

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Landing:
    """The rows known by ``as_of``, and what stands in the way of using them.

    Attributes
    ----------
    frame : DataFrame
        ``_row_id`` (text), ``_event_day`` (datetime64, midnight) and every declared column.
    files : tuple of str
        The partitions that the rows came from.
    problems : tuple of str
        Partitions not picked up: which, why, and the remedy. The night holds on any.
    breaches : tuple of Check
        Cells that do not have their declared type, by column; they are missing in ``frame``.
    unknown_columns, missing_columns : tuple of str
        Columns that partitions have undeclared, and lack though declared.
    """

    frame: pd.DataFrame
    files: tuple[str, ...]
    problems: tuple[str, ...]
    breaches: tuple[Check, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()


@dataclass(slots=True)
class _Rows:
    """One partition's rows of declared types, before the days after ``as_of`` are cut off."""

    partition: Partition
    frame: pd.DataFrame
    wrong: dict[str, Mask] = field(default_factory=dict)
    kept: Mask = field(default_factory=lambda: np.zeros(0, dtype=bool))


def read_landing(spec: ModelSpec, home: Path, as_of: date) -> Landing:
    """Read the rows of a model that had happened by ``as_of``.

    Parameters
    ----------
    spec : ModelSpec
        Where rows land, and what they are.
    home : Path
        What a relative ``source.path`` starts from.
    as_of : date
        Rows with a later event day are left out.

    Raises
    ------
    LandingError
        There is no partition at all.
    """
    source = spec.source
    delivery = open_partitions(
        home / source.path, source.format, source.digest_sidecar, spec.columns.keys()
    )
    problems = list(delivery.problems)
    read: list[_Rows] = []
    for partition in delivery.partitions:
        if absent := _absent_essentials(partition, spec):
            problems.append(f"{partition.name}: no column {absent!r}; remedy: {DELIVER_AGAIN}")
        else:
            read.append(_typed_rows(partition, spec))
    for rows, days in zip(read, _event_days(read, spec), strict=True):
        rows.frame.insert(1, EVENT_DAY, days.astype("datetime64[us]"))
        rows.kept = days <= np.datetime64(as_of)
    used = [rows for rows in read if rows.kept.any() or rows.frame[EVENT_DAY].isna().any()]
    for problem in problems:
        _log.warning("landing of %s, as of %s: %s", spec.name, as_of, problem)
    return Landing(
        frame=_joined(used, spec),
        files=tuple(rows.partition.name for rows in used),
        problems=tuple(problems),
        breaches=_breaches(used, spec),
        unknown_columns=_names(
            c for r in used for c in r.partition.header if c not in spec.columns
        ),
        missing_columns=_names(
            c for r in used for c in spec.columns if c not in r.partition.header
        ),
    )


def _absent_essentials(partition: Partition, spec: ModelSpec) -> str | None:
    """Without its key or its day a row cannot even be placed."""
    essential = (spec.row_key, spec.time.column)
    wanted = (c for c in essential if c is not None and c != FILE_POSITION)
    return next((c for c in wanted if c not in partition.header), None)


def _typed_rows(partition: Partition, spec: ModelSpec) -> _Rows:
    csv = spec.source.format == "csv"
    rows = _Rows(partition, pd.DataFrame())
    table = _key_trimmed(partition.table, spec) if csv else partition.table
    if spec.row_key == FILE_POSITION:
        row_ids = f"{partition.stem}#" + pd.Series(np.arange(table.num_rows)).astype("str")
    else:
        row_ids = texts(table.column(spec.row_key))
    columns = {ROW_ID: row_ids}
    for name, column in spec.columns.items():
        absent = name not in table.column_names
        cells = pa.chunked_array([pa.nulls(table.num_rows)]) if absent else table.column(name)
        found: Coerced = coerce(
            cells,
            column.type,
            parse=absent or csv,
            timezone=spec.schedule.timezone,
            meant=declared_words(spec, name),
        )
        columns[name] = found.values
        if found.wrong.any():
            rows.wrong[name] = found.wrong
    rows.frame = pd.DataFrame(columns)
    return rows


def _key_trimmed(table: pa.Table, spec: ModelSpec) -> pa.Table:
    if spec.row_key == FILE_POSITION:
        return table
    position = table.column_names.index(spec.row_key)
    return table.set_column(position, spec.row_key, trimmed(table.column(position)))


def _event_days(read: Sequence[_Rows], spec: ModelSpec) -> list[Days]:
    """Return each partition's event days: its time column, or its share of the release plan."""
    if spec.time.column is not None:
        return [r.frame[spec.time.column].to_numpy().astype("datetime64[D]") for r in read]
    release = spec.time.release
    if release is None:  # the schema refuses it; this tells mypy
        raise SpecError("time has neither column nor release")
    starts = np.cumsum([0, *(len(r.frame) for r in read)])
    total = int(starts[-1])
    nights = np.arange(total) * release.nights // max(total, 1)
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
    }
    return pd.DataFrame(hidden | typed)


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
