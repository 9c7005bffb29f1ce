from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from finrisk.ledger.inbox import Asked, Limits, Outcome
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.standing import MOST_HELD, READ_WITHIN_DAYS, Standing
from finrisk.ledger.store import Ledger
from finrisk.records import Decision, LookKind, NightStatus, PromotionKind
from tests.ledger.factories import (
    AT,
    BUDGET,
    MODEL,
    NIGHT,
    digest,
    earn,
    force,
    judge,
    night_decision,
    request,
    version,
)

HOUR = timedelta(hours=1)


def standing(ledger: Ledger, day: date = NIGHT) -> Standing:
    return ledger.standing(MODEL, day)


def record(ledger: Ledger, day: date, **changes: Any) -> None:
    ledger.record_night(
        night_decision(day, **changes),
        snapshot_sha256=None,
        spec_sha256=digest("spec"),
        holdout_sha256=None,
        at=AT,
        seconds=12.5,
    )


def reading(monitor: str, day: date = NIGHT, subject: str = "") -> Reading:
    return Reading(
        model=MODEL,
        as_of=day,
        monitor=monitor,
        subject=subject,
        version=1,
        value=0.1,
        low=None,
        high=None,
        threshold=None,
        state=State.QUIET,
        detail={},
    )


def test_a_model_without_any_row_has_zeros_where_nothing_is_zero_and_none_elsewhere(
    ledger: Ledger,
) -> None:
    found = standing(ledger)

    assert found.champion is found.since is found.last_night is found.matured_until is None
    assert set(found.promotions.values()) == set(found.decisions.values()) == {0}
    assert found.readings == ()
    assert found.inbox.asked == {}
    assert found.inbox.oldest_pending is None
    assert not found.frozen


def test_promotions_are_counted_by_their_kind_and_the_newest_says_how_the_champion_came(
    ledger: Ledger,
) -> None:
    earn(ledger, version(1), judge(ledger, version(1)))
    force(ledger, version(2), at=AT + HOUR)

    found = standing(ledger)

    assert found.promotions[PromotionKind.BOOTSTRAP] == 1
    assert found.promotions[PromotionKind.FORCED] == 1
    assert found.promotions[PromotionKind.ROLLBACK] == 0
    assert found.came_by is PromotionKind.FORCED
    assert found.since == AT + HOUR


def test_a_restored_number_is_no_younger_champion(ledger: Ledger) -> None:
    force(ledger, version(1))
    same_bytes = version(2, artifact_sha256=version(1).artifact_sha256)
    force(ledger, same_bytes, kind=PromotionKind.RESTORED, at=AT + HOUR, idem_key="restore")

    found = standing(ledger)

    assert found.champion is not None
    assert found.champion.version == 2
    assert found.came_by is PromotionKind.RESTORED
    assert found.since == AT


def test_answers_of_the_gate_are_the_evidence_there_is(ledger: Ledger) -> None:
    judge(ledger, version(1))
    judge(ledger, version(2), NIGHT + timedelta(days=1), Decision.HOLD)

    found = standing(ledger)

    assert found.decisions == {Decision.PROMOTE: 1, Decision.HOLD: 1, Decision.REJECT: 0}
    assert found.matured_until == date(2025, 8, 31)


def test_nights_are_held_until_one_promotes_and_those_with_nothing_new_do_not_count(
    ledger: Ledger,
) -> None:
    days = [NIGHT + timedelta(days=n) for n in range(6)]
    record(ledger, days[0])
    record(ledger, days[1], decision=Decision.PROMOTE)
    record(ledger, days[2], decision=Decision.REJECT)
    record(ledger, days[3], status=NightStatus.NOTHING_NEW)
    record(ledger, days[4], status=NightStatus.BLOCKED)
    record(ledger, days[5])

    assert standing(ledger).held == 3


def test_nights_are_counted_back_so_far_and_no_farther(ledger: Ledger) -> None:
    for n in range(MOST_HELD + 2):
        record(ledger, NIGHT + timedelta(days=n))

    assert standing(ledger).held == MOST_HELD


def test_the_newest_night_tells_how_long_it_took(ledger: Ledger) -> None:
    record(ledger, NIGHT)

    night = standing(ledger).last_night

    assert night is not None
    assert (night.decision.as_of, night.seconds) == (NIGHT, 12.5)


def test_the_budget_is_that_of_the_days_year(ledger: Ledger) -> None:
    force(ledger, version(1))
    asked = request(champion=ledger.champion(MODEL), kind=LookKind.RESERVE)
    ledger.spend_look(asked, BUDGET, AT)

    assert standing(ledger).spent.reserve_looks == 1
    assert standing(ledger, date(2027, 1, 1)).spent.reserve_looks == 0


def test_a_freeze_holds_until_the_end_of_its_day(ledger: Ledger) -> None:
    ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)

    assert standing(ledger).frozen
    assert not standing(ledger, NIGHT + timedelta(days=1)).frozen


def test_of_each_monitor_the_newest_day_counts_if_it_is_not_long_past(ledger: Ledger) -> None:
    earlier, long_ago = NIGHT - timedelta(days=20), NIGHT - timedelta(days=READ_WITHIN_DAYS)
    kept = [
        reading("volume"),
        reading("volume", earlier),
        reading("performance", earlier, "auc"),
        reading("slice", long_ago, "channel=web"),
    ]
    ledger.keep_readings(MODEL, kept, AT)

    found = [(one.monitor, one.as_of) for one in standing(ledger).readings]

    assert found == [("performance", earlier), ("volume", NIGHT)]


def test_alerts_are_counted_with_their_outcome_and_the_oldest_waiting_one_is_named(
    ledger: Ledger,
) -> None:
    drift = Asked(MODEL, digest("1"), "FinRiskScoreDrift", "alertmanager", "", AT)
    limits = Limits(cool_down=timedelta(days=7), most_a_day=5)
    started = ledger.receive_alert(drift, limits, AT)
    ledger.receive_alert(drift, limits, AT + HOUR)
    ledger.receive_alert(drift.replace(key=digest("2")), limits, AT + HOUR)
    other = drift.replace(key=digest("3"), alert="FinRiskCalibrationLoss")
    ledger.receive_alert(other, limits, AT + HOUR)
    ledger.mark_started(started, AT)

    inbox = standing(ledger).inbox

    assert inbox.asked == {
        ("FinRiskScoreDrift", Outcome.ACCEPTED): 1,
        ("FinRiskScoreDrift", Outcome.COOLING_DOWN): 1,
        ("FinRiskCalibrationLoss", Outcome.ACCEPTED): 1,
    }
    assert inbox.deliveries == 4
    assert (inbox.pending, inbox.oldest_pending) == (1, AT + HOUR)


def test_another_scope_and_another_model_are_not_in_it(ledger: Ledger, url: str) -> None:
    with Ledger(url, "replay") as other:
        force(other, version(1))
    force(ledger, version(1, model="fraud"), idem_key="fraud")
    ledger.keep_readings("fraud", [reading("volume").replace(model="fraud")], AT)

    found = standing(ledger)

    assert found.champion is None
    assert found.readings == ()
