"""Which alarms ask, under which key, in which words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from finrisk.ledger.reading_history import began_on
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.monitors.asking import askings, reason_of
from finrisk.specs.alerts import AlertClass
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import good_document

DAY = date(2026, 3, 10)
SPAN = {"first_day": "2026-02-10", "last_day": "2026-03-09"}


def reading(**changes: Any) -> Reading:
    good: dict[str, Any] = {
        "model": "loans",
        "as_of": DAY,
        "monitor": "score_drift",
        "subject": "",
        "version": 3,
        "value": 0.31,
        "low": None,
        "high": None,
        "threshold": 0.12,
        "state": State.ALARM,
        "detail": SPAN,
    }
    return Reading(**(good | changes))


def spec(*on: str) -> ModelSpec:
    reruns = {"monitoring": {"reruns": {"alarms": list(on)}}} if on else {}
    return ModelSpec.model_validate({**good_document(), **reruns})


def days_ago(*days: int, **changes: Any) -> list[Reading]:
    return [reading(as_of=DAY - timedelta(days=n), **changes) for n in days]


@pytest.mark.parametrize(
    ("history", "began"),
    [
        ([], 0),
        (days_ago(1, 2), 2),
        ([*days_ago(1), *days_ago(2, state=State.WARN), *days_ago(3)], 1),
        ([*days_ago(1), *days_ago(3)], 3),  # a day that nobody read interrupts nothing
        (days_ago(1, 2, version=2), 0),
        (days_ago(1, 2, monitor="feature_drift"), 0),
        (days_ago(-1, -2), 0),
        ([*days_ago(1, state=State.UNKNOWN), *days_ago(2)], 2),  # nor one of which nothing is known
        ([*days_ago(1, state=State.UNKNOWN), *days_ago(2, state=State.QUIET), *days_ago(3)], 0),
    ],
)
def test_an_alarm_began_on_the_first_of_its_days_in_a_row(
    history: list[Reading], began: int
) -> None:
    known = [reading(), *history]

    assert began_on(known, "score_drift", 3, DAY) == DAY - timedelta(days=began)


def test_the_same_alarm_next_day_is_the_same_alert() -> None:
    today, tomorrow = reading(), reading(as_of=DAY + timedelta(days=1), value=0.35)

    (first,) = askings([today], [today], spec())
    (second,) = askings([tomorrow], [today, tomorrow], spec())

    assert first.key == second.key
    assert first.began == second.began
    assert (first.alert, first.source) == (AlertClass.SCORE_DRIFT, "monitor")


def test_another_champion_s_alarm_is_another_alert() -> None:
    today, tomorrow = reading(), reading(as_of=DAY + timedelta(days=1), version=4)

    (first,) = askings([today], [today], spec())
    (second,) = askings([tomorrow], [today, tomorrow], spec())

    assert first.key != second.key


def test_two_champions_alarms_that_began_on_one_day_are_two_alerts() -> None:
    before, after = reading(), reading(version=4)

    (first,) = askings([before], [before], spec())
    (second,) = askings([after], [after], spec())

    assert first.began == second.began
    assert first.key != second.key


@pytest.mark.parametrize(
    ("monitor", "alert"),
    [
        ("score_drift", AlertClass.SCORE_DRIFT),
        ("feature_drift", AlertClass.FEATURE_DRIFT),
    ],
)
def test_drift_asks_as_the_spec_lets_it(monitor: str, alert: AlertClass) -> None:
    alarms = [reading(monitor=monitor, subject=s) for s in ("income", "amount")]

    assert [a.alert for a in askings(alarms, alarms, spec("score_drift", "feature_drift"))] == [
        alert
    ]
    assert list(askings(alarms, alarms, spec("calibration"))) == []


@pytest.mark.parametrize(
    "monitor", ["estimate", "slice", "freshness", "missing_rate", "categories", "volume"]
)
def test_what_is_no_reason_never_asks(monitor: str) -> None:
    alarms = [reading(monitor=monitor)]

    every = spec("score_drift", "feature_drift", "performance", "calibration")
    assert list(askings(alarms, alarms, every)) == []


@pytest.mark.parametrize("state", [State.WARN, State.UNKNOWN, State.QUIET])
def test_less_than_an_alarm_never_asks(state: State) -> None:
    readings = [reading(state=state)]

    assert list(askings(readings, readings, spec())) == []


@pytest.mark.parametrize(
    ("alarms", "reason"),
    [
        ([reading()], "score PSI 0.31 (limit 0.12) over 2026-02-10 to 2026-03-09"),
        (
            [reading(monitor="feature_drift", subject=f"f{n}", detail={}) for n in range(5)],
            "PSI of f0 0.31 (limit 0.12), PSI of f1 0.31 (limit 0.12), PSI of f2 0.31 "
            "(limit 0.12), and 2 more",
        ),
        (
            [
                reading(
                    monitor="performance",
                    subject="auc",
                    value=0.61,
                    threshold=0.65,
                    detail={"shown": 0.78},
                )
            ],
            "auc 0.610 on matured labels (limit 0.650, shown 0.780 at its promotion)",
        ),
        (
            [
                reading(
                    monitor="calibration",
                    value=0.9,
                    threshold=0.5,
                    detail={"bad_rate": 0.12, "mean_score": 0.05},
                )
            ],
            "bad rate 12.00% where 5.00% was said (offset +0.90, limit 0.50)",
        ),
    ],
)
def test_a_reason_has_the_figures(alarms: list[Reading], reason: str) -> None:
    assert reason_of(alarms) == reason
