"""The newest rows of a model: bounded, the newest first, and without what people were told."""

from __future__ import annotations

from datetime import date, timedelta

from finrisk.ledger.events import EventKind
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, NIGHT, digest, night_decision


def test_recent_holds_so_many_of_each_the_newest_first(ledger: Ledger) -> None:
    for days in range(4):
        ledger.record_night(
            night_decision(NIGHT + timedelta(days=days)),
            snapshot_sha256=None,
            spec_sha256=digest("spec"),
            holdout_sha256=None,
            at=AT,
        )
    for number, kind in enumerate((EventKind.BAKE, EventKind.REPAIR, EventKind.NOTICE)):
        ledger.record_event(
            MODEL, kind=kind, key=f"event {number}", as_of=NIGHT, document={}, at=AT
        )
    ledger.freeze(MODEL, date(2026, 3, 9), reason="audit", actor="anna", at=AT)

    found = ledger.recent(MODEL, 2)

    assert [night.decision.as_of.day for night in found.nights] == [4, 3]
    assert [event.kind for event in found.events] == [EventKind.REPAIR, EventKind.BAKE]
    assert found.reruns == ()
    assert found.freeze is not None
    assert found.freeze.until == date(2026, 3, 9)


def test_recent_of_a_model_without_rows_is_empty(ledger: Ledger) -> None:
    found = ledger.recent(MODEL, 2)

    assert (found.nights, found.events, found.reruns, found.freeze) == ((), (), (), None)
