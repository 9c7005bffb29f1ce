"""The features that were served, by day: what a transaction was scored with stays as it was.

One Parquet file a day, under the model's name and a digest of what its windows mean; another
definition begins an empty folder. A row that is there is never built again, whatever its label or
the rows before it have become since; a row of that day that comes later is added.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finrisk.atomic import alone_in, write_whole
from finrisk.faults import reach
from finrisk.features.definitions import DIGITS, feature_definitions
from finrisk.features.windows import EVENT_DAY, ROW_ID, window_features
from finrisk.specs.model_spec import ModelSpec

_log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)

UNREADABLE = ".unreadable"

Days = NDArray[np.datetime64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Served features under one folder: ``<model>/<definitions>/<day>.parquet``.

    Parameters
    ----------
    root : Path
        Made when the first day is kept.
    """

    root: Path

    def folder(self, spec: ModelSpec) -> Path:
        """Return where a model's days are, as its windows are defined now."""
        every = feature_definitions(spec)
        windows = json.dumps({name: every[name] for name in sorted(spec.window_features)})
        return self.root / spec.name / hashlib.sha256(windows.encode()).hexdigest()[:DIGITS]

    def days(self, spec: ModelSpec) -> tuple[date, ...]:
        """Return the days that are kept, ascending."""
        days = (_day_named(file) for file in self.folder(spec).glob("*.parquet"))
        return tuple(sorted(day for day in days if day is not None))

    def read(self, spec: ModelSpec, first: date, last: date) -> pd.DataFrame:
        """Return what was served on some days, both ends included, ordered by day and row id.

        Returns
        -------
        DataFrame
            ``_row_id``, ``_event_day`` and ``spec.window_features``, as
            :func:`finrisk.features.windows.window_features` gives them. A file that cannot be read
            is logged and left out.
        """
        kept = (self._day(spec, day) for day in self.days(spec) if first <= day <= last)
        return _joined([frame for frame in kept if frame is not None], spec)

    def keep(self, spec: ModelSpec, day: date, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep a day's features; of a row that is there already, what is there stays.

        Parameters
        ----------
        spec : ModelSpec
            Whose.
        day : date
            The event day of all of them.
        frame : DataFrame
            As :meth:`read` returns it.

        Returns
        -------
        DataFrame
            All that is kept of the day now.
        """
        folder = self.folder(spec)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_in(folder):  # the first to serve a row is the one that did
            kept = self._day(spec, day)
            new = frame if kept is None else frame[~frame[ROW_ID].isin(kept[ROW_ID])]
            parts = [part for part in (kept, new) if part is not None and len(part)]
            every = _joined(parts, spec).sort_values(ROW_ID, ignore_index=True)
            if len(new):
                write_whole(folder / f"{day}.parquet", _as_parquet(every))
                reach("features:during")
        return every

    def _day(self, spec: ModelSpec, day: date) -> pd.DataFrame | None:
        file = self.folder(spec) / f"{day}.parquet"
        try:
            frame: pd.DataFrame = pq.read_table(file, partitioning=None).to_pandas()
            return frame[_columns(spec)]
        except FileNotFoundError:
            return None
        except (pa.ArrowException, ValueError, KeyError):
            aside = file.with_suffix(UNREADABLE)
            file.replace(aside)
            _log.warning(
                "the features of %s served on %s cannot be read; they are built again, of what is "
                "known today, and the file is kept as %s",
                spec.name,
                day,
                aside.name,
            )
            return None


def served_features(
    rows: pd.DataFrame,
    spec: ModelSpec,
    wanted_days: Sequence[date],
    store: FeatureStore,
    threads: int,
    *,
    keep: bool = True,
) -> pd.DataFrame:
    """Return the features of windows of some days: as they were served, or built now and kept.

    Only days that are not in the store, or lack some of their rows, are built, neighbours in one
    query that reads no older rows than their windows do. So a night costs the same after thirty
    days and after three years.

    Parameters
    ----------
    rows : DataFrame
        As for :func:`finrisk.features.windows.window_features`: the days that may have to be built,
        and what their windows look back on.
    spec : ModelSpec
        Whose windows.
    wanted_days : sequence of date
        Days without rows have no features.
    store : FeatureStore
        What was served.
    threads : int
        How many DuckDB may use.
    keep : bool
        Whether what is built is kept; a dry run keeps nothing, and sees what was served.

    Returns
    -------
    DataFrame
        One row for each row of these days, in their order and with their index: ``_row_id``,
        ``_event_day``, ``spec.window_features``.
    """
    days = rows[str(spec.time.column)].to_numpy().astype("datetime64[D]")
    wanted = np.flatnonzero(np.isin(days, np.array(wanted_days, dtype="datetime64[D]")))
    ids, days_of_ids = rows[ROW_ID].iloc[wanted].astype(object), days[wanted]
    there = sorted(set(store.days(spec)) & set(wanted_days))
    served = store.read(spec, there[0], there[-1]) if there else None
    place = _places(served, ids, days_of_ids)
    lacking = np.unique(days_of_ids[place < 0])
    if not lacking.size:
        return _taken(served, place, rows.index[wanted], spec)
    built: list[pd.DataFrame] = [] if served is None else [served]
    for first, last in _runs(day.item() for day in lacking):
        past = _past(rows, days, spec, first, last)
        made = window_features(past, spec, first, last, threads=threads)
        if not keep:
            built.append(made)
            continue
        for day, of_day in made.groupby(EVENT_DAY):
            built.append(store.keep(spec, pd.Timestamp(str(day)).date(), of_day))
    # what was served stands first, and of two rows with one id the first is taken
    every = _joined(built, spec).drop_duplicates([ROW_ID, EVENT_DAY], ignore_index=True)
    return _taken(every, _places(every, ids, days_of_ids), rows.index[wanted], spec)


def _places(served: pd.DataFrame | None, ids: pd.Series, days: Days) -> Places:
    """Return where each row is among the served ones, shape (n,); −1 where it is not.

    A row that has moved to another day was not served there. As objects: among Arrow text pandas
    searches ten times as long.
    """
    if served is None or served.empty:
        return np.full(len(ids), -1, dtype=np.intp)
    known = served[ROW_ID].astype(object)
    if known.is_unique:
        place: Places = pd.Index(known).get_indexer(ids)
        same = served[EVENT_DAY].to_numpy().astype("datetime64[D]")[place] == days
        return np.where((place >= 0) & same, place, -1)
    both = pd.MultiIndex.from_arrays([known, served[EVENT_DAY].to_numpy().astype("datetime64[D]")])
    found: Places = both.get_indexer(pd.MultiIndex.from_arrays([ids, days]))
    return found


def _taken(
    served: pd.DataFrame | None, place: Places, index: pd.Index, spec: ModelSpec
) -> pd.DataFrame:
    frame = _joined([], spec) if served is None else served
    return frame.take(place).set_axis(index)


def _runs(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last of neighbouring days, which come ascending."""
    run: list[date] = []
    for day in days:
        if run and day - run[-1] != ONE_DAY:
            yield run[0], run[-1]
            run = []
        run.append(day)
    if run:
        yield run[0], run[-1]


def _past(rows: pd.DataFrame, days: Days, spec: ModelSpec, first: date, last: date) -> pd.DataFrame:
    since = np.datetime64(first - spec.look_back_days * ONE_DAY)
    return rows[(days >= since) & (days <= np.datetime64(last))]


def _columns(spec: ModelSpec) -> list[str]:
    return [ROW_ID, EVENT_DAY, *spec.window_features]


def _day_named(file: Path) -> date | None:
    try:
        return date.fromisoformat(file.stem)
    except ValueError:
        return None  # somebody's copy


def _joined(frames: Sequence[pd.DataFrame], spec: ModelSpec) -> pd.DataFrame:
    if frames:
        return pd.concat(frames, ignore_index=True)
    types = {ROW_ID: "str", EVENT_DAY: "datetime64[us]"} | dict.fromkeys(
        spec.window_features, "float64"
    )
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def _as_parquet(frame: pd.DataFrame) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return bytes(sink.getvalue())
