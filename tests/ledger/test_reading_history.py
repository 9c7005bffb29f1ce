from __future__ import annotations

from datetime import timedelta

from finrisk.ledger.inbox import Asked, Limits, Outcome
from finrisk.ledger.readings import State
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, NIGHT
from tests.ledger.test_readings import DAY, reading


def test_states_are_counted_by_day_and_monitor(ledger: Ledger) -> None:
    quiet = reading(subject="channel", state=State.QUIET)
    ledger.keep_readings(MODEL, [reading(), reading(subject="age"), quiet], AT)
    ledger.keep_readings(MODEL, [reading(as_of=NIGHT + DAY)], AT)

    found = ledger.day_states(MODEL)

    assert [(of.as_of, of.state, of.count) for of in found] == [
        (NIGHT, State.ALARM, 2),
        (NIGHT, State.QUIET, 1),
        (NIGHT + DAY, State.ALARM, 1),
    ]
    assert [of.as_of for of in ledger.day_states(MODEL, since=NIGHT + DAY)] == [NIGHT + DAY]


def test_points_are_of_the_monitor_the_subjects_and_the_days_asked_for(ledger: Ledger) -> None:
    others = [reading(subject="age"), reading(monitor="missing_rate")]
    ledger.keep_readings(MODEL, [reading(), *others], AT)
    ledger.keep_readings(MODEL, [reading(as_of=NIGHT + DAY)], AT)

    found = ledger.reading_points(MODEL, "feature_drift", subjects=["income"])
    late = ledger.reading_points(MODEL, "feature_drift", since=NIGHT + DAY)

    assert [(of.as_of, of.subject) for of in found] == [(NIGHT, "income"), (NIGHT + DAY, "income")]
    assert [of.as_of for of in late] == [NIGHT + DAY]


def test_a_point_tells_the_numbers_of_its_detail_and_none_for_those_it_has_not(
    ledger: Ledger,
) -> None:
    ledger.keep_readings(MODEL, [reading(detail={"shown": 0.75, "rows": 900})], AT)

    (point,) = ledger.reading_points(MODEL, "feature_drift", told=["shown", "rows", "least"])

    assert point.told == {"shown": 0.75, "rows": 900.0, "least": None}


def asked(number: int) -> Asked:
    return Asked(MODEL, f"{number:064d}", "FinRiskScoreDrift", "monitor", f"alert {number}", AT)


def test_alerts_come_a_page_at_a_time_the_newest_first(ledger: Ledger) -> None:
    for number in range(5):
        ledger.receive_alert(asked(number), Limits(), AT + timedelta(hours=number))

    rows, total = ledger.alerts(MODEL, limit=2, offset=1)

    assert ([row.reason for row in rows], total) == (["alert 3", "alert 2"], 5)


def test_an_alert_is_found_by_its_key_and_only_the_accepted_count_against_the_limits(
    ledger: Ledger,
) -> None:
    first = ledger.receive_alert(asked(1), Limits(), AT)
    refused = ledger.receive_alert(asked(2), Limits(), AT + timedelta(hours=1))

    assert ledger.alerts_of(MODEL, [asked(2).key]) == [refused]
    assert refused.outcome is Outcome.COOLING_DOWN
    assert ledger.accepted_alerts(MODEL, AT - DAY) == [first]
    assert ledger.accepted_alerts(MODEL, AT) == []
