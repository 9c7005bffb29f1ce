"""A snapshot read in batches says what a snapshot read whole says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finrisk.data.snapshot_rows import SnapshotRows, reading, reading_again, rows_among
from finrisk.data.snapshots import SnapshotStore
from finrisk.errors import SnapshotMismatch

ROWS, DEVELOPED, GROUP = 700, 520, 150


def frozen_rows() -> pd.DataFrame:
    chance = np.random.default_rng(3)
    dependants = pd.Series(chance.integers(0, 4, ROWS), dtype="Int64")
    dependants[:5] = None  # of the development part alone
    return pd.DataFrame(
        {
            "_row_id": [f"loan-{n:03d}" for n in range(ROWS)],
            "_event_day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), "D"),
            "_label": chance.integers(0, 2, ROWS).astype(np.int8),
            "_part": ["development"] * DEVELOPED + ["holdout"] * (ROWS - DEVELOPED),
            "income": np.where(chance.random(ROWS) < 0.1, np.nan, chance.random(ROWS)),
            "dependants": dependants,
            "home": pd.Series(chance.choice(["own", "rent"], ROWS)).where(
                chance.random(ROWS) < 0.9, None
            ),
            "employed": pd.array(chance.random(ROWS) < 0.5, dtype="boolean"),
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "snapshots")


@pytest.fixture
def sha256(store: SnapshotStore, tmp_path: Path) -> str:
    draft = tmp_path / "draft.parquet"
    table = pa.Table.from_pandas(frozen_rows(), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, draft, row_group_size=GROUP)
    name = hashlib.sha256(draft.read_bytes()).hexdigest()
    store.path(name).parent.mkdir(parents=True)
    draft.rename(store.path(name))
    return name


@pytest.mark.parametrize("part", ["development", "holdout"])
def test_batches_put_together_are_the_part(store: SnapshotStore, sha256: str, part: str) -> None:
    whole = getattr(store, part)(sha256)

    with store.reading(sha256) as snapshot:
        batches = list(snapshot.batches(part, snapshot.columns, most_rows=64))
        assert snapshot.rows(part) == len(whole)

    assert max(map(len, batches)) <= 64
    pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), whole)


@pytest.mark.parametrize("part", ["development", "holdout"])
def test_a_column_is_that_of_the_part(store: SnapshotStore, sha256: str, part: str) -> None:
    whole = getattr(store, part)(sha256)

    with store.reading(sha256) as snapshot:
        for name in snapshot.columns:
            pd.testing.assert_series_equal(snapshot.column(part, name), whole[name])
        assert snapshot.column("holdout", "dependants").dtype == np.float64  # 2.0, no other word


def test_no_column_but_those_asked_for_is_given(store: SnapshotStore, sha256: str) -> None:
    with store.reading(sha256) as snapshot:
        for batch in snapshot.batches("development", ["income"]):
            assert list(batch.columns) == ["income"]


def test_stretches_hold_each_row_once(store: SnapshotStore, sha256: str) -> None:
    whole = store.holdout(sha256)

    with store.reading(sha256) as snapshot:
        where = snapshot.stretches(most_rows=40)
        read = [snapshot.stretch(one, "holdout", snapshot.columns) for one in where]

    assert max(one.rows for one in where) <= 40
    assert sum(one.rows for one in where) == ROWS
    found = pd.concat([one for one in read if len(one)], ignore_index=True)
    pd.testing.assert_frame_equal(found, whole)


@pytest.mark.parametrize("read", [reading, reading_again])
def test_bytes_that_give_another_name_are_refused(
    store: SnapshotStore, sha256: str, read: object
) -> None:
    path = store.path(sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    with pytest.raises(SnapshotMismatch, match="is not what was frozen"), read(path, sha256):  # type: ignore[operator]
        pass


@pytest.mark.parametrize("read", [reading, reading_again])
def test_a_snapshot_that_is_gone_is_named(store: SnapshotStore, read: object) -> None:
    nobody = "0" * 64

    with (
        pytest.raises(SnapshotMismatch, match="no snapshot 0000"),
        read(store.path(nobody), nobody),  # type: ignore[operator]
    ):
        pass


def test_a_file_that_is_written_into_while_it_is_read_is_refused(
    store: SnapshotStore, sha256: str
) -> None:
    path = store.path(sha256)

    with (
        pytest.raises(SnapshotMismatch, match="other bytes while it was read"),
        store.reading(sha256),
    ):
        path.write_bytes(path.read_bytes() + b"more")


def test_a_file_that_takes_its_place_is_not_read(
    store: SnapshotStore, sha256: str, tmp_path: Path
) -> None:
    whole = store.development(sha256)
    other = tmp_path / "other"
    other.write_bytes(b"something else")

    with store.reading(sha256) as snapshot:
        other.replace(store.path(sha256))
        read = pd.concat(snapshot.batches("development", ["income"]), ignore_index=True)

    pd.testing.assert_frame_equal(read, whole[["income"]])


def test_a_worker_that_knows_a_file_notices_that_it_changed(
    store: SnapshotStore, sha256: str
) -> None:
    path = store.path(sha256)
    with reading_again(path, sha256) as snapshot:
        assert snapshot.all_rows == ROWS
    path.write_bytes(path.read_bytes() + b"?")

    with pytest.raises(SnapshotMismatch), reading_again(path, sha256):
        pass


def test_ids_met_in_several_batches_count_once(store: SnapshotStore, sha256: str) -> None:
    ids = pd.Series(["loan-000", "loan-519", "loan-520", "other"])

    with store.reading(sha256) as snapshot:
        met = rows_among(ids, snapshot.batches("development", ["_row_id"]), "_row_id")
        twice = snapshot.batches("development", ["_row_id"], most_rows=9)
        assert rows_among(ids, (b for b in [*twice, *twice]), "_row_id") == met == 2


def test_a_part_without_a_row_has_no_batch(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(frozen_rows().head(DEVELOPED), preserve_index=False)
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=GROUP)

    with (tmp_path / "rows.parquet").open("rb") as file:
        snapshot = SnapshotRows(file)
        assert list(snapshot.batches("holdout", ["income"])) == []
        assert len(snapshot.column("holdout", "home")) == 0
