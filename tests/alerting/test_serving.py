"""The receiver alone, as a server of its own with a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from finrisk.alerting.receiving import Receiver
from finrisk.alerting.serving import standalone_app
from finrisk.config import Settings
from finrisk.ledger.store import Ledger
from tests.alerting.factories import MODEL, PATH, FakeAirflow, alert, delivery

SECONDS = 30


class Served:
    """A server in a thread, on a port that was free."""

    def __init__(self, receiver: Receiver) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = standalone_app(receiver, drain_seconds=0.05)
        config = uvicorn.Config(app, log_level="critical", ws="none", lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(SECONDS)
        self._socket.close()
        assert not self._thread.is_alive()


@pytest.fixture
def served(receiver: Receiver) -> Iterator[Served]:
    made = Served(receiver)
    yield made
    made.stop()


def started(settings: Settings, airflow: FakeAirflow) -> list[str]:
    """Return the runs once the ledger has noted all of them."""
    noted = threading.Event()
    for _ in range(SECONDS * 20):
        with Ledger.open(settings) as ledger:
            if not ledger.pending_reruns():
                break
        noted.wait(0.05)
    return list(airflow.runs)


def test_it_takes_alerts_with_the_token_under_the_paths_it_has_in_airflow(
    served: Served, settings: Settings, airflow: FakeAirflow, token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=served.address, timeout=SECONDS) as client:
        assert client.post(PATH, json=delivery()).status_code == 401
        assert client.get("/openapi.json").status_code == 401
        assert client.post(PATH, json=delivery(), headers=headers).json() == {"accepted": 1}
        assert client.post(PATH, content=b" " * 300_000, headers=headers).status_code == 413
        pieces = (b" " * 65_536 for _ in range(5))
        assert client.post(PATH, content=pieces, headers=headers).status_code == 413
        assert client.get("/finrisk/healthz", headers=headers).status_code == 204
    assert len(started(settings, airflow)) == 1


def test_ten_connections_with_the_same_alert_are_one_run(
    served: Served, settings: Settings, airflow: FakeAirflow, token: str
) -> None:
    def send(answers: list[str]) -> None:
        with httpx.Client(base_url=served.address, timeout=SECONDS) as client:
            for number in range(5):
                body = delivery(alert(version=str(number % 2)))
                answer = client.post(PATH, json=body, headers={"Authorization": f"Bearer {token}"})
                answers.extend(answer.raise_for_status().json())

    answers: list[str] = []
    threads = [threading.Thread(target=send, args=(answers,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert len(answers) == 50
    assert answers.count("accepted") == 1
    assert len(started(settings, airflow)) == 1


def test_what_airflow_did_not_take_it_starts_itself_once_airflow_is_back(
    served: Served, settings: Settings, airflow: FakeAirflow, token: str
) -> None:
    airflow.away = True
    with httpx.Client(base_url=served.address, timeout=SECONDS) as client:
        answer = client.post(PATH, json=delivery(), headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"accepted": 1}
    with Ledger.open(settings) as ledger:
        assert len(ledger.pending_reruns()) == 1

    airflow.away = False

    (run_id,) = started(settings, airflow)
    with Ledger.open(settings) as ledger:
        (rerun,) = ledger.reruns(MODEL)
    assert (rerun.run_id, rerun.started is not None) == (run_id, True)


def test_a_restart_starts_what_was_stored_before_it(
    settings: Settings, airflow: FakeAirflow, receiver: Receiver, token: str
) -> None:
    airflow.away = True
    first = Served(receiver)
    with httpx.Client(base_url=first.address, timeout=SECONDS) as client:
        client.post(PATH, json=delivery(), headers={"Authorization": f"Bearer {token}"})
    first.stop()
    airflow.away = False

    second = Served(Receiver(settings, airflow, receiver.clock))

    assert len(started(settings, airflow)) == 1
    second.stop()
