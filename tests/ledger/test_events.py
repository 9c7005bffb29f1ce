from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from finrisk.ledger.engine import open_engine
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, NIGHT


def tell(ledger: Ledger, key: str, kind: EventKind = EventKind.BAKE, psi: float = 0.1) -> Event:
    return ledger.record_event(
        MODEL, kind=kind, key=key, as_of=NIGHT, document={"score_psi": psi}, at=AT
    )


def test_events_are_numbered_and_come_back_as_they_were_told(ledger: Ledger) -> None:
    first, second = tell(ledger, "a"), tell(ledger, "b", EventKind.REPAIR)

    assert ledger.events(MODEL) == [first, second]
    assert [event.number for event in (first, second)] == [1, 2]
    assert ledger.events(MODEL, EventKind.REPAIR) == [second]
    assert first.document == {"score_psi": 0.1}
    assert first.at == AT


def test_the_same_key_again_returns_the_event_that_is_kept(ledger: Ledger) -> None:
    kept = tell(ledger, "a", psi=0.1)

    assert tell(ledger, "a", psi=0.9) == kept
    assert ledger.events(MODEL) == [kept]


def test_another_scope_has_events_of_its_own(url: str, ledger: Ledger) -> None:
    tell(ledger, "a")

    with Ledger(url, "replay") as other:
        assert other.events(MODEL) == []
        assert tell(other, "a").number == 1


@pytest.mark.parametrize("change", ["UPDATE events SET key = 'x'", "DELETE FROM events"])
def test_no_event_is_edited_or_deleted(url: str, ledger: Ledger, change: str) -> None:
    tell(ledger, "a")
    engine = open_engine(url)

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))

    engine.dispose()
