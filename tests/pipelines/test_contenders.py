"""Contenders as their artifacts and snapshots let them be read: a fault is a fact, no crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest
from tests.pipelines.lender import (
    FIRST,
    SECOND,
    deliver,
    lender_of_its_own,
    night,
)


def test_a_feature_that_changed_its_meaning_stops_the_comparison_before_a_look(
    rooms: Rooms, own_home: Path
) -> None:
    night(rooms, FIRST)

    def redefine(document: dict[str, Any]) -> None:
        document["features"][-1] = {"name": "loan_to_income", "ratio": ["income", "loan_amount"]}

    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home, redefine))
    deliver(theirs.settings, SECOND)

    held = night(theirs, SECOND)

    assert held.decision is Decision.HOLD
    assert "loan_to_income changed or gone" in held.reasons[0]
    assert len(rooms.ledger.looks("credit_risk")) == 1


def test_a_feature_that_is_gone_holds_and_one_that_came_does_not(
    rooms: Rooms, own_home: Path
) -> None:
    night(rooms, FIRST)

    def swap(document: dict[str, Any]) -> None:
        document["features"] = [f for f in document["features"] if f != "purpose"]
        del document["reasons"]["purpose"]

    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home, swap))
    deliver(theirs.settings, SECOND)

    held = night(theirs, SECOND)

    assert held.decision is Decision.HOLD
    assert "purpose changed or gone" in held.reasons[0]


def test_a_champion_that_was_out_of_reach_for_a_night_is_compared_after_the_mend(
    rooms: Rooms, own_home: Path
) -> None:
    first = night(rooms, FIRST)
    assert first.challenger is not None
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)
    model_id = first.challenger.model_uri.removeprefix("models:/")
    (manifest,) = rooms.settings.artifacts.rglob(f"{model_id}/**/manifest.json")
    copy = rooms.registry.copies.folder(first.challenger.artifact_sha256)
    for lost in (manifest, copy):
        lost.rename(lost.with_suffix(".away"))
    rejected = night(theirs, SECOND)
    assert rejected.decision is Decision.REJECT
    for lost in (manifest, copy):
        lost.with_suffix(".away").rename(lost)

    mended = night(theirs, SECOND)

    assert mended.comparison is not None
    assert len(rooms.ledger.looks("credit_risk")) == 2


def test_a_tampered_challenger_is_rejected_before_a_look(rooms: Rooms) -> None:
    prepared = steps.prepare(NightRequest("credit_risk", FIRST), rooms)
    trained = steps.train(prepared, "lr", rooms)
    model_id = trained.model_uri.removeprefix("models:/")
    (calibrator,) = rooms.settings.artifacts.rglob(f"{model_id}/**/calibrator.json")
    calibrator.write_bytes(calibrator.read_bytes() + b" ")

    decision = steps.decide(prepared, [trained], rooms)

    assert decision.decision is Decision.REJECT
    assert "does not verify" in decision.reasons[0]
    assert rooms.ledger.looks("credit_risk") == []
