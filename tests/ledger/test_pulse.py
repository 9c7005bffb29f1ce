"""The ledger's pulse: another one after every change, the same while nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from finrisk.ledger.events import EventKind
from finrisk.ledger.inbox import Asked, Limits
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.store import Ledger
from finrisk.records import Decision, NightDecision, NightStatus
from tests.ledger.factories import AT, MODEL, NIGHT, digest, force, version

LATER = AT + timedelta(hours=1)
ASKED = Asked(
    model=MODEL, key="k", alert="FinRiskScoreDrift", source="monitor", reason="drift", began=AT
)


def night(ledger: Ledger, **changes: object) -> None:
    decision = NightDecision(
        model=MODEL,
        as_of=NIGHT,
        status=NightStatus.READY,
        decision=Decision.HOLD,
        reasons=("a test",),
        data_result="pass",
    )
    ledger.record_night(
        decision, snapshot_sha256=None, spec_sha256=digest("spec"), holdout_sha256=None, at=LATER
    )


def reading(value: float) -> Reading:
    return Reading(MODEL, NIGHT, "score_drift", "", 1, value, None, None, None, State.QUIET, {})


CHANGES: dict[str, Callable[[Ledger], object]] = {
    "a night": night,
    "a promotion": lambda ledger: force(ledger, version(2)),
    "an alias that was shown": lambda ledger: ledger.mark_projected(MODEL, 1),
    "a version": lambda ledger: ledger.remember_version(version(7)),
    "a signature": lambda ledger: ledger.sign(version(1), reason="sound", actor="ada", at=LATER),
    "a freeze": lambda ledger: ledger.freeze(
        MODEL, date(2099, 1, 1), reason="year's end", actor="ada", at=LATER
    ),
    "an event": lambda ledger: ledger.record_event(
        MODEL, kind=EventKind.BAKE, key="k", as_of=NIGHT, document={}, at=LATER
    ),
    "a reading taken again": lambda ledger: ledger.keep_readings(MODEL, [reading(0.2)], LATER),
    "an alert": lambda ledger: ledger.receive_alert(ASKED.replace(key="other"), Limits(), LATER),
    "an alert delivered again": lambda ledger: ledger.receive_alert(ASKED, Limits(), LATER),
    "a run that was started": lambda ledger: ledger.mark_started(ledger.reruns(MODEL)[0], LATER),
}


@pytest.fixture
def lived_in(ledger: Ledger) -> Ledger:
    force(ledger, version(1))
    ledger.keep_readings(MODEL, [reading(0.1)], AT)
    ledger.receive_alert(ASKED, Limits(), AT)
    return ledger


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_changes_it(change: str, lived_in: Ledger) -> None:
    before = lived_in.pulse()

    CHANGES[change](lived_in)

    assert lived_in.pulse() != before


def test_it_is_the_same_while_nothing_happens(lived_in: Ledger) -> None:
    assert lived_in.pulse() == lived_in.pulse()
