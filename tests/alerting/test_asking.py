from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from finrisk.alerting.asking import Answer, Asking, askings, key_of
from finrisk.alerting.deliveries import read_delivery
from finrisk.specs.monitoring import Reruns
from tests.alerting.factories import CLASS, NOW, alert, delivery, grafana_delivery

MINUTE = timedelta(minutes=1)
ALLOWED = {"credit_risk": Reruns(), "fraud": Reruns(alarms=())}


def told(*alerts: dict[str, Any], scope: str = "live") -> list[Asking | Answer]:
    group = read_delivery(json.dumps(delivery(*alerts)).encode())
    return list(askings(group, ALLOWED, scope, NOW))


def test_a_firing_alert_asks_for_a_night_of_its_model() -> None:
    (one,) = told(alert())

    assert isinstance(one, Asking)
    assert (one.asked.model, one.asked.alert, one.asked.began) == ("credit_risk", CLASS, NOW)
    assert one.asked.reason == f"alert {CLASS}, firing since 2026-03-01 12:00 UTC (alertmanager)"
    assert (one.limits.cool_down, one.limits.most_a_day) == (timedelta(days=7), 1)


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        pytest.param(alert("resolved"), Answer.RESOLVED, id="resolved"),
        pytest.param(alert(alertname="HighCPU"), Answer.UNKNOWN_ALERT, id="not on the list"),
        pytest.param(alert(alertname=None), Answer.UNKNOWN_ALERT, id="no name"),
        pytest.param(alert(alertname=CLASS.lower()), Answer.UNKNOWN_ALERT, id="nearly the name"),
        pytest.param(alert(model="mortgages"), Answer.UNKNOWN_MODEL, id="no such model"),
        pytest.param(alert(model=None), Answer.UNKNOWN_MODEL, id="no model"),
        pytest.param(alert(tenant="replay"), Answer.OTHER_SCOPE, id="another tenant's"),
        pytest.param(alert(scope="replay"), Answer.OTHER_SCOPE, id="another scope's"),
        pytest.param(alert(model="fraud"), Answer.ONLY_TELLS, id="the spec lets it tell only"),
        pytest.param(
            alert(alertname="FinRiskFeatureDrift"), Answer.ONLY_TELLS, id="not of those that ask"
        ),
        pytest.param(alert(began=NOW + 6 * MINUTE), Answer.IN_THE_FUTURE, id="not begun"),
        pytest.param(alert(began=NOW - timedelta(days=1, minutes=1)), Answer.TOO_OLD, id="old"),
        pytest.param(alert(began="0001-01-01T00:00:00+14:00"), Answer.TOO_OLD, id="year 1"),
        pytest.param(
            alert(began="9999-12-31T23:59:59-14:00"), Answer.IN_THE_FUTURE, id="year 9999"
        ),
    ],
)
def test_what_may_not_ask_is_told_why(one: dict[str, Any], answer: Answer) -> None:
    assert told(one) == [answer]


@pytest.mark.parametrize("began", [NOW + 4 * MINUTE, NOW - timedelta(hours=23, minutes=59)])
def test_clocks_may_differ_by_minutes_and_a_day_is_recent(began: datetime) -> None:
    (one,) = told(alert(began=began))

    assert isinstance(one, Asking)


def test_an_alert_without_a_scope_is_the_receiver_s() -> None:
    (one,) = told(alert(tenant=None), scope="replay")

    assert isinstance(one, Asking)


def test_of_a_model_and_class_the_newest_asks() -> None:
    older, newer = alert(began=NOW - MINUTE, version="3"), alert(began=NOW, version="4")

    for order in ((older, newer), (newer, older)):
        alike, one = told(*order)
        assert alike is Answer.ALIKE
        assert isinstance(one, Asking)
        assert one.asked.began == NOW


def test_other_classes_and_models_ask_beside_it() -> None:
    loss = alert(alertname="FinRiskPerformanceLoss")

    assert len([one for one in told(alert(), loss) if isinstance(one, Asking)]) == 2


def test_the_key_is_taken_of_labels_and_moment_and_not_of_the_fingerprint() -> None:
    def key(one: dict[str, Any]) -> str:
        (asking,) = told(one)
        assert isinstance(asking, Asking)
        return asking.asked.key

    good = key(alert())
    assert key(alert() | {"fingerprint": "another"}) == good
    assert key(alert() | {"annotations": {"summary": "another"}}) == good
    assert key(alert(began="2026-03-01T13:00:00+01:00")) == good
    assert key(alert(version="4")) != good
    assert key(alert(began=NOW - MINUTE)) != good


def test_labels_cannot_be_arranged_into_another_alert_s_key() -> None:
    assert key_of({"a": '1","b":"2'}, NOW) != key_of({"a": "1", "b": "2"}, NOW)
    assert key_of({"a": "\x1f"}, NOW) != key_of({"a": ""}, NOW)
    assert key_of({}, datetime(2026, 3, 1, tzinfo=UTC)) != key_of({}, NOW)


def test_grafana_says_the_same_with_more_words() -> None:
    group = read_delivery(json.dumps(grafana_delivery()).encode())
    (one,) = askings(group, ALLOWED, "live", NOW)

    assert isinstance(one, Asking)
    assert one.asked.source == "grafana"
    assert "(grafana)" in one.asked.reason
