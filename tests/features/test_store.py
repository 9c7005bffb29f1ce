from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finrisk.features import store as module
from finrisk.features.store import FeatureStore, served_features
from finrisk.features.windows import window_features
from tests.features.transactions import CARD, SHOP, a_spec, some_rows

SPEC = a_spec()
FIRST, LAST = date(2024, 3, 28), date(2024, 4, 2)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[tuple[date, date, int]]:
    """What is built, and of how many rows."""
    asked: list[tuple[date, date, int]] = []

    def noted(rows, spec, first, last, *, threads):  # type: ignore[no-untyped-def]
        asked.append((first, last, len(rows)))
        return window_features(rows, spec, first, last, threads=threads)

    monkeypatch.setattr(module, "window_features", noted)
    return asked


def served(
    rows: pd.DataFrame,
    store: FeatureStore,
    days: list[date] | None = None,
    *,
    keep: bool = True,
) -> pd.DataFrame:
    """What is served comes in the order of the rows; here by day and id, as windows are built."""
    found = served_features(rows, SPEC, days or DAYS, store, 1, keep=keep)
    assert found["_row_id"].tolist() == rows.loc[found.index, "_row_id"].tolist()
    return found.sort_values(["_event_day", "_row_id"], ignore_index=True)


def test_what_is_served_is_what_is_built(store: FeatureStore) -> None:
    rows = some_rows(1)

    found = served(rows, store)

    built = window_features(rows, SPEC, FIRST, LAST, threads=1)
    pd.testing.assert_frame_equal(found, built, check_exact=True)
    pd.testing.assert_frame_equal(store.read(SPEC, FIRST, LAST), built, check_exact=True)
    assert store.days(SPEC) == tuple(DAYS)


def test_a_second_night_builds_the_new_day_alone_of_the_rows_its_windows_reach(
    store: FeatureStore, queries: list[tuple[date, date, int]]
) -> None:
    rows = some_rows(2, count=400)
    served(rows, store, DAYS[:-1])
    queries.clear()

    found = served(rows, store)

    since = np.datetime64(LAST - timedelta(days=SPEC.look_back_days))
    reached = (rows["at"] >= since) & (rows["at"] < np.datetime64(LAST) + 1)
    assert queries == [(LAST, LAST, int(reached.sum()))]
    assert found.equals(window_features(rows, SPEC, FIRST, LAST, threads=1))


def test_neighbouring_missing_days_are_one_query(
    store: FeatureStore, queries: list[tuple[date, date, int]]
) -> None:
    rows = some_rows(3)
    served(rows, store, [DAYS[2]])

    served(rows, store)

    built = [(first, last) for first, last, _ in queries]
    assert built == [(DAYS[2], DAYS[2]), (DAYS[0], DAYS[1]), (DAYS[3], DAYS[-1])]


def test_nothing_is_built_when_everything_is_there(
    store: FeatureStore, queries: list[tuple[date, date, int]]
) -> None:
    rows = some_rows(4)
    before = served(rows, store)
    queries.clear()

    after = served(rows, store)

    assert not queries
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_a_correction_never_rewrites_what_was_served(store: FeatureStore) -> None:
    rows = some_rows(5)
    before = served(rows, store)
    corrected = rows.assign(amount=1.0, _bad_on=rows["at"].dt.normalize())

    after = served(corrected, store)

    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_a_row_that_comes_late_is_added_and_leaves_the_others(store: FeatureStore) -> None:
    rows = some_rows(6)
    of_day = rows["at"].dt.normalize() == pd.Timestamp(LAST)
    late = rows[of_day]["_row_id"].iloc[0]
    before = served(rows[rows["_row_id"] != late], store)

    after = served(rows.assign(amount=1.0), store).set_index("_row_id")

    earlier = before.set_index("_row_id")
    pd.testing.assert_frame_equal(after.drop(index=late), earlier, check_exact=True)
    assert after.loc[late, "card_mean_3d"] in (1.0, pytest.approx(1.0))
    assert late in set(store.read(SPEC, LAST, LAST)["_row_id"])


def test_a_row_that_is_gone_is_not_served_and_stays_stored(store: FeatureStore) -> None:
    rows = some_rows(7)
    served(rows, store)
    gone = rows[rows["at"].dt.normalize() == pd.Timestamp(LAST)]["_row_id"].iloc[0]

    found = served(rows[rows["_row_id"] != gone], store)

    assert gone not in set(found["_row_id"])
    assert gone in set(store.read(SPEC, LAST, LAST)["_row_id"])


def test_a_dry_run_sees_what_was_served_and_keeps_nothing(store: FeatureStore) -> None:
    rows = some_rows(8)
    before = served(rows, store, DAYS[:2])

    corrected = rows.assign(amount=1.0)
    found = served(corrected, store, keep=False)

    anew = window_features(corrected, SPEC, FIRST, LAST, threads=1)
    pd.testing.assert_frame_equal(found.head(len(before)), before, check_exact=True)
    assert found.tail(-len(before)).equals(anew.tail(-len(before)))
    assert store.days(SPEC) == tuple(DAYS[:2])


def test_a_copy_that_somebody_left_in_the_folder_is_passed_over(store: FeatureStore) -> None:
    served(some_rows(8), store)
    folder = store.folder(SPEC)
    (folder / f"copy of {FIRST}.parquet").write_bytes(b"somebody's")

    assert store.days(SPEC) == tuple(DAYS)


def test_a_broken_file_is_told_and_built_again(
    store: FeatureStore, caplog: pytest.LogCaptureFixture
) -> None:
    rows = some_rows(9)
    before = served(rows, store)
    file = store.folder(SPEC) / f"{DAYS[1]}.parquet"
    file.write_bytes(file.read_bytes()[:200])

    with caplog.at_level(logging.WARNING):
        after = served(rows, store)

    assert f"served on {DAYS[1]} cannot be read" in caplog.text
    pd.testing.assert_frame_equal(after, before, check_exact=True)
    assert set(store.read(SPEC, DAYS[1], DAYS[1])["_row_id"])
    assert file.with_suffix(".unreadable").exists()


def test_the_first_writer_of_a_row_wins(store: FeatureStore) -> None:
    frame = served(some_rows(10), store, [LAST], keep=False)
    other = frame.assign(card_count_1d=99.0)

    store.keep(SPEC, LAST, frame)
    kept = store.keep(SPEC, LAST, other)

    pd.testing.assert_frame_equal(kept, frame, check_exact=True)
    assert store.read(SPEC, LAST, LAST).equals(frame)


def test_keeping_the_same_twice_leaves_the_same_bytes_and_no_rest(store: FeatureStore) -> None:
    frame = served(some_rows(11), store, [LAST], keep=False)
    store.keep(SPEC, LAST, frame)
    file = store.folder(SPEC) / f"{LAST}.parquet"
    before = file.read_bytes(), file.stat().st_mtime_ns

    store.keep(SPEC, LAST, frame)

    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert {f.name for f in file.parent.iterdir()} == {".lock", file.name}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (a_spec(CARD, SHOP, title="Other"), True),
        (a_spec(CARD, SHOP, features=["amount"]), True),
        (a_spec(CARD, {**SHOP, "shift_days": 3}), False),
        (a_spec(CARD, {**SHOP, "days": [1, 4]}), False),
        (a_spec({**CARD, "entity": "shop"}, SHOP), False),
        (a_spec(CARD, SHOP, schedule={"timezone": "America/New_York"}), False),
    ],
)
def test_other_windows_have_another_folder(
    store: FeatureStore, changed: object, same: bool
) -> None:
    assert (store.folder(changed) == store.folder(SPEC)) is same  # type: ignore[arg-type]


def test_a_day_without_rows_has_no_features(store: FeatureStore) -> None:
    found = served(some_rows(12), store, [date(2030, 1, 1)])

    assert found.empty
    assert list(found.columns) == ["_row_id", "_event_day", *SPEC.window_features]
    assert store.days(SPEC) == ()
