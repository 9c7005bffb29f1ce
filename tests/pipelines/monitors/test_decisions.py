"""Decisions counted and joined: the champion's own, once each, by label only where it is known."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finrisk.data.decision_log import DecisionLog
from finrisk.data.labels import LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.metrics.day_counts import count_by_day, row_days
from finrisk.metrics.drift import column_reference
from finrisk.pipelines.monitors.decisions import (
    Decided,
    counted_window,
    decided_by,
    labelled_decisions,
)
from finrisk.pipelines.monitors.reference import (
    StoredReference,
    read_reference,
    write_reference,
)
from finrisk.records import ModelVersion
from tests.data.decisions import AT, DAY, NEXT, a_log, logged_spec, scored_rows
from tests.data.decisions import decided_by as by

VERSION = ModelVersion("loans", 3, "run", "models:/m-1", "ab" * 32, "cd" * 32)
AFTER = NEXT + timedelta(days=1)
TWO_ROWS = row_days(np.array([DAY, DAY], dtype="datetime64[D]"))


def logged(tmp_path: Path, *others: dict[str, Any]) -> DecisionLog:
    """Four decisions of the champion on either day, and what others decided of them."""
    log, spec = a_log(tmp_path), logged_spec()
    for first, day in ((0, DAY), (4, NEXT)):
        log.append(spec, by(), scored_rows(day=day, first=first), scored_at=AT)
    for number, changes in enumerate(others):
        rows = scored_rows(day=DAY, first=100 * (number + 1))
        log.append(spec, by(**changes), rows, scored_at=AT)
    return log


def decided(log: DecisionLog, as_of: date = AFTER) -> Decided:
    return decided_by(log, VERSION, logged_spec(), as_of)


def a_reference() -> StoredReference:
    before = np.datetime64(DAY) - np.arange(1, 9)
    days = row_days(np.tile(before, 2))
    home = ["own", None, "own", "rent"] * 4
    return StoredReference(
        first_day=DAY - timedelta(days=8),
        last_day=DAY - timedelta(days=1),
        columns={
            "income": column_reference("income", np.arange(16.0) * 50.0, days),
            "home": column_reference("home", np.array(home, dtype=object), days),
            "score": column_reference("score", np.arange(16.0) / 16.0, days),
        },
        rows=count_by_day(np.zeros(16, dtype=np.int64), 1, days),
        without={"employed": "no column"},
    )


def test_only_what_the_champion_decided_as_champion_counts(tmp_path: Path) -> None:
    log = logged(tmp_path, {"epoch": None}, {"version": 2, "artifact_sha256": "ef" * 32})

    found = decided(log)

    assert found.days == (DAY, NEXT)
    window = counted_window(found, DAY, NEXT, None)
    assert window.rows.counts.ravel().tolist() == [4, 4]
    assert len(window.scores) == 8


def test_a_version_that_was_restored_under_a_new_number_goes_on(tmp_path: Path) -> None:
    log = logged(tmp_path, {"version": 9, "epoch": 3})

    assert counted_window(decided(log), DAY, NEXT, None).rows.rows == 12


def test_a_day_that_has_not_passed_is_not_known(tmp_path: Path) -> None:
    assert decided(logged(tmp_path), as_of=NEXT).days == (DAY,)


def test_a_window_is_counted_as_its_columns_would_be(tmp_path: Path) -> None:
    log, reference = logged(tmp_path), a_reference()

    window = counted_window(decided(log), DAY, NEXT, reference)

    frame = log.read("loans", DAY, NEXT)
    days = row_days(frame["_as_of"].to_numpy().astype("datetime64[D]"))
    home = frame["home"].astype(object).where(frame["home"] != "missing", None).to_numpy()
    columns = {"income": frame["income"].to_numpy(), "home": home, "score": frame["_score"]}
    for name, values in columns.items():
        expected = reference.columns[name].count(values, days)
        assert np.array_equal(window.counts[name].counts, expected.counts)
    assert window.counts["home"].by_bin[-1] == 4  # the word `missing` is a missing value


def test_a_reference_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, made = tmp_path / "of" / "reference.json", a_reference()
    write_reference(path, made)

    read = read_reference(path)

    assert read is not None
    assert (read.first_day, read.last_day, read.without) == (
        made.first_day,
        made.last_day,
        made.without,
    )
    assert path.stat().st_mode & 0o077 == 0
    for name, of in made.columns.items():
        again = read.columns[name]
        assert np.array_equal(again.counts.counts, of.counts.counts)
        values = of.count(["own", "boat"] if name == "home" else [3.0, np.nan], TWO_ROWS)
        same = again.count(["own", "boat"] if name == "home" else [3.0, np.nan], TWO_ROWS)
        assert np.array_equal(same.counts, values.counts)


def test_while_there_are_few_days_a_window_is_of_whole_weeks(tmp_path: Path) -> None:
    log, spec = a_log(tmp_path), logged_spec()
    for n in range(17):
        rows = scored_rows(count=1, day=DAY + timedelta(days=n), first=n)
        log.append(spec, by(), rows, scored_at=AT)
    last = DAY + timedelta(days=16)

    found = decided(log, as_of=last + timedelta(days=1))

    assert found.window(28) == (last - timedelta(days=13), last)
    assert found.window(16) == (last - timedelta(days=15), last)
    assert decided(log, as_of=DAY + timedelta(days=3)).window(28) == (DAY, DAY + timedelta(days=2))


def test_labels_find_their_decisions_and_rows_without_one_are_counted(tmp_path: Path) -> None:
    log, spec = logged(tmp_path), logged_spec()
    landed = pd.DataFrame(
        {
            ROW_ID: [f"loan-{n:04d}" for n in range(8)],
            EVENT_DAY: pd.to_datetime([DAY] * 4 + [NEXT] * 4),
            LABEL: pd.array([1, 0, None, 0, 1, 1, 0, 0], dtype="Int8"),
            VINTAGE: ["2024-03"] * 8,
        }
    )

    matured, without = labelled_decisions(decided(log), DAY, DAY, Labelled(landed, 0, 0), log, spec)

    assert without == 1
    assert dict(zip(matured["_score"].round(1), matured[LABEL], strict=True)) == {
        0.0: 1,
        0.1: 0,
        0.3: 0,
    }
    assert {"_slice_channel", "_cluster_branch"} <= set(matured.columns)
    assert "_row" not in matured
