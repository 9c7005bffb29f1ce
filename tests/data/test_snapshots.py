from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from finrisk.data.labels import Labelled
from finrisk.data.snapshots import PART, SnapshotStore, rows_sha256
from finrisk.data.split import Split, split_vintages
from finrisk.errors import SnapshotMismatch
from finrisk.records import SnapshotRef
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import a_spec, deliver, labelled, rows

AS_OF = date(2024, 7, 15)


def a_night(
    home: Path, frame: pd.DataFrame, as_of: date = AS_OF
) -> tuple[Labelled, ModelSpec, Split]:
    spec = a_spec()
    deliver(home, frame)
    _, found = labelled(home, spec, as_of)
    return found, spec, split_vintages(found.counts, spec.gate.holdout, spec.training)


def frozen(
    home: Path, frame: pd.DataFrame, as_of: date = AS_OF
) -> tuple[SnapshotStore, SnapshotRef]:
    store = SnapshotStore(home / "snapshots")
    found, spec, split = a_night(home, frame, as_of)
    return store, store.freeze(found, spec, split)


def test_a_snapshot_says_what_it_holds(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))

    frame = store.open(ref.sha256)

    assert (ref.rows, ref.bads) == (len(frame), int(frame["_label"].sum())) == (160, 40)
    assert (ref.development.first_day, ref.development.last_day) == (
        date(2024, 1, 1),
        date(2024, 2, 29),
    )
    assert (ref.holdout.first_day, ref.holdout.last_day) == (date(2024, 4, 1), date(2024, 5, 31))
    assert (ref.holdout.rows, ref.holdout.bads) == (80, 20)
    assert ref.immature == 40 + 15  # June, and July up to as_of
    assert Path(ref.uri.removeprefix("file://")).exists()
    assert ref.sha256 in ref.uri


def test_a_snapshot_keeps_raw_feature_and_protected_columns_and_no_other(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))

    frame = store.open(ref.sha256)

    assert list(frame.columns) == [
        *("_row_id", "_event_day", "_vintage", "_label", "_part"),
        *("income", "dependants", "home", "employed", "age_band"),
    ]
    assert frame["home"].dtype == "str"
    assert frame["employed"].dtype == "boolean"


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    shuffled = rows(months=7).sample(frac=1.0, random_state=3)

    _, one = frozen(tmp_path / "a", rows(months=7))
    _, other = frozen(tmp_path / "b", shuffled)

    assert one.replace(uri="") == other.replace(uri="")


def test_a_later_night_with_nothing_matured_since_gives_the_same_snapshot(tmp_path: Path) -> None:
    _, one = frozen(tmp_path / "a", rows(months=7), date(2024, 7, 15))
    _, other = frozen(tmp_path / "b", rows(months=7), date(2024, 7, 16))

    assert one.sha256 == other.sha256


def test_one_changed_label_gives_another_snapshot_and_holdout(tmp_path: Path) -> None:
    changed = rows(months=7)
    changed.loc[121, "bad"] = 1

    _, one = frozen(tmp_path / "a", rows(months=7))
    _, other = frozen(tmp_path / "b", changed)

    assert one.sha256 != other.sha256
    assert one.holdout_sha256 != other.holdout_sha256


def test_freezing_twice_writes_one_file_once(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))
    (path,) = store.root.rglob("*.parquet")
    before = path.stat().st_ino

    _, again = frozen(tmp_path, rows(months=7))

    assert again == ref
    assert [p.stat().st_ino for p in store.root.rglob("*") if p.is_file()] == [before]


def test_freezing_again_mends_a_damaged_snapshot(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))
    (path,) = store.root.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    with pytest.raises(SnapshotMismatch, match=r"is not what was frozen; expected [0-9a-f]{64}"):
        store.open(ref.sha256)
    frozen(tmp_path, rows(months=7))

    assert len(store.open(ref.sha256)) == ref.rows


def test_development_and_holdout_are_apart_in_rows_and_time(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))

    development, holdout = store.development(ref.sha256), store.holdout(ref.sha256)

    assert development["_event_day"].max() < holdout["_event_day"].min()
    assert set(development[PART]) | set(holdout[PART]) == {"development", "holdout"}
    assert not set(development["_row_id"]) & set(holdout["_row_id"])
    assert rows_sha256(holdout["_row_id"], holdout["_label"]) == ref.holdout_sha256
    assert holdout.index.tolist() == list(range(len(holdout)))


def test_a_snapshot_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SnapshotMismatch, match=r"no snapshot 000000000000…; expected .*restore"):
        SnapshotStore(tmp_path).open("0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64])
def test_a_name_that_is_no_digest_opens_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotMismatch, match="expected 64 hexadecimal digits"):
        SnapshotStore(tmp_path).open(name)


def test_what_lies_in_the_store_is_listed_by_name_and_links_are_not(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))
    (kept,) = store.root.glob("*/*.parquet")
    (kept.parent / "notes.parquet").write_bytes(b"somebody's own")
    other = store.root / "cd"
    other.mkdir()
    (other / f"{'ab' * 32}.parquet").write_bytes(b"in another folder than its name says")
    (other / f"{'cd' * 32}.parquet").symlink_to(kept)
    (store.root / "ef").symlink_to(other)

    (stored,) = store.stored()

    assert (stored.sha256, stored.bytes) == (ref.sha256, kept.stat().st_size)


def test_a_snapshot_is_removed_only_if_it_is_old_and_once_is_enough(tmp_path: Path) -> None:
    store, ref = frozen(tmp_path, rows(months=7))
    (stored,) = store.stored()
    later = stored.modified + timedelta(seconds=1)

    assert not store.remove(ref.sha256, older_than=stored.modified)
    assert store.remove(ref.sha256, older_than=later)
    assert not store.remove(ref.sha256, older_than=later)
    assert list(store.stored()) == []
