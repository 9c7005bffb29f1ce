"""Pieces of landed files as the rows that features over time are made of.

Cells get their types, features are derived and bads are found by the functions that a night calls,
so that a feature means the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import coerce, texts, trimmed
from finrisk.data.day_files import DayRange, day_of
from finrisk.data.labels import DAYS_TO_EVENT, LABEL, attach_labels
from finrisk.data.maturity import window_ends
from finrisk.data.partitions import DELIVER_AGAIN, Partition
from finrisk.data.reports import EVENT_ON, KNOWN_ON, Reports
from finrisk.data.words import declared_words
from finrisk.errors import ContractBreach
from finrisk.features.derive import derive_features
from finrisk.features.windows import BAD_ON, EVENT_DAY, ROW_ID, window_rows
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION, FileSource
from finrisk.wording import counted

_WHOLE = {pa.int64(): pd.Int64Dtype()}

Days = NDArray[np.datetime64]


@dataclass(slots=True)
class FeatureRows:
    """Turns pieces into rows with features, and remembers which days it met.

    Parameters
    ----------
    spec : ModelSpec
        Whose columns, features, windows and label.
    source : FileSource
        The spec's.
    days : DayRange
        The days kept, those that windows look back on among them.
    whole_numbers : set of str
        Columns of row ids and entities that are whole numbers in every file. They stay so: numbers
        are sorted in two thirds of the time that their text takes.
    reports : Reports, optional
        The label feed, where windows ask for bads that it tells.
    beside : tuple of str
        Declared columns that are passed on as text, such as those of slices.
    """

    spec: ModelSpec
    source: FileSource
    days: DayRange
    whole_numbers: set[str]
    reports: Reports | None = None
    beside: tuple[str, ...] = ()
    seen: set[date] = field(default_factory=set)
    _told: pd.DataFrame = field(init=False, repr=False)
    _of_row: ModelSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        none = pd.DataFrame()
        told = self.reports
        self._told = none if told is None else told.frame.set_index(ROW_ID)
        self._of_row = self.spec.model_copy(update={"windows": ()})

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns that a piece must have."""
        spec = self.spec
        key = () if spec.row_key == FILE_POSITION else (spec.row_key,)
        of_windows = (column for window in spec.windows for column in window.columns)
        label = self._label_columns if asks_for_bads(spec) else ()
        features = (*spec.feature_columns, *self.beside)
        named = (*key, str(spec.time.column), *of_windows, *features, *label)
        return tuple(dict.fromkeys(named))

    @property
    def _label_columns(self) -> tuple[str, ...]:
        instead = getattr(self.spec.label.rule, "fallback_date_column", None)
        return (*self.spec.label_columns, *((instead,) if instead else ()))

    @property
    def _sorted_only(self) -> set[str]:
        """Whole numbers that nothing but the sort of windows needs."""
        others = {*self.spec.feature_columns, *self.spec.label_columns, *self.beside}
        return self.whole_numbers - others

    @property
    def carried(self) -> dict[str, str]:
        """What the rows call each feature that is not of windows, and its name."""
        features = {f"_feature_{n}": name for n, name in enumerate(self._of_row.feature_names)}
        return features | {f"_beside_{n}": beside_name(c) for n, c in enumerate(self.beside)}

    def rows(self, piece: Partition, start: int) -> pa.Table:
        """Return the rows of a piece as :func:`window_rows` does, and features beside them.

        Parameters
        ----------
        piece : Partition
            Some rows of a file, with at least ``columns``.
        start : int
            How many rows of the file came before.

        Raises
        ------
        ContractBreach
            Rows have no day, or another one than their file; cells do not have their type.
        LabelError
            A matured row's label is not declared.
        """
        time = str(self.spec.time.column)
        times = self._typed(piece, piece.table, time)
        days = times.to_numpy().astype("datetime64[D]")
        kept = self._kept(piece, days)
        table = piece.table.filter(pa.array(kept))
        ids = self._row_ids(piece, np.flatnonzero(kept) + start, table)
        frame = pd.DataFrame({ROW_ID: ids, EVENT_DAY: days[kept].astype("datetime64[us]")})
        frame[time] = times[kept].to_numpy()
        for column in self.columns:
            if column not in (self.spec.row_key, time) and column not in self._sorted_only:
                frame[column] = self._typed(piece, table, column)
        self.seen |= {day.item() for day in np.unique(days[kept])}
        return self._finished(frame.assign(**{BAD_ON: self._bad_on(frame)}), table)

    def _kept(self, piece: Partition, days: Days) -> NDArray[np.bool_]:
        if undated := int(np.isnat(days).sum()):
            raise _breach(
                piece, f"{counted(undated, 'row')} without a day", str(self.spec.time.column)
            )
        first = self.days.first or date.min
        kept: NDArray[np.bool_] = (days >= np.datetime64(first)) & (
            days <= np.datetime64(self.days.last)
        )
        own = day_of(piece.name)
        if self.source.partition == "day" and (strays := int((days != np.datetime64(own)).sum())):
            raise _breach(
                piece, f"{counted(strays, 'row')} of another day", str(self.spec.time.column)
            )
        return kept

    def _typed(self, piece: Partition, table: pa.Table, column: str) -> pd.Series:
        declared = self.spec.columns[column].type
        found = coerce(
            table.column(column),
            declared,
            parse=self.source.format == "csv",
            timezone=self.spec.schedule.timezone,
            meant=declared_words(self.spec, column),
        )
        if wrong := int(found.wrong.sum()):
            raise _breach(piece, f"{counted(wrong, 'cell')} that are no {declared}", column)
        return found.values

    def _row_ids(self, piece: Partition, places: NDArray[np.int64], table: pa.Table) -> pd.Series:
        if self.spec.row_key == FILE_POSITION:
            return f"{piece.stem}#" + pd.Series(places).astype("str")
        key = table.column(self.spec.row_key)
        if self.spec.row_key in self.whole_numbers and self.reports is None:
            ids = _whole(key)
        else:
            ids = texts(trimmed(key) if self.source.format == "csv" else key)
        if nameless := int(ids.isna().sum()):
            raise _breach(piece, f"{counted(nameless, 'row')} without a key", self.spec.row_key)
        return ids

    def _bad_on(self, frame: pd.DataFrame) -> pd.Series:
        """Return the day on which each row was known bad, as far as windows may know it."""
        days = frame[EVENT_DAY]
        if not asks_for_bads(self.spec):
            return days.where(np.zeros(len(frame), dtype=bool))
        if isinstance(self.spec.label.rule, LabelReports):
            told = self._told.reindex(frame[ROW_ID]).set_axis(frame.index)
            counts = told[EVENT_ON] >= days
            if self.spec.label.rule.after_window == "good":
                ends = window_ends(days.to_numpy().astype("datetime64[D]"), self.spec.label)
                counts &= told[EVENT_ON].to_numpy() <= ends
            return told[KNOWN_ON].where(counts)
        # rows of one day and one outcome end alike: label one of each
        alike = [EVENT_DAY, *self._label_columns]
        kind = frame.groupby(alike, dropna=False, sort=False).ngroup().to_numpy()
        one = frame.iloc[np.unique(kind, return_index=True)[1]].reset_index(drop=True)
        # a bad younger than a label's delay is in no window of these days
        labelled = attach_labels(one, self.spec, self.days.last).frame
        bad = labelled[LABEL].eq(1).fillna(value=False).to_numpy(dtype=bool)
        waited = pd.to_timedelta(labelled[DAYS_TO_EVENT].fillna(0.0), unit="D")
        bad_on = (one[EVENT_DAY] + waited.to_numpy()).where(bad).to_numpy()
        return pd.Series(bad_on[kind], index=frame.index)

    def _finished(self, frame: pd.DataFrame, table: pa.Table) -> pa.Table:
        features = derive_features(frame, self._of_row)
        further = [pa.array(features[name], from_pandas=True) for name in features.columns]
        further += [_as_text(frame[column]) for column in self.beside]
        for column in self.whole_numbers:
            name = ROW_ID if column == self.spec.row_key else column
            frame[name] = _whole(table.column(column))
        made = window_rows(frame, self.spec)
        for name, cells in zip(self.carried, further, strict=True):
            made = made.append_column(name, cells)
        return made


def beside_name(column: str) -> str:
    """Return what a column that is passed on is called beside features, one of which may be it."""
    return f"_column_{column}"


def _as_text(cells: pd.Series) -> pa.Array:
    plain = texts(pa.chunked_array([pa.Array.from_pandas(cells)]))
    return pa.Array.from_pandas(plain, type=pa.string())


def _whole(column: pa.ChunkedArray) -> pd.Series:
    found: pd.Series = column.cast(pa.int64()).to_pandas(types_mapper=_WHOLE.get)
    return found


def asks_for_bads(spec: ModelSpec) -> bool:
    """Tell whether any window needs to know which rows were bad."""
    return any(window.bad_share for window in spec.windows)


def _breach(piece: Partition, what: str, column: str) -> ContractBreach:
    return ContractBreach(f"{piece.name}: {what} in column {column!r}", remedy=DELIVER_AGAIN)
