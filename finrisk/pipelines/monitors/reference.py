"""What was usual while a champion was developed: its score and its features by day, counted once.

The reference is made of what landed on the days up to the end of the hold-out that the champion was
judged on, and kept beside it: the same champion is held against the same counts on every day, also
after those partitions are cleared away. Its score is taken of rows that it was not fitted on, since
a model scores those that it was fitted on otherwise. Days whose windows reach back before the first
landed one count too little, and are left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.atomic import write_whole
from finrisk.data.decision_rows import ABSENT
from finrisk.errors import DataError
from finrisk.evaluation.watched import SCORE, look_backs, watched_features
from finrisk.features.definitions import feature_definitions
from finrisk.metrics.bins import NumberBins
from finrisk.metrics.day_counts import DayCounts, day_number, row_days
from finrisk.metrics.drift import Reference, column_reference
from finrisk.metrics.drift_bins import KindBins
from finrisk.pipelines.landed_days import landed_days, oldest_day
from finrisk.pipelines.monitors.champion import WatchedChampion, open_model
from finrisk.pipelines.ready_rows import ReadyRows
from finrisk.pipelines.rooms import Rooms
from finrisk.records import JsonObject, Window
from finrisk.specs.model_spec import ModelSpec

FORM = 2
REFERENCES = "references"
MOST_ROWS = 1_000_000  # of thirty columns 240 MB; above it every second row, then every fourth, …
ONE_DAY = timedelta(days=1)

Tell = Callable[[str], None]
Days = NDArray[np.datetime64]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredReference:
    """A champion's reference.

    Parameters
    ----------
    first_day, last_day : date
        The days it is of, both included.
    columns : mapping of str to Reference
        Features, and ``score``.
    rows : DayCounts
        All rows by day, in one bin.
    without : mapping of str to str
        Columns of which there is none, and why.
    """

    first_day: date
    last_day: date
    columns: Mapping[str, Reference]
    rows: DayCounts
    without: Mapping[str, str]


def reference_of(champion: WatchedChampion, rooms: Rooms, tell: Tell = log.info) -> StoredReference:
    """Return the champion's reference: as it is kept, or made now and kept.

    Raises
    ------
    LandingError, ContractBreach, LabelError, NothingLanded
        What landed on its days cannot be read any more.
    ArtifactRejected, Unreachable
        The champion's artifact cannot be read.
    DataError
        The spec defines its features otherwise by now, or the rows are of too few days.
    """
    path = _path(champion, rooms)
    if (kept := read_reference(path)) is not None:
        return kept
    tell("counting what was usual")
    made = _made(champion, rooms)
    write_reference(path, made)
    return made


def write_reference(path: Path, reference: StoredReference) -> None:
    """Keep a reference: its owner's only, since rare kinds of a column are named in it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, json.dumps(_as_json(reference)).encode())


def plain_kinds(column: pd.Series) -> NDArray[Any]:
    """Return a category's cells with None where it is missing: the model sees a word there."""
    cells = column.astype(object)
    plain: NDArray[Any] = cells.where(cells.notna() & (cells != ABSENT), None).to_numpy()
    return plain


def _path(champion: WatchedChampion, rooms: Rooms) -> Path:
    spec, settings = rooms.spec, rooms.settings
    about = {
        "form": FORM,
        "until": str(champion.developed_until),
        "days": spec.monitoring.reference_days,
        "columns": watched_features(spec),
        "definitions": feature_definitions(spec),
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    folder = settings.store / REFERENCES / settings.scope / spec.name
    return folder / f"{champion.version.artifact_sha256}-{digest}.json"


def _made(champion: WatchedChampion, rooms: Rooms) -> StoredReference:
    spec, last = rooms.spec, champion.developed_until
    model, fitted = open_model(champion.version, rooms)
    since = last - (spec.monitoring.reference_days - 1) * ONE_DAY
    bound = oldest_day(spec, last)
    # some days more than wanted: whether the oldest of them has rows tells which windows are whole
    first = max(since - spec.look_back_days * ONE_DAY, bound)
    gathered = _Gathered(watched_features(spec), fitted)
    with landed_days(rooms, first, last) as pieces:
        for piece in pieces:
            gathered.add(piece, model.score(piece.features))
    return gathered.reference(since, last, spec, bound)


class _Gathered:
    """Rows on their way into a reference, thinned evenly where they are too many to hold."""

    def __init__(self, features: tuple[str, ...], fitted: Window | None) -> None:
        self._features, self._fitted = features, fitted
        self._pieces: list[pd.DataFrame] = []
        self._days: list[Days] = []
        self._counted: dict[date, int] = {}
        self._every, self._held = 1, 0

    def add(self, piece: ReadyRows, scores: NDArray[np.float64]) -> None:
        for day, rows in zip(*np.unique(piece.days, return_counts=True), strict=True):
            self._counted[day.item()] = self._counted.get(day.item(), 0) + int(rows)
        known = scores.copy()
        if self._fitted is not None:
            first, last = (
                np.datetime64(d) for d in (self._fitted.first_day, self._fitted.last_day)
            )
            known[(piece.days >= first) & (piece.days <= last)] = np.nan
        frame = piece.features[list(self._features)].assign(**{SCORE: known})
        self._pieces.append(frame.iloc[:: self._every])
        self._days.append(piece.days[:: self._every])
        self._held += len(self._pieces[-1])
        if self._held > MOST_ROWS:
            self._pieces = [kept.iloc[::2] for kept in self._pieces]
            self._days = [kept[::2] for kept in self._days]
            self._every *= 2
            self._held = sum(map(len, self._pieces))

    def reference(self, since: date, last: date, spec: ModelSpec, bound: date) -> StoredReference:
        """Fix bins and count; of the days that are whole, the newest.

        Rows from ``bound`` on come with all they look back on, as far as it landed.
        """
        oldest = min(self._counted)
        # rows of the bound itself: what lies before it was read, though it is not counted
        whole_from = bound if oldest <= bound else oldest + spec.look_back_days * ONE_DAY
        first = max(since, whole_from)
        if first > last:
            raise DataError(
                "no day of the reference has whole windows",
                expected=f"rows of {spec.look_back_days} days before {last}",
                got=f"none before {oldest}",
            )
        frame = pd.concat(self._pieces, ignore_index=True)
        days = np.concatenate(self._days)
        whole = days >= np.datetime64(first)
        frame, days = frame[whole], days[whole]
        columns: dict[str, Reference] = {}
        without: dict[str, str] = {}
        for name, back in ((n, look_backs(spec).get(n, 0)) for n in frame.columns):
            cells, of = _cells(frame[name], name, days)
            try:
                spread = row_days(of, first=first, last=last)
                columns[name] = column_reference(name, cells, spread, look_back_days=back)
            except DataError as exc:
                without[name] = str(exc)
        counts = np.zeros(((last - first).days + 1, 1), dtype=np.int64)
        for day, rows in self._counted.items():
            if day >= first:
                counts[(day - first).days, 0] = rows
        return StoredReference(
            first, last, columns, DayCounts(day_number(first), weekly=True, counts=counts), without
        )


def _cells(column: pd.Series, name: str, days: Days) -> tuple[NDArray[Any], Days]:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return plain_kinds(column), days
    values = column.to_numpy(dtype=np.float64)
    if name != SCORE:
        return values, days
    known = np.isfinite(values)  # those of rows that it was fitted on are not
    return values[known], days[known]


def _as_json(made: StoredReference) -> JsonObject:
    return {
        "form": FORM,
        "first_day": str(made.first_day),
        "last_day": str(made.last_day),
        "rows": made.rows.counts.tolist(),
        "without": dict(made.without),
        "columns": {name: _column_json(of) for name, of in made.columns.items()},
    }


def _column_json(of: Reference) -> JsonObject:
    bins: JsonObject = (
        {"edges": of.bins.edges.tolist()}
        if isinstance(of.bins, NumberBins)
        else {"frequent": list(of.bins.frequent), "others": sorted(map(str, of.bins.others))}
    )
    return {**bins, "counts": of.counts.counts.tolist(), "look_back_days": of.look_back_days}


def read_reference(path: Path) -> StoredReference | None:
    """Return what is kept; None where nothing is, or what cannot be read and is made again."""
    try:
        told = json.loads(path.read_bytes())
        first, last = (date.fromisoformat(told[end]) for end in ("first_day", "last_day"))
        return StoredReference(
            first_day=first,
            last_day=last,
            columns=dict(_columns(told["columns"], day_number(first))),
            rows=_counts(told["rows"], day_number(first)),
            without=told["without"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        log.warning("the reference %s cannot be read (%s); it is made again", path.name, exc)
        return None


def _columns(told: JsonObject, first_day: int) -> Iterator[tuple[str, Reference]]:
    for name, of in told.items():
        bins: NumberBins | KindBins
        if "edges" in of:
            bins = NumberBins(np.array(of["edges"], dtype=np.float64))
        else:
            bins = KindBins(tuple(of["frequent"]), frozenset(of["others"]))
        counts = _counts(of["counts"], first_day)
        yield name, Reference(name, bins, counts, int(of["look_back_days"]))


def _counts(told: list[list[int]], first_day: int) -> DayCounts:
    counts = np.array(told, dtype=np.int64)
    return DayCounts(first_day, weekly=True, counts=counts.reshape(len(told), -1))
