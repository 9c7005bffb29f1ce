"""What landed on some days, as rows that can be scored: a day at a time, in pieces, out of core.

Features of windows that a night has served are taken as they were served; of other rows they are
built, and not kept: what is kept a model learns of, and only a night has held the rows to their
contract. Rows of a database, or without a day of their own, are read as a night reads them, in
memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from finrisk.data.decision_rows import columns_beside
from finrisk.data.labels import attach_labels
from finrisk.data.landing import EVENT_DAY, ROW_ID, read_landing
from finrisk.data.reach import first_day_read
from finrisk.data.reports import reports_for
from finrisk.data.sql_source import first_day_needed
from finrisk.errors import ConfigurationError, ContractBreach, LandingError, NothingLanded
from finrisk.features.derive import derive_features
from finrisk.pipelines.day_pieces import day_pieces
from finrisk.pipelines.feature_building import BuiltFeatures, build_features
from finrisk.pipelines.feature_rows import beside_name
from finrisk.pipelines.landed_pieces import PIECE_ROWS
from finrisk.pipelines.ready_rows import ReadyRows
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.window_building import feature_store, rows_as_served
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FileSource, SqlSource
from finrisk.wording import day_ranges

Tell = Callable[[str], None]
ONE_DAY = timedelta(days=1)


@contextmanager
def landed_days(
    rooms: Rooms,
    first: date,
    last: date,
    *,
    without: frozenset[date] = frozenset(),
    tell: Tell = lambda _: None,
) -> Iterator[Iterator[ReadyRows]]:
    """Open the landed rows of some days, both ends included, days ascending.

    Parameters
    ----------
    without : frozenset of date
        Days to pass over.
    tell : callable, optional
        Hears what is being done.

    Raises
    ------
    NothingLanded
        These days have no row.
    LandingError, ContractBreach, LabelError
        What landed cannot be used, as :func:`finrisk.pipelines.feature_building.build_features` has
        it; or a day is lost that windows look back on.
    ConfigurationError
        The days are in the wrong order, or older than what a night of the last of them reads.
    """
    spec = rooms.spec
    if not isinstance(spec.source, FileSource) or spec.time.column is None:
        tell("reading what landed")
        yield _in_memory(rooms, first, last, without)
        return
    store = rooms.settings.store
    store.mkdir(parents=True, exist_ok=True)
    # named as what retention clears away if the process is killed: customers' rows are in it
    with tempfile.TemporaryDirectory(dir=store, prefix=".", suffix=".tmp") as folder:
        built = build_features(
            spec,
            rooms.settings.home,
            first,
            last,
            Path(folder) / "features.parquet",
            threads=rooms.settings.threads,
            ordered=True,
            beside=columns_beside(spec),
            tell=tell,
        )
        _demand_no_gap(built, first - spec.look_back_days * ONE_DAY, last)
        yield _out_of_core(built.out, rooms, without)


def _demand_no_gap(built: BuiltFeatures, since: date, last: date) -> None:
    """Refuse a lost day between others, as the contract of a model with windows does."""
    every = (since + n * ONE_DAY for n in range((last - since).days + 1))
    there = [day for day in every if day not in built.missing_days]
    lost = [day for day in built.missing_days if there and there[0] < day < there[-1]]
    if lost:
        raise LandingError(
            f"no rows of {', '.join(day_ranges(lost))}: windows that hold these days count too "
            "little",
            remedy="deliver them, then score again; nothing was written",
        )


def _out_of_core(file: Path, rooms: Rooms, without: frozenset[date]) -> Iterator[ReadyRows]:
    spec = rooms.spec
    served = _Served(rooms) if spec.windows else None
    columns = list(columns_beside(spec))
    for piece in day_pieces(file, str(spec.time.column)):
        if piece.day in without:
            continue
        frame = piece.table.to_pandas()
        ids = frame[_key(spec)].astype("str")
        features = frame[list(spec.feature_names)]
        if served is not None:
            features = served.instead(features, ids, piece.day)
        yield ReadyRows(
            ids=ids,
            days=np.full(len(frame), np.datetime64(piece.day)),
            features=features,
            beside=frame[[beside_name(c) for c in columns]].set_axis(columns, axis=1),
            ends_day=piece.ends_day,
        )


class _Served:
    """The features of windows that nights have served, a day in memory."""

    def __init__(self, rooms: Rooms) -> None:
        self._spec, self._store = rooms.spec, feature_store(rooms)
        self._day: date | None = None
        self._frame = pd.DataFrame()

    def instead(self, features: pd.DataFrame, ids: pd.Series, day: date) -> pd.DataFrame:
        """Put what a row was served in place of what was built now."""
        if day != self._day:
            frame = self._store.read(self._spec, day, day)
            self._frame = frame.assign(**{ROW_ID: frame[ROW_ID].astype(object)})
            self._day = day
        if self._frame.empty:
            return features
        place = pd.Index(self._frame[ROW_ID]).get_indexer(ids.astype(object))
        was = place >= 0
        names = list(self._spec.window_features)
        changed = features.copy()
        changed.loc[was, names] = self._frame[names].to_numpy()[place[was]]
        return changed


def _key(spec: ModelSpec) -> str:
    return spec.row_key if spec.row_key in spec.columns else ROW_ID


def _in_memory(
    rooms: Rooms, first: date, last: date, without: frozenset[date]
) -> Iterator[ReadyRows]:
    spec = rooms.spec
    rows = _rows_in_memory(rooms, first, last).sort_values([EVENT_DAY, ROW_ID], kind="stable")
    for midnight, of_day in rows.groupby(EVENT_DAY):
        day = pd.Timestamp(str(midnight)).date()
        for start in range(0, 0 if day in without else len(of_day), PIECE_ROWS):
            piece = of_day.iloc[start : start + PIECE_ROWS].reset_index(drop=True)
            yield ReadyRows(
                ids=piece[ROW_ID],
                days=np.full(len(piece), np.datetime64(day)),
                features=derive_features(piece, spec),
                beside=piece[list(columns_beside(spec))],
                ends_day=start + PIECE_ROWS >= len(of_day),
            )


def _rows_in_memory(rooms: Rooms, first: date, last: date) -> pd.DataFrame:
    """Read as a night does; cells that do not have their type are refused."""
    spec, home = rooms.spec, rooms.settings.home
    _demand_reached(spec, first, last)
    landing = read_landing(spec, home, last, rooms.connections)
    if landing.problems:
        raise LandingError(landing.problems[0])
    if landing.breaches:
        raise ContractBreach(landing.breaches[0].detail)
    frame = landing.frame
    days = frame[EVENT_DAY].to_numpy().astype("datetime64[D]")
    chosen = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    if not chosen.any():
        raise NothingLanded(f"no rows of {spec.name!r} from {first} to {last}")
    if not spec.windows:
        return frame[chosen]
    labelled = attach_labels(frame, spec, last, reports_for(spec, home, last))
    return rows_as_served(labelled, chosen, rooms, keep=False)


def oldest_day(spec: ModelSpec, last: date) -> date:
    """Return the oldest event day whose rows are read with all they look back on.

    Dated rows of files are read out of core, a day at a time, and so is what they look back on:
    nothing bounds them, and it is ``date.min``. Others are read as a night of ``last`` reads them.
    """
    if isinstance(spec.source, FileSource) and spec.time.column is not None:
        return date.min
    sql = isinstance(spec.source, SqlSource)
    reach = [first_day_read(spec, last), first_day_needed(spec, last) if sql else None]
    look_back = spec.look_back_days * ONE_DAY
    bounds = [day + look_back for day in reach if day is not None]
    return max(bounds, default=date.min) if spec.is_read_in_part else date.min


def _demand_reached(spec: ModelSpec, first: date, last: date) -> None:
    if last < first:
        raise ConfigurationError(
            "the last day is before the first", expected=f"{first} or later", got=last
        )
    if first < (oldest := oldest_day(spec, last)):
        raise ConfigurationError(
            f"a night of {last} does not read all that {first} needs",
            expected=f"{oldest} or later",
            got=first,
            remedy="score fewer days at a time",
        )
