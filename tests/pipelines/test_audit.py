from __future__ import annotations

from datetime import date, timedelta

import pytest

from finrisk.errors import UnknownModel
from finrisk.pipelines import promoting, steps
from finrisk.pipelines.audit import deciding_on, history_of
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.promotion.rollback import roll_back
from finrisk.records import NightRequest, PreparedNight, PromotionKind
from tests.pipelines.lender import FIRST, night

LATER = FIRST + timedelta(days=40)


def test_the_history_of_a_model_that_never_ran_is_empty(rooms: Rooms) -> None:
    history = history_of(rooms.ledger, "credit_risk", verify=True)

    assert (history["champion"], history["nights"], history["promotions"]) == (None, [], [])
    assert history["verified_links"] == 0


def test_what_decided_on_a_day_is_answered_with_training_and_grounds(rooms: Rooms) -> None:
    night(rooms, FIRST)

    answer = deciding_on(rooms.ledger, "credit_risk", LATER)

    text = "\n".join(answer["sentences"])
    assert answer["version"] == 1
    assert "as the first champion as of 2024-08-05, bootstrap" in text
    assert "every floor is reached" in text
    assert "fitted on rows up to" in text
    assert answer["evidence"]["look"]["snapshot_sha256"] in text


def test_before_the_first_promotion_nothing_decided(rooms: Rooms) -> None:
    night(rooms, FIRST)

    with pytest.raises(UnknownModel, match="no champion on 2024-08-04"):
        deciding_on(rooms.ledger, "credit_risk", FIRST - timedelta(days=1))


def test_a_moment_is_answered_by_when_the_ledger_recorded_it(rooms: Rooms) -> None:
    night(rooms, FIRST)
    recorded = rooms.ledger.history("credit_risk")[0].at

    answer = deciding_on(rooms.ledger, "credit_risk", recorded)

    assert answer["moment"] == recorded.isoformat()
    assert answer["sentences"][0].startswith(f"At {recorded.isoformat()} credit_risk v1 decided")
    with pytest.raises(UnknownModel, match="no champion at"):
        deciding_on(rooms.ledger, "credit_risk", recorded - timedelta(seconds=1))


def test_a_restored_version_is_explained_by_what_its_artifact_was_promoted_on(
    rooms: Rooms,
) -> None:
    night(rooms, FIRST)
    champion = rooms.ledger.version("credit_risk", 1)
    assert champion is not None
    rooms.ledger.promote(
        "credit_risk",
        champion.replace(version=2),
        1,
        1,
        "restored",
        kind=PromotionKind.RESTORED,
        evidence_sha256=None,
        actor="finrisk reconcile",
        reason="deleted in MLflow",
        as_of=LATER,
        at=rooms.now(),
    )

    answer = deciding_on(rooms.ledger, "credit_risk", LATER)

    first = rooms.ledger.history("credit_risk")[0]
    assert answer["version"] == 2
    assert f"Evidence sha256 {first.evidence_sha256}" in answer["sentences"]


def test_a_rolled_back_version_is_explained_by_what_it_was_first_promoted_on(rooms: Rooms) -> None:
    prepared = steps.prepare(NightRequest(model="credit_risk", as_of=FIRST), rooms)
    night(rooms, FIRST)
    theirs = the_other_candidate(prepared, rooms)
    days = {"promoted": LATER, "back": LATER + timedelta(days=10)}
    by_hand = {"actor": "anna", "reason": "drill", "at": rooms.now()}
    ledger, registry, name = rooms.ledger, rooms.registry, rooms.registered_name
    promote_by_hand(
        ledger, registry, name, "credit_risk", theirs, force=True, as_of=days["promoted"], **by_hand
    )
    roll_back(ledger, registry, name, "credit_risk", to_version=None, as_of=days["back"], **by_hand)

    forced = deciding_on(ledger, "credit_risk", days["promoted"])
    back = deciding_on(ledger, "credit_risk", days["back"])

    assert forced["version"] == theirs
    assert "promoted without evidence" in "\n".join(forced["sentences"])
    assert back["version"] == 1
    assert back["evidence"] is None
    assert "fitted on rows up to" in "\n".join(back["sentences"])
    assert rooms.registry.alias_version(name, "production") == 1


def the_other_candidate(prepared: PreparedNight, rooms: Rooms) -> int:
    """Register the night's other candidate, as a person would who wants it champion."""
    trained = {name: steps.train(prepared, name, rooms) for name in ("lr", "xgb")}
    champion = rooms.ledger.champion("credit_risk")
    assert champion is not None
    other = next(t for t in trained.values() if t.artifact_sha256 != champion.artifact_sha256)
    version = rooms.registry.register(
        rooms.registered_name, other, model="credit_risk", idem_key="by-hand"
    )
    rooms.ledger.remember_version(version)
    return version.version


def test_a_promotion_on_a_later_day_does_not_change_the_past(rooms: Rooms) -> None:
    night(rooms, FIRST)

    assert deciding_on(rooms.ledger, "credit_risk", date(2030, 1, 1))["version"] == 1


def test_the_timeline_tells_everything_in_the_order_it_was_recorded(rooms: Rooms) -> None:
    night(rooms, FIRST)
    ledger = rooms.ledger
    ledger.freeze("credit_risk", LATER, reason="year-end", actor="anna", at=rooms.now())
    champion = ledger.version("credit_risk", 1)
    assert champion is not None
    ledger.sign(champion, reason="annual review", actor="anna", at=rooms.now())
    rooms.registry.set_alias(rooms.registered_name, "previous", 1)
    rooms.registry.remove_alias(rooms.registered_name, "production")
    promoting.reconcile_champion("credit_risk", FIRST, rooms)

    timeline = history_of(ledger, "credit_risk", verify=False)["timeline"]

    kinds = [entry["kind"] for entry in timeline]
    assert kinds == ["night", "promotion", "freeze", "signature", "repair"]
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)
    assert "alias production showed nothing: set right" in timeline[-1]["sentence"]
    assert "v1 is champion (epoch 1, bootstrap" in timeline[1]["sentence"]
