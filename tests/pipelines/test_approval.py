"""Where the policy asks for a person, a PROMOTE waits for one; nothing is lost meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.records import Decision, NightStatus, PromotionKind
from tests.pipelines.lender import FIRST, night

DAY = timedelta(days=1)


@pytest.fixture
def asking(rooms: Rooms) -> Rooms:
    """The lender's rooms, whose policy asks for a person."""
    gate = rooms.spec.gate.model_copy(update={"approval": "person"})
    return replace(rooms, spec=rooms.spec.model_copy(update={"gate": gate}))


def test_a_promote_waits_for_a_person_and_is_carried_out_by_one(asking: Rooms) -> None:
    waiting = night(asking, FIRST)

    assert waiting.decision is Decision.HOLD
    assert waiting.reasons[-1] == (
        "waits: the policy asks for a person's approval: "
        "`finrisk promote credit_risk 1 --reason WHY`"
    )
    stored = asking.ledger.night("credit_risk", FIRST)
    assert stored is not None
    assert stored.decision.decision is Decision.PROMOTE
    assert night(asking, FIRST + DAY).status is NightStatus.NOTHING_NEW
    assert asking.ledger.champion("credit_risk") is None, "no later night carries it out"

    link = promote_by_hand(
        asking.ledger,
        asking.registry,
        asking.registered_name,
        "credit_risk",
        1,
        force=False,
        actor="anna",
        reason="read the evidence",
        as_of=FIRST,
        at=asking.now(),
    )

    assert (link.kind, link.evidence_sha256) == (
        PromotionKind.BOOTSTRAP,
        stored.decision.evidence_sha256,
    )
    anchor = asking.ledger.anchor("credit_risk")
    assert anchor is not None
    assert anchor.version == 1
    assert steps.promote(stored.decision, asking).decision is Decision.PROMOTE
    assert len(asking.ledger.history("credit_risk")) == 1, "a retry of the night finds it done"
