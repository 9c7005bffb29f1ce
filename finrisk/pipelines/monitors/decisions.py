"""The champion's decisions, streamed from the log: counted by day, or joined with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_reading import StoredPart, batches_of, frame_of
from finrisk.data.decision_rows import ABSENT, AS_OF, CLUSTER, SCORE, SLICE
from finrisk.data.labels import LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY
from finrisk.data.maturity import is_mature, vintage_of
from finrisk.data.row_hashing import ROW
from finrisk.evaluation.watched import SCORE as SCORE_COLUMN
from finrisk.metrics.day_counts import (
    DAYS_OF_A_WEEK,
    DayCounts,
    RowDays,
    count_by_day,
    row_days,
)
from finrisk.metrics.drift import Reference
from finrisk.metrics.drift_bins import KindBins, bin_of_rows
from finrisk.pipelines.decided_labels import label_places
from finrisk.pipelines.monitors.reference import StoredReference
from finrisk.records import ModelVersion
from finrisk.specs.model_spec import ModelSpec

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Decided:
    """What a champion decided by a day, as files of the log that hold nothing else.

    Parameters
    ----------
    parts : tuple of StoredPart
        By day; of the champion's bytes, scored while they were champion.
    """

    parts: tuple[StoredPart, ...]

    @property
    def days(self) -> tuple[date, ...]:
        """The days that have a decision, ascending."""
        return tuple(sorted({part.header.as_of for part in self.parts}))

    @property
    def probability(self) -> bool:
        """Whether the scores are probabilities: a detector has no cut-off."""
        return bool(self.parts) and all(p.header.cutoff is not None for p in self.parts)

    def between(self, first: date, last: date) -> tuple[StoredPart, ...]:
        """Return the files of some days, both ends included."""
        return tuple(part for part in self.parts if first <= part.header.as_of <= last)

    def after(self, day: date) -> Decided:
        """Return what was decided of later days than one."""
        return Decided(tuple(part for part in self.parts if part.header.as_of > day))

    def window(self, days: int) -> tuple[date, date] | None:
        """Return the newest so many days up to the last one decided; None without decisions.

        While there are fewer, whole weeks of them: a window with one Sunday more than it should
        have is held against the few windows that begin on its weekday.
        """
        if not self.days:
            return None
        there = (self.days[-1] - self.days[0]).days + 1
        weeks = there - there % DAYS_OF_A_WEEK
        return self.newest(days if there >= days else weeks or there, self.days)

    def matured(self, days: int, spec: ModelSpec, as_of: date) -> tuple[date, date] | None:
        """Return the newest so many days whose labels are believed by a day."""
        unit = spec.time.vintage
        return self.newest(
            days, [d for d in self.days if is_mature(vintage_of(d, unit), spec.label, as_of)]
        )

    @staticmethod
    def newest(days: int, of: Sequence[date]) -> tuple[date, date] | None:
        """Return first and last day of a span that ends with the last of these."""
        if not of:
            return None
        return max(of[0], of[-1] - (days - 1) * ONE_DAY), of[-1]


@dataclass(frozen=True)
class Window:
    """The counted decisions of some days, and their scores, in no order of interest."""

    first_day: date
    last_day: date
    counts: dict[str, DayCounts]
    rows: DayCounts
    scores: NDArray[np.float64]


def decided_by(
    decisions: DecisionLog, version: ModelVersion, spec: ModelSpec, as_of: date
) -> Decided:
    """Return what a champion decided of the days before one.

    Raises
    ------
    DataError
        A file of the log cannot be read.
    """
    parts = decisions.parts(spec.name, date.min, as_of - ONE_DAY)
    return Decided(
        tuple(
            part
            for part in parts
            if part.header.epoch is not None
            and part.header.artifact_sha256 == version.artifact_sha256
        )
    )


def counted_window(
    decided: Decided, first: date, last: date, reference: StoredReference | None
) -> Window:
    """Count the decisions of some days in the reference's bins, a batch at a time.

    Parameters
    ----------
    reference : StoredReference or None
        None: only rows and scores are counted.
    """
    references = {} if reference is None else dict(reference.columns)
    columns = [SCORE if name == SCORE_COLUMN else name for name in references]
    nothing = row_days(np.empty(0, dtype="datetime64[D]"), first=first, last=last)
    counts = {name: of.count([], nothing) for name, of in references.items()}
    rows = count_by_day(np.empty(0, dtype=np.int64), 1, nothing)
    scores: list[NDArray[np.float64]] = []
    wanted = list(dict.fromkeys((AS_OF, SCORE, *columns)))
    for batch in batches_of(decided.between(first, last), wanted):
        days = row_days(_days(batch.column(AS_OF)), first=first, last=last)
        for name, of in references.items():
            bins = _bins(batch.column(SCORE if name == SCORE_COLUMN else name), name, of)
            counts[name] = counts[name] + count_by_day(bins, of.bins.size, days)
        rows = rows + _rows(days)
        scores.append(batch.column(SCORE).to_numpy(zero_copy_only=False))
    return Window(first, last, counts, rows, np.concatenate([np.empty(0), *scores]))


def labelled_decisions(
    decided: Decided,
    first: date,
    last: date,
    labelled: Labelled,
    decisions: DecisionLog,
    spec: ModelSpec,
) -> tuple[pd.DataFrame, int]:
    """Join decisions of some days with the labels that are believed by now.

    Parameters
    ----------
    labelled : Labelled
        What landed, with the labels of matured vintages only.
    decisions : DecisionLog
        With the key that hashed the rows.

    Returns
    -------
    frame : DataFrame
        ``_score``, ``_as_of``, ``_label``, ``_vintage``, and the log's slices and clusters.
    without : int
        Decisions of these days that have no label: their rows are indeterminate, or did not land.
    """
    slices = [f"{SLICE}{column}" for column in spec.gate.guards.slices.columns]
    clusters = [f"{CLUSTER}{column}" for column in spec.gate.clusters]
    frame = frame_of(decided.between(first, last), [ROW, SCORE, AS_OF, *slices, *clusters])
    known = labelled.frame[labelled.frame[LABEL].notna()]
    days = known[EVENT_DAY]
    known = known.loc[(days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))]
    if decisions.hasher is None or known.empty:
        nobody = {LABEL: pd.Series(dtype="Int8"), VINTAGE: pd.Series(dtype="str")}
        return frame.head(0).assign(**nobody), len(frame)
    place = label_places(frame[ROW], known, decisions.hasher, spec.name)
    found = place >= 0
    joined = frame[found].assign(
        **{
            LABEL: known[LABEL].to_numpy()[place[found]],
            VINTAGE: known[VINTAGE].to_numpy()[place[found]],
        }
    )
    return joined.drop(columns=ROW).reset_index(drop=True), int((~found).sum())


def _bins(column: pa.Array, name: str, of: Reference) -> NDArray[np.integer[Any]]:
    """Return the bin of each row; of words, each distinct one is looked up once."""
    which = f"decided {name!r}"
    if not isinstance(of.bins, KindBins):
        return bin_of_rows(of.bins, which, _numbers(column))
    coded = column.cast(pa.string()).dictionary_encode()
    words = [None if word == ABSENT else word for word in coded.dictionary.to_pylist()]
    # None last, for the rows that have no word
    place: NDArray[np.int64] = of.bins.bin_of(which, np.array([*words, None], dtype=object))
    codes = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    found: NDArray[np.int64] = place[codes]
    return found


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """Return numbers; a part in which the feature is text has none that can be compared."""
    if pa.types.is_string(column.type):
        column = pa.nulls(len(column), pa.float64())
    values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _days(column: pa.Array) -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return days


def _rows(days: RowDays) -> DayCounts:
    return count_by_day(np.zeros(days.of_row.size, dtype=np.int64), 1, days)
