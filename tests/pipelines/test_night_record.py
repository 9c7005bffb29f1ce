"""What a rerun may and may not change of a night's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.pipelines import preparing, steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, NightStatus
from tests.pipelines.lender import (
    FIRST,
    applications,
    lender_of_its_own,
    night,
    no_sidecar,
    redeliver,
)

MODEL = "credit_risk"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def runs(rooms: Rooms) -> Mapping[str, str]:
    """The state of every MLflow run of the scope, by its id."""
    tracker = rooms.tracker
    found = tracker._client.search_runs([tracker._experiment_id])
    return {run.info.run_id: run.info.status for run in found}


def quality_pages(settings: Settings) -> Mapping[str, bytes]:
    folder = settings.store / "data_quality" / settings.scope / MODEL
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_decided_night_run_again_on_corrected_rows_stands_and_leaves_no_trace(
    settings: Settings, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = Rooms.open(MODEL, lender_of_its_own(settings, own_home, no_sidecar))
    first = night(rooms, FIRST)
    before, pages = runs(rooms), quality_pages(rooms.settings)
    path = applications(rooms.settings, "2023-03")
    redeliver(path, pd.read_parquet(path).assign(income=50_000.0))

    again = night(rooms, FIRST)

    assert again == first
    assert "already decided (PROMOTE, recorded " in caplog.text
    assert runs(rooms) == before
    assert set(before.values()) == {"FINISHED"}
    assert quality_pages(rooms.settings) == pages
    assert [v.version for v in rooms.ledger.versions(MODEL)] == [1]
    rooms.ledger.close()


def test_a_decided_night_run_again_says_so_and_trains_no_candidate(rooms: Rooms) -> None:
    first = night(rooms, FIRST)

    prepared = steps.prepare(NightRequest(model=MODEL, as_of=FIRST, candidates=("lr",)), rooms)

    assert prepared.status is NightStatus.DECIDED
    assert prepared.candidates == ()
    assert "that stands, nothing is trained again" in prepared.reasons[0]
    assert steps.decide(prepared, [], rooms) == first


def test_a_record_tells_how_long_its_night_took_and_a_second_one_from_a_fast_clock_is_no_time(
    rooms: Rooms,
) -> None:
    moments = iter([NOON, *[NOON - timedelta(hours=1)] * 99])
    backwards = replace(rooms, now=lambda: next(moments))
    night(rooms, FIRST, candidates=("lr",))
    night(backwards, FIRST + timedelta(days=1), candidates=("lr",))

    first = rooms.ledger.night(MODEL, FIRST)
    second = rooms.ledger.night(MODEL, FIRST + timedelta(days=1))

    assert first is not None
    assert first.seconds is not None
    assert 0.0 < first.seconds < 300.0
    assert second is not None
    assert second.seconds == 0.0


def test_another_release_may_train_a_decided_night_again_for_a_person_to_force(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night(rooms, FIRST, candidates=("lr",))
    monkeypatch.setattr(preparing, "code_version", lambda: "another")

    again = night(rooms, FIRST, candidates=("xgb",))

    stored = rooms.ledger.night(MODEL, FIRST)
    assert "look spent" in again.reasons[0]
    assert [v.version for v in rooms.ledger.versions(MODEL)] == [1, 2]
    assert stored is not None
    assert stored.decision == first


def test_of_two_runs_of_one_night_the_second_finds_the_look_spent_and_ends(rooms: Rooms) -> None:
    asked = NightRequest(model=MODEL, as_of=FIRST, actor="test")
    prepared = [steps.prepare(asked.replace(candidates=(name,)), rooms) for name in ("lr", "xgb")]
    trained = [steps.train(night, night.candidates[0], rooms) for night in prepared]
    first = steps.promote(steps.decide(prepared[0], trained[:1], rooms), rooms)

    late = steps.promote(steps.decide(prepared[1], trained[1:], rooms), rooms)

    stored = rooms.ledger.night(MODEL, FIRST)
    assert (first.decision, late.decision) == (Decision.PROMOTE, Decision.HOLD)
    assert "look spent" in late.reasons[0]
    assert late.run_id is None
    assert stored is not None
    assert stored.decision == first
