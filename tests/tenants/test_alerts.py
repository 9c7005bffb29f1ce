"""An alert asks for a night of the tenant that its label names, and of no other."""

from __future__ import annotations

import json

import pytest

from finrisk.alerting.deliveries import read_delivery
from finrisk.alerting.receiving import Receiver
from finrisk.alerting.starting import AskedRun
from finrisk.config import Settings
from finrisk.errors import Unreachable
from finrisk.ledger.store import Ledger
from tests.alerting.factories import NOW, alert, delivery
from tests.tenants.worlds import MODEL


def taken(
    settings: Settings, *alerts: dict[str, object], away: str = ""
) -> tuple[dict[str, int], list[str]]:
    """What became of a delivery, and which Dags were asked for a run."""
    asked: list[str] = []

    def start(run: AskedRun) -> None:
        if run.dag_id == away:
            raise Unreachable("Airflow did not start it")
        asked.append(run.dag_id)

    receiver = Receiver(settings, start, lambda: NOW)
    try:
        told = receiver.take(read_delivery(json.dumps(delivery(*alerts)).encode()))
        receiver.drain()
    finally:
        receiver.close()
    return dict(told), sorted(set(asked))


def reasons(settings: Settings) -> list[str]:
    with Ledger.open(settings) as ledger:
        return [rerun.run_id or "" for rerun in ledger.reruns(MODEL)]


def test_it_starts_the_tenants_dag_and_stands_in_its_rows(own: Settings) -> None:
    told, dags = taken(own, alert(tenant="acme"))

    assert (told, dags) == ({"accepted": 1}, ["acme__credit_risk_retraining"])
    assert (len(reasons(own)), len(reasons(own.of_tenant("acme")))) == (0, 1)


def test_the_same_alert_of_both_asks_for_a_night_of_each(own: Settings) -> None:
    told, dags = taken(own, alert(tenant="acme"), alert(tenant="live"))

    assert told == {"accepted": 2}
    assert dags == ["acme__credit_risk_retraining", "credit_risk_retraining"]


@pytest.mark.parametrize("labels", [{"tenant": "nobody"}, {"tenant": "acme", "scope": "live"}])
def test_a_label_that_names_nobody_asks_for_nothing(own: Settings, labels: dict[str, str]) -> None:
    assert taken(own, alert(**labels)) == ({"other_scope": 1}, [])


def test_one_tenants_start_that_fails_holds_up_no_other(own: Settings) -> None:
    _, dags = taken(own, alert(tenant="live"), alert(tenant="acme"), away="credit_risk_retraining")

    assert dags == ["acme__credit_risk_retraining"]
    with Ledger.open(own) as ledger:
        assert len(ledger.pending_reruns()) == 1


def test_a_receiver_of_one_tenant_takes_no_other_ones_alert(own: Settings) -> None:
    told, dags = taken(own.of_tenant("acme"), alert(tenant="live"), alert(tenant="acme"))

    assert told == {"other_scope": 1, "accepted": 1}
    assert dags == ["acme__credit_risk_retraining"]
    assert reasons(own) == []
