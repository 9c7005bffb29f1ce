from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finrisk.pipelines.doctor import machine
from finrisk.pipelines.doctor.findings import Health
from finrisk.pipelines.doctor.machine import (
    GIB,
    MIB,
    clock_finding,
    database_time,
    disk_finding,
    folder_time,
    free_bytes,
    installed,
    library_findings,
    required,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "outcome"),
    [
        (6 * GIB, Health.OK),
        (5 * GIB, Health.OK),
        (5 * GIB - 1, Health.WARN),
        (500 * MIB, Health.WARN),
        (500 * MIB - 1, Health.FAIL),
    ],
)
def test_room_on_a_disk(tmp_path: Path, left: int, outcome: Health) -> None:
    found = disk_finding("store", tmp_path, free=lambda _: left)

    assert found.outcome is outcome
    assert found.check == "disk of store"
    assert f"{left / GIB:.1f} GiB free" in found.found


def test_room_for_a_folder_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "store" / "snapshots") > 0
    assert not (tmp_path / "store").exists()


def test_a_folder_that_nobody_may_write_to_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.os, "access", lambda *_: False)  # root may write anywhere

    found = disk_finding("home", tmp_path)

    assert (found.outcome, found.exit_status) == (Health.FAIL, 2)
    assert "is not writable" in found.found


@pytest.mark.parametrize(
    ("off", "outcome", "text"),
    [
        (0, Health.OK, "within 0 s"),
        (5, Health.OK, "within 5 s"),
        (6, Health.WARN, "this machine is 6 s behind"),
        (-60, Health.WARN, "this machine is 60 s ahead"),
        (-61, Health.FAIL, "this machine is 61 s ahead"),
        (3600, Health.FAIL, "this machine is 3600 s behind"),
    ],
)
def test_a_clock_that_is_off(off: int, outcome: Health, text: str) -> None:
    theirs = NOON + timedelta(seconds=off)

    (found,) = clock_finding("the server", lambda: theirs, lambda: NOON)

    assert (found.outcome, found.found) == (outcome, text)
    assert found.check == "clock against the server"


def test_the_way_there_and_back_is_not_held_against_a_clock() -> None:
    ticks: Iterator[datetime] = iter([NOON, NOON + timedelta(seconds=20)])

    (found,) = clock_finding("a slow server", lambda: NOON, lambda: next(ticks))

    assert found.outcome is Health.OK


def test_a_clock_that_shows_nothing_is_no_finding() -> None:
    assert clock_finding("sqlite", lambda: None, lambda: NOON) == []


def test_the_folders_time_is_asked_without_leaving_anything(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mtime_ns

    stamped = folder_time(tmp_path)

    assert abs(datetime.now(UTC) - stamped) < timedelta(seconds=60)
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mtime_ns == before


def test_sqlite_has_no_time_of_its_own_and_is_not_made(tmp_path: Path) -> None:
    assert database_time(f"sqlite:///{tmp_path / 'ledger.db'}") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="no PostgreSQL to ask")
def test_postgresql_tells_its_time_with_a_zone() -> None:
    told = database_time(os.environ["TEST_POSTGRES_URL"])

    assert told is not None
    assert told.tzinfo is not None


def test_libraries_within_their_ranges_are_well() -> None:
    versions = {"mlflow": "3.17.2", "scikit-learn": "1.9.1"}

    (found,) = library_findings(["mlflow<3.18,>=3.17.2", "scikit-learn>=1.9"], versions.get)

    assert found.outcome is Health.OK
    assert "mlflow 3.17.2, scikit-learn 1.9.1" in found.found


def test_a_library_outside_its_range_is_told_and_a_missing_one_fails() -> None:
    versions = {"mlflow": "3.18.0"}

    outside, missing = library_findings(["mlflow<3.18,>=3.17.2", "skops>=0.16"], versions.get)

    assert outside.outcome is Health.WARN
    assert outside.found == "mlflow 3.18.0 is outside <3.18,>=3.17.2"
    assert missing.outcome is Health.FAIL
    assert missing.remedy == "pip install 'skops>=0.16'"


def test_the_gpu_build_of_xgboost_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "xgboost":
            return "3.2.0"
        raise machine.PackageNotFoundError(name)

    monkeypatch.setattr(machine, "version", version)

    assert installed("xgboost-cpu") == "3.2.0"
    assert installed("mlflow") is None


def test_what_is_required_here_is_installed_here() -> None:
    needed = required()

    assert any(line.startswith("mlflow") for line in needed)
    assert [f.outcome for f in library_findings(needed)] == [Health.OK]
