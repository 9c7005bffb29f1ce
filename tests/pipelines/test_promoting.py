"""Carrying a PROMOTE out: once, and only against the champion it was decided on."""

from __future__ import annotations

from datetime import date

from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, PromotionKind
from tests.pipelines.lender import (
    FIRST,
    decided,
    night,
)


def alias(rooms: Rooms, name: str = "production") -> int | None:
    return rooms.registry.alias_version(rooms.registered_name, name)


def test_a_first_champion_is_promoted_by_the_floors(rooms: Rooms) -> None:
    decision = night(rooms, FIRST)

    champion = rooms.ledger.champion("credit_risk")
    assert decision.decision is Decision.PROMOTE, decision.reasons
    assert champion is not None
    assert (champion.version, champion.epoch) == (decision.challenger.version, 1)  # type: ignore[union-attr]
    assert alias(rooms) == champion.version
    assert rooms.ledger.history("credit_risk")[0].kind is PromotionKind.BOOTSTRAP
    assert rooms.ledger.looks("credit_risk")[0].alpha == 0.0


def test_a_champion_that_changed_meanwhile_keeps_its_place(rooms: Rooms) -> None:
    decision = decided(rooms, FIRST)
    challenger = decision.challenger
    assert challenger is not None
    rooms.ledger.promote(
        "credit_risk",
        challenger,
        None,
        0,
        "somebody else",
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="somebody",
        reason="was quicker",
        as_of=FIRST,
        at=rooms.now(),
    )

    ended = steps.promote(decision, rooms)

    stored = rooms.ledger.night("credit_risk", FIRST)
    assert ended.decision is Decision.HOLD
    assert stored is not None
    assert stored.decision == ended
    assert len(rooms.ledger.history("credit_risk")) == 1


def test_every_night_mends_an_alias_that_somebody_deleted(rooms: Rooms) -> None:
    night(rooms, FIRST)
    rooms.registry._client.delete_registered_model_alias(rooms.registered_name, "production")
    assert alias(rooms) is None

    night(rooms, date(2024, 8, 6))

    assert alias(rooms) == 1
