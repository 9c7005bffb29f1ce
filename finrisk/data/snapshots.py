"""Frozen, content-addressed rows: what a model was fitted and judged on, named by its sha256.

The same rows give the same bytes (sorted, a fixed schema, no clock, one writer), so a night with
nothing new is seen by the digest alone. The bytes also depend on pyarrow's version: an upgrade
makes one new digest. Snapshots hold customers' rows; they stay here and never travel to MLflow.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.atomic import write_whole
from finrisk.data.known_cards import KNOWN_CARD
from finrisk.data.labels import LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.snapshot_rows import (
    PART,
    Part,
    SnapshotRows,
    as_frame,
    not_as_frozen,
    not_there,
    reading,
)
from finrisk.data.split import Split
from finrisk.data.stored_files import moment, plain_file
from finrisk.errors import SnapshotMismatch
from finrisk.faults import reach
from finrisk.records import SnapshotRef
from finrisk.specs.data import ColumnType
from finrisk.specs.model_spec import ModelSpec

HEX = re.compile(r"[0-9a-f]{64}")

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
    "moment": pa.timestamp("us"),
    "category": pa.string(),
    "text": pa.string(),
}


def rows_sha256(ids: Iterable[str], labels: Iterable[int]) -> str:
    """Digest of which rows, with which labels, in which order.

    Examples
    --------
    >>> rows_sha256(["a", "b"], [1, 0]) == rows_sha256(["b", "a"], [0, 1])
    False
    """
    lines = "".join(
        f"{row_id}\x1f{int(label)}\n" for row_id, label in zip(ids, labels, strict=True)
    )
    return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot that lies in the store, and when a night last froze it."""

    sha256: str
    modified: datetime
    bytes: int


class SnapshotStore:
    """Snapshots in one folder, each named by the sha256 of its bytes.

    Parameters
    ----------
    root : Path
        The folder, made on first use. Whoever may read it may read customers' rows.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def freeze(self, labelled: Labelled, spec: ModelSpec, split: Split) -> SnapshotRef:
        """Write the labelled rows of a split, unless they are there already.

        Parameters
        ----------
        labelled : Labelled
            All landed rows; only labelled rows of the split's vintages are frozen. With an alert
            budget by card, ``_known_card`` stands beside them already.
        spec : ModelSpec
            Names the columns to keep, and the features of its windows.
        split : Split
            Which vintage belongs to which part.

        Returns
        -------
        SnapshotRef
            The same for the same rows.
        """
        frame = _frozen_rows(labelled.frame, spec, split)
        content = _parquet_bytes(frame, spec)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256)
        reach("snapshot:during")
        if not (path.exists() and _sha256_of(path.read_bytes()) == sha256):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, content)
        else:
            os.utime(path)  # in use again: retention spares what was frozen lately
        holdout = frame[frame[PART] == "holdout"]
        return SnapshotRef(
            sha256=sha256,
            uri=path.as_uri(),
            rows=len(frame),
            bads=int(frame[LABEL].sum()),
            indeterminate=labelled.indeterminate,
            immature=labelled.immature,
            development=split.development_window,
            holdout=split.holdout_window,
            holdout_sha256=rows_sha256(holdout[ROW_ID], holdout[LABEL]),
        )

    def open(self, sha256: str) -> pd.DataFrame:
        """Read a snapshot whole, after its bytes gave its name.

        Returns
        -------
        DataFrame
            ``_row_id``, ``_event_day``, ``_vintage``, ``_label`` (int8), ``_part``, then columns,
            in order of event day and row id.

        Raises
        ------
        SnapshotMismatch
            The snapshot is not there, or its bytes are not those that were frozen.
        """
        return as_frame(pq.read_table(pa.BufferReader(self._verified(sha256))))

    def development(self, sha256: str) -> pd.DataFrame:
        """Read the rows that may be fitted and tuned on; raises as :meth:`open` does."""
        return _only(self.open(sha256), "development")

    def holdout(self, sha256: str) -> pd.DataFrame:
        """Read the rows that judge; raises as :meth:`open` does."""
        return _only(self.open(sha256), "holdout")

    def reading(self, sha256: str) -> AbstractContextManager[SnapshotRows]:
        """Open a snapshot to read it some rows at a time; raises as :meth:`open` does."""
        return reading(self.path(sha256), sha256)

    def stored(self) -> Iterator[StoredSnapshot]:
        """Give every snapshot there is; a file or link that is none of ours is passed over."""
        for path in sorted(self.root.glob("??/*.parquet")):
            own = HEX.fullmatch(path.stem) and path == self.path(path.stem)
            found = plain_file(path) if own and not path.parent.is_symlink() else None
            if found is not None:
                yield StoredSnapshot(path.stem, moment(found.st_mtime), found.st_size)

    def remove(self, sha256: str, *, older_than: datetime) -> bool:
        """Delete a snapshot unless a night has frozen it since; say whether it is gone."""
        path = self.path(sha256)
        found = plain_file(path)
        if found is None or moment(found.st_mtime) >= older_than:
            return False
        path.unlink(missing_ok=True)
        return True

    def path(self, sha256: str) -> Path:
        """Return where a snapshot of this name lies, or would."""
        if not HEX.fullmatch(sha256):
            raise SnapshotMismatch("no name of a snapshot", expected="64 hexadecimal digits")
        return self.root / sha256[:2] / f"{sha256}.parquet"

    def _verified(self, sha256: str) -> bytes:
        path = self.path(sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError as exc:
            raise not_there(path, sha256) from exc
        if (got := _sha256_of(content)) != sha256:
            raise not_as_frozen(sha256, got)
        return content


def _only(frame: pd.DataFrame, part: Part) -> pd.DataFrame:
    return frame[frame[PART] == part].reset_index(drop=True)


def _frozen_rows(frame: pd.DataFrame, spec: ModelSpec, split: Split) -> pd.DataFrame:
    kept = frame[frame[LABEL].notna()]
    kept = kept.assign(**{PART: kept[VINTAGE].map(split.part_of)})
    hidden = [ROW_ID, EVENT_DAY, VINTAGE, LABEL, PART]
    columns = [*hidden, *spec.kept_columns, *spec.window_features, *_of_cards(spec)]
    kept = kept.loc[kept[PART].notna(), columns]
    return kept.sort_values([EVENT_DAY, ROW_ID], kind="stable", ignore_index=True)


def _of_cards(spec: ModelSpec) -> tuple[str, ...]:
    alerts = spec.gate.alerts
    return () if alerts is None or alerts.card is None else (KNOWN_CARD,)


def _parquet_bytes(frame: pd.DataFrame, spec: ModelSpec) -> bytes:
    hidden = [
        pa.field(ROW_ID, pa.string()),
        pa.field(EVENT_DAY, pa.timestamp("us")),
        pa.field(VINTAGE, pa.string()),
        pa.field(LABEL, pa.int8()),
        pa.field(PART, pa.string()),
    ]
    kept = [pa.field(c, _ARROW_TYPES[spec.columns[c].type]) for c in spec.kept_columns]
    windows = [pa.field(c, pa.float64()) for c in spec.window_features]
    cards = [pa.field(c, pa.bool_()) for c in _of_cards(spec)]
    schema = pa.schema([*hidden, *kept, *windows, *cards])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False, nthreads=1)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return bytes(sink.getvalue())


def _sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
