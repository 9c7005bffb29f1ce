from __future__ import annotations

from datetime import timedelta
from typing import Any

from finrisk.ledger.readings import Reading, State
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, NIGHT

DAY = timedelta(days=1)


def reading(**changes: Any) -> Reading:
    good = Reading(
        model=MODEL,
        as_of=NIGHT,
        monitor="feature_drift",
        subject="income",
        version=3,
        value=0.31,
        low=None,
        high=None,
        threshold=0.1,
        state=State.ALARM,
        detail={"bins": [0.1, 0.9]},
    )
    return good.replace(**changes)


def test_readings_come_back_by_day_monitor_and_subject(ledger: Ledger) -> None:
    drift, score = reading(), reading(monitor="score_drift", subject="")
    later = reading(as_of=NIGHT + DAY, state=State.QUIET, value=None)
    ledger.keep_readings(MODEL, [score, later, drift], AT)

    assert ledger.readings(MODEL) == [drift, score, later]
    assert ledger.readings(MODEL, monitor="score_drift") == [score]
    assert ledger.readings(MODEL, since=NIGHT + DAY) == [later]
    assert ledger.newest_readings(MODEL) == [later]


def test_a_day_read_again_takes_the_place_of_what_was_read(ledger: Ledger) -> None:
    ledger.keep_readings(MODEL, [reading()], AT)

    ledger.keep_readings(MODEL, [reading(value=0.02, state=State.QUIET)], AT + DAY)

    (kept,) = ledger.readings(MODEL)
    assert (kept.value, kept.state) == (0.02, State.QUIET)


def test_a_model_that_was_never_read_has_none(ledger: Ledger) -> None:
    assert ledger.newest_readings(MODEL) == []
