"""Whole nights on real stores: run again, cut off, without MLflow."""

from __future__ import annotations

import pytest

from finrisk.errors import Unreachable
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.registry import VersionRegistry
from tests.pipelines.lender import (
    FIRST,
    decided,
    night,
)


def test_a_night_run_again_is_the_same_night(rooms: Rooms) -> None:
    first = night(rooms, FIRST)

    again = night(rooms, FIRST)

    assert again == first
    assert len(rooms.ledger.versions("credit_risk")) == 1
    assert len(rooms.ledger.history("credit_risk")) == 1
    assert len(rooms.ledger.looks("credit_risk")) == 1


def test_a_crash_between_verdict_and_promotion_ends_as_if_undisturbed(rooms: Rooms) -> None:
    decision = decided(rooms, FIRST)
    assert rooms.ledger.champion("credit_risk") is None

    again = decided(rooms, FIRST)
    steps.promote(again, rooms)
    steps.promote(again, rooms)

    assert again == decision
    assert len(rooms.ledger.history("credit_risk")) == 1


def test_an_mlflow_that_does_not_answer_leaves_the_champion_alone(rooms: Rooms) -> None:
    night(rooms, FIRST)
    gone = rooms.settings.model_copy(
        update={"tracking_uri": "http://127.0.0.1:9", "registry_uri": "http://127.0.0.1:9"}
        | {"remote_timeout_seconds": 1, "remote_retries": 0}
    )
    cut_off = Rooms(
        settings=gone,
        spec=rooms.spec,
        ledger=rooms.ledger,
        tracker=NightTracker(gone),
        registry=VersionRegistry(gone),
        snapshots=rooms.snapshots,
    )
    before = rooms.ledger.champion("credit_risk")

    with pytest.raises(Unreachable, match="MLFLOW_TRACKING_URI"):
        night(cut_off, FIRST)

    assert rooms.ledger.champion("credit_risk") == before
    assert night(rooms, FIRST).decision is Decision.PROMOTE
