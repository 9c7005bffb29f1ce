"""What a row of the decision log says, and the one form in which it is written.

It holds what a monitor needs and no more: who decided, when, what, and on which features. Row keys
and whatever identifies somebody come in as they are and go out as keyed hashes; a category that the
spec does not know goes out as one word, since a cell of free text may hold anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finrisk.data.coercion import texts
from finrisk.data.row_hashing import ROW, RowHasher
from finrisk.data.words import as_words, one_spelling
from finrisk.records import Record
from finrisk.specs.model_spec import ModelSpec

FORM = 1
HEADER = b"finrisk.decisions"

MODEL, SCOPE, VERSION, EPOCH = "_model", "_scope", "_version", "_epoch"
ARTIFACT, AS_OF, SCORED_AT = "_artifact_sha256", "_as_of", "_scored_at"
SCORE, DECISION, CUTOFF, ARM = "_score", "_decision", "_cutoff", "_arm"
SLICE, CLUSTER = "_slice_", "_cluster_"
UNDECLARED = "(undeclared)"
ABSENT = "missing"  # features.derive says so of a missing category; that room stands beside this

OWN = pa.schema(
    [
        (MODEL, pa.string()),
        (SCOPE, pa.string()),
        (VERSION, pa.int64()),
        (EPOCH, pa.int64()),
        (ARTIFACT, pa.string()),
        (AS_OF, pa.date32()),
        (SCORED_AT, pa.timestamp("us", "UTC")),
        (SCORE, pa.float64()),
        (DECISION, pa.string()),
        (CUTOFF, pa.float64()),
        (ROW, pa.string()),
        (ARM, pa.string()),
    ]
)
"""The columns that every row has; features, slices and clusters follow by model."""

Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class DecidedBy(Record):
    """The version that scored: what each of its rows says of it.

    Parameters
    ----------
    epoch : int or None
        The promotion by which it was champion when it scored; None: it was not.
    cutoff : float or None
        The risk score at which its decision turns; None: it only scores.
    arm : str or None
        Of which experiment it decided, or in whose shadow it scored; None: of no such thing.
    """

    model: str
    version: int
    epoch: int | None
    artifact_sha256: str
    cutoff: float | None
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Rows with what a version said of them, n each.

    Parameters
    ----------
    ids : Series of str
        ``_row_id``; hashed before anything is written.
    days : array of datetime64[D]
        The day each decision counts for: the row's event day.
    scores : pyarrow.Array of float64
        Higher = riskier.
    decisions : pyarrow.Array of str
        Null where there is no cut-off.
    features : DataFrame
        As the model saw them: float64, or text.
    beside : DataFrame
        Declared columns, as landed, for slices and clusters; those that are not there are null.
    """

    ids: pd.Series
    days: Days
    scores: pa.Array
    decisions: pa.Array
    features: pd.DataFrame
    beside: pd.DataFrame


@dataclass(frozen=True, slots=True)
class PartHeader(Record):
    """What a file of the log says of itself, in its metadata.

    Parameters
    ----------
    form : int
        Of the schema; a reader refuses one that it does not know.
    key_id : str
        Tells which key hashed its rows.
    ends_day : bool
        Whether it is the last part of a landed day that was scored whole.
    """

    form: int
    scope: str
    model: str
    version: int
    epoch: int | None
    artifact_sha256: str
    cutoff: float | None
    as_of: date
    rows: int
    key_id: str
    ends_day: bool
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One file in the making: its name says all that it holds, but when it was scored."""

    header: PartHeader
    name: str
    content: bytes


def identifying_columns(spec: ModelSpec) -> frozenset[str]:
    """Return the columns that say who somebody is: the row key, entities, clusters, cards."""
    card = spec.gate.alerts.card if spec.gate.alerts else None
    entities = (window.entity for window in spec.windows)
    return frozenset((spec.row_key, *entities, *spec.gate.clusters, *((card,) if card else ())))


def cluster_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns whose equal values move together; they are logged as hashes."""
    card = spec.gate.alerts.card if spec.gate.alerts else None
    return tuple(dict.fromkeys((*spec.gate.clusters, *((card,) if card else ()))))


def columns_beside(spec: ModelSpec) -> tuple[str, ...]:
    """Return the declared columns that are logged beside the features, if rows have them."""
    return tuple(dict.fromkeys((*spec.gate.guards.slices.columns, *cluster_columns(spec))))


def parts_of(
    rows: ScoredRows,
    by: DecidedBy,
    spec: ModelSpec,
    scope: str,
    hasher: RowHasher,
    *,
    scored_at: datetime,
    ends_day: bool = False,
) -> Iterator[Part]:
    """Yield the files that scored rows become, one for each day, days ascending.

    Parameters
    ----------
    scored_at : datetime
        With its zone.
    ends_day : bool
        Whether these rows end a landed day; they are of one day then.
    """
    table = _table(rows, by, spec, scope, hasher, scored_at)
    days, place = np.unique(rows.days, return_inverse=True)
    for number, day in enumerate(days):
        of_day = table if len(days) == 1 else table.filter(pa.array(place == number))
        header = PartHeader(
            form=FORM,
            scope=scope,
            model=by.model,
            version=by.version,
            epoch=by.epoch,
            artifact_sha256=by.artifact_sha256,
            cutoff=by.cutoff,
            as_of=day.item(),
            rows=of_day.num_rows,
            key_id=hasher.key_id,
            ends_day=ends_day,
            arm=by.arm,
        )
        yield _part(of_day, header)


def _table(
    rows: ScoredRows,
    by: DecidedBy,
    spec: ModelSpec,
    scope: str,
    hasher: RowHasher,
    scored_at: datetime,
) -> pa.Table:
    same = {
        MODEL: by.model,
        SCOPE: scope,
        VERSION: by.version,
        EPOCH: by.epoch,
        ARTIFACT: by.artifact_sha256,
        SCORED_AT: scored_at,
        CUTOFF: by.cutoff,
        ARM: by.arm,
    }
    count = len(rows.scores)
    columns = {c: pa.repeat(pa.scalar(v, OWN.field(c).type), count) for c, v in same.items()}
    columns |= {
        AS_OF: pa.array(rows.days, pa.date32()),
        SCORE: rows.scores,
        DECISION: rows.decisions.cast(pa.string()),
        ROW: hasher.rows(by.model, rows.ids),
    }
    made = {name: columns[name] for name in OWN.names}
    made |= _features(rows.features, spec, hasher)
    for column in spec.gate.guards.slices.columns:
        made[f"{SLICE}{column}"] = _slice(rows.beside, column, spec, hasher)
    for column in cluster_columns(spec):
        made[f"{CLUSTER}{column}"] = _hashed(rows.beside.get(column), count, column, spec, hasher)
    return pa.table(made)


def _features(features: pd.DataFrame, spec: ModelSpec, hasher: RowHasher) -> dict[str, pa.Array]:
    hidden = _identifying_features(spec)
    made: dict[str, pa.Array] = {}
    for name in features.columns:
        cells = features[name]
        if name in hidden:
            made[name] = _hashed(cells, len(cells), name, spec, hasher)
        elif pd.api.types.is_numeric_dtype(cells.dtype):
            made[name] = pa.array(cells.to_numpy(dtype="float64"), from_pandas=True)
        else:
            made[name] = _declared_only(_spelt(cells), name, spec)
    return made


def _identifying_features(spec: ModelSpec) -> frozenset[str]:
    """Return the features of the row itself that are made of an identifying column."""
    identifying = identifying_columns(spec)
    return frozenset(
        feature if isinstance(feature, str) else feature.name
        for feature in spec.features
        if identifying & {*((feature,) if isinstance(feature, str) else feature.columns)}
    )


def _slice(beside: pd.DataFrame, column: str, spec: ModelSpec, hasher: RowHasher) -> pa.Array:
    if column in identifying_columns(spec):
        return _hashed(beside.get(column), len(beside), column, spec, hasher)
    if column not in beside:
        return pa.nulls(len(beside), pa.string())
    return _declared_only(_spelt(beside[column]), column, spec)


def _hashed(
    cells: pd.Series | None, count: int, column: str, spec: ModelSpec, hasher: RowHasher
) -> pa.Array:
    if cells is None:
        return pa.nulls(count, pa.string())
    return hasher.hashes(spec.name, column, _spelt(cells).to_pandas().astype("str"))


def _declared_only(words: pa.ChunkedArray, column: str, spec: ModelSpec) -> pa.ChunkedArray:
    """Keep the words that the spec declares, where it does; of others only that they are others."""
    kind = spec.columns.get(column)
    if kind is None or kind.type != "category" or kind.values is None:
        return words
    known = pa.array([*as_words(kind.values, kind.type), ABSENT], pa.string())
    told = pc.or_(pc.is_null(words), pc.is_in(words, value_set=known))
    return pc.if_else(told, words, UNDECLARED)


def _spelt(cells: pd.Series) -> pa.ChunkedArray:
    """Return cells as the spec's words are spelt: a column with missing whole numbers, too."""
    plain = texts(pa.chunked_array([pa.Array.from_pandas(cells)]))
    return one_spelling(pa.chunked_array([pa.Array.from_pandas(plain, type=pa.string())]))


def _part(table: pa.Table, header: PartHeader) -> Part:
    """Name a file by what it holds: the same rows scored again by the same version are one file."""
    told = header.canonical()
    alike = [f.name for f in table.schema if pa.types.is_string(f.type) and f.name != ROW]
    # what is hashed need be neither small nor quick to search: that takes half the time
    body = _encoded(table.drop_columns([SCORED_AT]), alike, "none", statistics=False)
    digest = hashlib.sha256(told)
    digest.update(body)
    marked = table.replace_schema_metadata({HEADER: told})
    return Part(header, digest.hexdigest(), _encoded(marked, alike, "zstd", statistics=True))


def _encoded(table: pa.Table, alike: list[str], compression: str, *, statistics: bool) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression=compression, use_dictionary=alike, write_statistics=statistics
    )
    return bytes(sink.getvalue())
