from __future__ import annotations

from datetime import date, timedelta

import pytest

from finrisk.errors import PromotionError
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.store import Ledger
from finrisk.records import NightDecision
from tests.ledger.factories import AT, MODEL, NIGHT, digest, night_decision


def keep(ledger: Ledger, decision: NightDecision, snapshot: str | None = "snapshot") -> StoredNight:
    digests = (snapshot and digest(snapshot), digest("spec"), snapshot and digest("holdout"))
    ledger.record_night(
        decision,
        snapshot_sha256=digests[0],
        spec_sha256=digests[1],
        holdout_sha256=digests[2],
        at=AT,
    )
    return StoredNight(decision, *digests, AT)


def test_a_night_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    stored = keep(ledger, night_decision())

    assert ledger.night(MODEL, NIGHT) == stored
    assert ledger.night(MODEL, NIGHT + timedelta(days=1)) is None
    assert ledger.scopes() == ["live"]


def test_a_rerun_takes_the_place_of_the_earlier_record(ledger: Ledger) -> None:
    keep(ledger, night_decision())

    stored = keep(ledger, night_decision(reasons=("blocked",)), snapshot=None)

    assert ledger.night(MODEL, NIGHT) == stored
    assert ledger.nights(MODEL) == [stored.decision]


def test_how_long_a_night_took_is_kept_and_unknown_of_an_earlier_release(ledger: Ledger) -> None:
    keep(ledger, night_decision())
    timed = StoredNight(night_decision(), None, digest("spec"), None, AT, 12.5)

    unknown = ledger.night(MODEL, NIGHT)
    ledger.record_night(
        timed.decision,
        snapshot_sha256=None,
        spec_sha256=timed.spec_sha256,
        holdout_sha256=None,
        at=AT,
        seconds=12.5,
    )

    assert unknown is not None
    assert unknown.seconds is None
    assert ledger.night(MODEL, NIGHT) == timed


def test_the_last_night_is_the_newest_before_a_day(ledger: Ledger) -> None:
    nights = [keep(ledger, night_decision(date(2026, month, 1))) for month in (3, 1, 2)]

    assert ledger.last_night(MODEL) == nights[0]
    assert ledger.last_night(MODEL, before=date(2026, 3, 1)) == nights[2]
    assert ledger.last_night(MODEL, before=date(2026, 1, 1)) is None
    assert [night.as_of.month for night in ledger.nights(MODEL)] == [1, 2, 3]


def test_an_intent_begun_again_returns_what_came_of_it(ledger: Ledger) -> None:
    begun = ledger.begin_intent("key", "register", {"run": "r1"}, AT)
    ledger.finish_intent("key", {"version": 3})
    ledger.finish_intent("key", {"version": 4})

    again = ledger.begin_intent("key", "register", {"run": "r1"}, AT)

    assert begun.result is None
    assert (again.kind, again.payload, again.at) == ("register", {"run": "r1"}, AT)
    assert again.result == {"version": 3}


def test_an_intent_nobody_began_cannot_be_finished(ledger: Ledger) -> None:
    with pytest.raises(PromotionError, match="never begun"):
        ledger.finish_intent("key", {})
