from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from finrisk.errors import PromotionError
from finrisk.ledger.inbox import Asked, Limits, Outcome
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, digest

LIMITS = Limits(cool_down=timedelta(hours=12), most_a_day=2)
HOUR = timedelta(hours=1)


def asked(name: str = "first", alert: str = "FinRiskScoreDrift", model: str = MODEL) -> Asked:
    return Asked(model, digest(name), alert, "alertmanager", "score PSI 0.31", AT)


def test_an_alert_is_stored_and_pending_until_its_run_was_started(ledger: Ledger) -> None:
    rerun = ledger.receive_alert(asked(), LIMITS, AT)

    assert (rerun.outcome, rerun.deliveries) == (Outcome.ACCEPTED, 1)
    assert ledger.pending_reruns() == [rerun]
    ledger.mark_started(rerun, AT + HOUR)
    ledger.mark_started(rerun, AT + 2 * HOUR)
    assert ledger.pending_reruns() == []
    assert ledger.reruns(MODEL)[0].started == AT + HOUR


def test_the_same_alert_delivered_again_is_counted_and_starts_nothing_more(ledger: Ledger) -> None:
    first = ledger.receive_alert(asked(), LIMITS, AT)

    again = [ledger.receive_alert(asked(), LIMITS, AT + n * 24 * HOUR) for n in range(1, 4)]

    assert {rerun.run_id for rerun in again} == {first.run_id}
    assert [rerun.deliveries for rerun in again] == [2, 3, 4]
    assert len(ledger.reruns(MODEL)) == 1


def test_another_alert_of_the_class_waits_for_the_cool_down(ledger: Ledger) -> None:
    ledger.receive_alert(asked("first"), LIMITS, AT)

    early = ledger.receive_alert(asked("second"), LIMITS, AT + 11 * HOUR)
    late = ledger.receive_alert(asked("third"), LIMITS, AT + 12 * HOUR)

    assert (early.outcome, early.run_id) == (Outcome.COOLING_DOWN, None)
    assert late.outcome is Outcome.ACCEPTED
    assert [rerun.key for rerun in ledger.pending_reruns()] == [digest("first"), digest("third")]


def test_a_day_takes_so_many_runs_of_all_classes(ledger: Ledger) -> None:
    classes = ["FinRiskScoreDrift", "FinRiskCalibration", "FinRiskPerformance"]

    outcomes = [
        ledger.receive_alert(asked(alert, alert), LIMITS, AT + n * HOUR).outcome
        for n, alert in enumerate(classes)
    ]

    assert outcomes == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.CAPPED]
    tomorrow = ledger.receive_alert(asked("tomorrow", classes[2]), LIMITS, AT + 24 * HOUR)
    assert tomorrow.outcome is Outcome.ACCEPTED


def test_another_model_has_limits_of_its_own(ledger: Ledger) -> None:
    ledger.receive_alert(asked(), LIMITS, AT)

    assert ledger.receive_alert(asked(model="fraud"), LIMITS, AT).outcome is Outcome.ACCEPTED


def test_of_many_alerts_at_once_one_starts_a_run(ledger: Ledger) -> None:
    def deliver(number: int) -> Outcome:
        return ledger.receive_alert(asked(f"alert {number}"), LIMITS, AT).outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(deliver, range(24)))

    assert outcomes.count(Outcome.ACCEPTED) == 1


def test_what_was_not_accepted_is_not_started(ledger: Ledger) -> None:
    ledger.receive_alert(asked("first"), LIMITS, AT)
    early = ledger.receive_alert(asked("second"), LIMITS, AT)

    with pytest.raises(PromotionError, match="starts no run"):
        ledger.mark_started(early, AT)
