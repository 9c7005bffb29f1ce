"""What a rerun may and may not change of a night's record."""

from __future__ import annotations

from finrisk.pipelines.rooms import Rooms
from tests.pipelines.lender import (
    FIRST,
    night,
)


def test_a_rerun_with_other_candidates_finds_the_look_spent_and_keeps_the_record(
    rooms: Rooms,
) -> None:
    first = night(rooms, FIRST)
    other = "lr" if first.candidate == "xgb" else "xgb"

    again = night(rooms, FIRST, candidates=(other,))

    stored = rooms.ledger.night("credit_risk", FIRST)
    assert "look spent" in again.reasons[0]
    assert again.run_id is None
    assert stored is not None
    assert stored.decision == first
