"""Rows that a person hands in, as rows that can be scored: strict, because nothing judged them.

What landed is held to its contract by a night before a model learns of it. A batch has no such
night: a column that is missing, a cell of another type or a key that stands twice ends it, before a
decision is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import coerce, texts, trimmed
from finrisk.data.decision_rows import columns_beside
from finrisk.data.given_files import GivenFile
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.words import declared_words
from finrisk.errors import ContractBreach
from finrisk.features.derive import derive_features
from finrisk.pipelines.ready_rows import Days, ReadyRows
from finrisk.specs.data import ColumnType
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION
from finrisk.wording import counted

MOST_NAMED = 5
CORRECT_IT = "correct the file and hand it in again; nothing was written"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GivenRows:
    """A file's rows for one model.

    Parameters
    ----------
    file : GivenFile
        With the declared columns that features are made of; a derived feature may also stand there
        ready, as ``finrisk features`` writes it. Columns that are not needed are not read.
    spec : ModelSpec
        Whose columns and features.
    as_of : date
        No row may be of a later day, and rows without a day are of this one.
    undated : bool
        Whether the file may lack the time column.

    Raises
    ------
    ContractBreach
        A column that is needed is not there.
    """

    file: GivenFile
    spec: ModelSpec
    as_of: date
    undated: bool = False
    _derived: ModelSpec = field(init=False, repr=False)
    _ready: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spec, there = self.spec, set(self.file.header)
        ready = tuple(
            feature.name
            for feature in spec.features
            if not isinstance(feature, str)
            and feature.name in there
            and not {*feature.columns} <= there
        )
        kept = tuple(f for f in spec.features if isinstance(f, str) or f.name not in ready)
        object.__setattr__(self, "_ready", ready)
        object.__setattr__(self, "_derived", spec.model_copy(update={"features": kept}))
        self._demand_columns()

    @property
    def without(self) -> tuple[str, ...]:
        """The columns of slices and clusters that the file lacks: null in the decision log."""
        return tuple(c for c in columns_beside(self.spec) if c not in self.file.header)

    def pieces(self) -> Iterator[ReadyRows]:
        """Yield the rows in the order of the file.

        Raises
        ------
        LandingError
            The file cannot be read to its end, or has no row.
        ContractBreach
            A cell does not have its type, a row has no key or no day, or a day that has not come.
        """
        start = 0
        for piece in self.file.pieces({*self._needed, *columns_beside(self.spec)}):
            yield self._piece(piece, start)
            start += piece.num_rows
        if not start:
            raise ContractBreach(f"{self.file.path.name} has no row", remedy=CORRECT_IT)

    @property
    def _needed(self) -> tuple[str, ...]:
        spec = self.spec
        key = () if spec.row_key == FILE_POSITION else (spec.row_key,)
        time = spec.time.column
        dated = () if time is None or (self.undated and time not in self.file.header) else (time,)
        features = (*self._derived.feature_columns, *self._ready, *spec.window_features)
        return tuple(dict.fromkeys((*key, *dated, *features)))

    def _demand_columns(self) -> None:
        there = {*self.file.header}
        if absent := [c for c in self.spec.window_features if c not in there]:
            raise self._lacking(
                absent,
                f"`finrisk features {self.spec.name}` writes files that have them; or score what "
                "landed, with --from and --to",
            )
        if absent := [c for c in self._needed if c not in there]:
            raise self._lacking(absent, CORRECT_IT)

    def _lacking(self, absent: Sequence[str], remedy: str) -> ContractBreach:
        more = f" and {len(absent) - MOST_NAMED} more" if len(absent) > MOST_NAMED else ""
        return ContractBreach(
            f"{self.file.path.name} lacks {counted(len(absent), 'column')}: "
            f"{', '.join(absent[:MOST_NAMED])}{more}",
            expected=f"the columns that {self.spec.name!r} is scored on",
            got=counted(len(self.file.header), "column"),
            remedy=remedy,
        )

    def _piece(self, table: pa.Table, start: int) -> ReadyRows:
        columns = {name: self._typed(table, name) for name in self._derived.feature_columns}
        for name in self.spec.window_features:
            columns[name] = self._cells(table, name, "number")
        frame = pd.DataFrame(columns, index=range(table.num_rows))
        features = derive_features(frame, self._derived)
        for name in self._ready:
            features[name] = self._cells(table, name, "number")
        return ReadyRows(
            ids=self._ids(table, start),
            days=self._days(table),
            features=features[list(self.spec.feature_names)],
            beside=self._beside(table),
        )

    def _ids(self, table: pa.Table, start: int) -> pd.Series:
        if self.spec.row_key == FILE_POSITION:
            places = pd.Series(np.arange(start, start + table.num_rows))
            return f"{self.file.path.stem}#" + places.astype("str")
        key = table.column(self.spec.row_key)
        ids = texts(trimmed(key) if self._parse else key)
        self._demand(~ids.isna().to_numpy(), "without a key", self.spec.row_key)
        return ids

    def _days(self, table: pa.Table) -> Days:
        time = self.spec.time.column
        if time is None or time not in table.column_names:
            return np.full(table.num_rows, np.datetime64(self.as_of, "D"))
        days = self._cells(table, time, self.spec.columns[time].type).to_numpy()
        days = days.astype("datetime64[D]")
        self._demand(~np.isnat(days), "without a day", time)
        self._demand(days <= np.datetime64(self.as_of), f"of a day after {self.as_of}", time)
        return days

    def _beside(self, table: pa.Table) -> pd.DataFrame:
        there = [c for c in columns_beside(self.spec) if c in table.column_names]
        cells = {c: self._cells(table, c, self.spec.columns[c].type) for c in there}
        return pd.DataFrame(cells, index=range(table.num_rows))

    def _typed(self, table: pa.Table, name: str) -> pd.Series:
        """Give a column its type; missing cells count as wrong where the spec says they block."""
        column = self.spec.columns[name]
        values = self._cells(table, name, column.type)
        if not column.nullable and column.severity == "block":
            what = "missing, where the spec has no 'nullable: true'"
            self._demand(values.notna().to_numpy(dtype=bool), what, name)
        return values

    def _cells(self, table: pa.Table, name: str, declared: ColumnType) -> pd.Series:
        cells = table.column(name)
        meant = declared_words(self.spec, name) if name in self.spec.columns else ()
        zone = self.spec.schedule.timezone
        found = coerce(cells, declared, parse=self._parse, timezone=zone, meant=meant)
        if wrong := int(found.wrong.sum()):
            shown = cells.filter(pa.array(found.wrong)).slice(0, MOST_EXAMPLES).to_pylist()
            raise ContractBreach(
                f"{self.file.path.name}: {counted(wrong, 'cell')} of another type in column "
                f"{name!r}",
                expected=f"{declared}" + (", finite" if declared == "number" else ""),
                got=", ".join(examples(masked(value) for value in shown)),
                remedy=CORRECT_IT,
            )
        return found.values

    @property
    def _parse(self) -> bool:
        return self.file.format == "csv"

    def _demand(self, good: Mask, what: str, column: str) -> None:
        if bad := int(np.count_nonzero(~good)):
            raise ContractBreach(
                f"{self.file.path.name}: {counted(bad, 'row')} {what}, column {column!r}",
                remedy=CORRECT_IT,
            )
