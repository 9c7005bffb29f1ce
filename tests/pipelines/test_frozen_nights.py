"""Nights in a change freeze: they train and report, spend no look, promote and lose nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from finrisk.evidence import Outcome
from finrisk.ledger.freezes import Freeze
from finrisk.pipelines import promoting, steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, NightStatus, PromotionKind, TrainedCandidate
from tests.pipelines.lender import FIRST, decided, night

DAY = timedelta(days=1)


def freeze(rooms: Rooms, until: date | None, reason: str = "year-end") -> Freeze:
    return rooms.ledger.freeze("credit_risk", until, reason=reason, actor="anna", at=rooms.now())


def test_a_frozen_night_trains_and_reports_and_spends_no_look(rooms: Rooms) -> None:
    freeze(rooms, FIRST)

    held = night(rooms, FIRST)

    assert (held.status, held.decision) == (NightStatus.READY, Decision.HOLD)
    assert held.reasons == ("change freeze until 2024-08-05 by anna: year-end",)
    assert held.challenger is not None
    assert rooms.ledger.versions("credit_risk") == [held.challenger]
    assert rooms.ledger.looks("credit_risk") == []
    assert rooms.ledger.champion("credit_risk") is None
    evidence = rooms.ledger.evidence(held.evidence_sha256 or "")
    assert evidence is not None
    (rule,) = [r for r in evidence.verdict.rules if r.rule == "not_frozen"]
    assert (rule.outcome, rule.figure) == (Outcome.FAIL, evidence.facts.frozen)


def test_the_first_night_after_a_freeze_judges_though_nothing_new_landed(rooms: Rooms) -> None:
    freeze(rooms, FIRST + DAY)
    night(rooms, FIRST)

    within = night(rooms, FIRST + DAY)
    after = night(rooms, FIRST + 2 * DAY)

    assert (within.status, within.decision) == (NightStatus.NOTHING_NEW, Decision.HOLD)
    assert (after.status, after.decision) == (NightStatus.READY, Decision.PROMOTE)
    assert night(rooms, FIRST + 3 * DAY).status is NightStatus.NOTHING_NEW


def test_a_night_run_again_after_the_freeze_was_lifted_is_judged(rooms: Rooms) -> None:
    freeze(rooms, FIRST + 99 * DAY)
    night(rooms, FIRST)
    freeze(rooms, None, "all clear")

    assert night(rooms, FIRST).decision is Decision.PROMOTE


def test_a_promotion_decided_before_the_freeze_waits_and_is_carried_out_after_it(
    rooms: Rooms,
) -> None:
    decision = decided(rooms, FIRST)
    freeze(rooms, FIRST + DAY)

    ended = steps.promote(decision, rooms)
    freeze(rooms, FIRST + 3 * DAY, "longer")
    night(rooms, FIRST + DAY)
    night(rooms, FIRST + 2 * DAY)

    assert decision.decision is Decision.PROMOTE
    assert ended.decision is Decision.HOLD
    assert ended.reasons[-1] == (
        "waits: credit_risk is not promoted: change freeze until 2024-08-06 by anna: year-end"
    )
    stored = rooms.ledger.night("credit_risk", FIRST)
    assert stored is not None
    assert stored.decision.decision is Decision.PROMOTE
    assert [r for r in stored.decision.reasons if r.startswith("waits: ")] == [
        "waits: credit_risk is not promoted: change freeze until 2024-08-08 by anna: longer"
    ]
    assert rooms.ledger.champion("credit_risk") is None

    night(rooms, FIRST + 4 * DAY)

    (link,) = rooms.ledger.history("credit_risk")
    assert (link.version, link.as_of) == (1, FIRST + 4 * DAY)
    assert "waits: " in link.reason
    assert rooms.ledger.champion_on("credit_risk", FIRST + 3 * DAY) is None


def test_a_freeze_ends_with_its_day_by_the_clock_of_the_specs_nights(rooms: Rooms) -> None:
    decided(rooms, FIRST)
    freeze(rooms, FIRST)
    schedule = rooms.spec.schedule.model_copy(update={"timezone": "Asia/Tokyo"})
    at_two = datetime.combine(FIRST, time(17), UTC)  # in Tokyo it is two in the morning of the next
    tokyo = replace(
        rooms,
        spec=rooms.spec.model_copy(update={"schedule": schedule}),
        now=lambda: at_two,
    )
    request = NightRequest("credit_risk", FIRST + DAY)

    promoting.carry_out_pending(request, replace(rooms, now=lambda: at_two))
    assert rooms.ledger.champion("credit_risk") is None

    promoting.carry_out_pending(request, tokyo)
    (link,) = rooms.ledger.history("credit_risk")
    assert (link.as_of, link.at) == (FIRST + DAY, at_two)


def test_a_look_paid_before_the_freeze_is_not_lost(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(rooms.ledger, "record_night", crash)
        with pytest.raises(OSError, match="power cut"):
            decided(rooms, FIRST)
    freeze(rooms, FIRST)

    again = decided(rooms, FIRST)

    assert again.decision is Decision.PROMOTE
    assert len(rooms.ledger.looks("credit_risk")) == 1
    assert steps.promote(again, rooms).decision is Decision.HOLD
    night(rooms, FIRST + DAY)
    assert rooms.ledger.champion("credit_risk") is not None


def test_a_rollback_step_passes_a_freeze_and_is_done_once_a_request(rooms: Rooms) -> None:
    night(rooms, FIRST)
    first = rooms.ledger.history("credit_risk")[0].version
    for _ in range(2):  # forced back and forth, so that there is something to go back to
        register_and_force(rooms)
    freeze(rooms, FIRST + 9999 * DAY)

    links = [
        steps.roll_back("credit_risk", None, "complaints", "anna", request_id="run 1", rooms=rooms)
        for _ in range(2)
    ]
    last = steps.roll_back("credit_risk", first, "complaints", "anna", as_of=FIRST, rooms=rooms)

    assert links[0] == links[1]
    assert (links[0].epoch, links[0].actor, links[0].reason) == (4, "anna", "complaints")
    assert (links[0].as_of, last.as_of) == (rooms.day(), FIRST)
    assert (last.epoch, last.version) == (5, first)


def register_and_force(rooms: Rooms) -> None:
    """Register the champion's run again under a number of its own, and make it champion."""
    history = rooms.ledger.history("credit_risk")
    known = rooms.ledger.version("credit_risk", history[0].version)
    assert known is not None
    again = TrainedCandidate(
        "lr", "logistic_regression", known.run_id, known.model_uri, known.artifact_sha256, 0.7, 0.1
    )
    made = rooms.registry.register(
        rooms.registered_name, again, model="credit_risk", idem_key=f"{len(history)}"
    )
    rooms.ledger.promote(
        "credit_risk",
        made,
        history[-1].version,
        history[-1].epoch,
        f"by force {made.version}",
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="ada",
        reason="a drill",
        as_of=FIRST,
        at=rooms.now(),
    )
