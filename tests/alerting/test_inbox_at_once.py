"""Eight receivers at once, as several workers of Airflow's api-server are: one accepts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from finrisk.alerting.deliveries import read_delivery
from finrisk.alerting.receiving import Receiver
from finrisk.config import Settings
from finrisk.ledger.store import Ledger
from tests.alerting.factories import MODEL, Clock, FakeAirflow, settled
from tests.alerting.factories import delivery as document


def test_of_eight_receivers_with_the_same_alert_one_accepts(
    settings: Settings, airflow: FakeAirflow
) -> None:
    delivery = read_delivery(json.dumps(document()).encode())
    receivers = [Receiver(settings, airflow, Clock()) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda one: one.take(delivery), receivers * 4))
    for receiver in receivers:
        settled(receiver)

    assert sum(counts["accepted"] for counts in told) == 1
    assert sum(counts["repeated"] for counts in told) == 31
    assert len(airflow.runs) == 1
    with Ledger.open(settings) as ledger:
        (rerun,) = ledger.reruns(MODEL)
    assert rerun.deliveries == 32
