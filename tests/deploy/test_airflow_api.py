from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.embedded import airflow_api
from deploy.embedded.airflow_api import AirflowApi, AirflowApiError, RunFailed

DAG, RUN = "credit_risk_retraining", "night_2024-08-05"
RUN_PATH = f"/api/v2/dags/{DAG}/dagRuns/{RUN}"

IMPORT_ERROR = {"filename": "broken_specs.py", "stack_trace": "SpecError: unknown key"}


class FakeAirflow(httpx.BaseTransport):
    """Answers as Airflow does; a run's states follow one another, one a question."""

    def __init__(self, states: list[str] | None = None, tasks: list[Any] | None = None) -> None:
        self.states = states or ["success"]
        self.tasks = tasks or []
        self.dags = {DAG}
        self.runs: dict[str, Any] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        if request.url.path == "/auth/token":
            return self._token(body)
        if request.headers.get("Authorization") != "Bearer let-me-in":
            return httpx.Response(401, text="who are you?")
        pages = {
            f"/api/v2/dags/{DAG}": lambda: httpx.Response(200 if DAG in self.dags else 404),
            f"/api/v2/dags/{DAG}/dagRuns": lambda: self._start(body),
            RUN_PATH: lambda: self._json("state", self._next_state()),
            f"{RUN_PATH}/taskInstances": lambda: self._json("task_instances", self.tasks),
            "/api/v2/importErrors": lambda: self._json("import_errors", [IMPORT_ERROR]),
        }
        return pages[request.url.path]()

    def _json(self, key: str, value: Any) -> httpx.Response:
        return httpx.Response(200, json={key: value})

    def _next_state(self) -> str:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _token(self, login: dict[str, str]) -> httpx.Response:
        if login["password"] != "right":
            return httpx.Response(401, text="wrong password")
        return httpx.Response(201, json={"access_token": "let-me-in"})

    def _start(self, body: dict[str, Any]) -> httpx.Response:
        if body["dag_run_id"] in self.runs:
            return httpx.Response(409, text="exists")
        self.runs[body["dag_run_id"]] = body
        return httpx.Response(200, json={"state": "queued"})


class Unplugged(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "POLL_SECONDS", 0.0)


@pytest.fixture
def airflow() -> FakeAirflow:
    return FakeAirflow()


@pytest.fixture
def api(airflow: FakeAirflow) -> Iterator[AirflowApi]:
    with AirflowApi("http://airflow", "admin", "right", transport=airflow) as client:
        yield client


def test_a_wrong_password_is_said_so(airflow: FakeAirflow) -> None:
    with pytest.raises(AirflowApiError, match="401 wrong password"):
        AirflowApi("http://airflow", "admin", "wrong", transport=airflow)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(AirflowApiError, match="POST /auth/token: connection refused"):
        AirflowApi("http://airflow", "admin", "right", transport=Unplugged())


def test_a_night_is_triggered_without_a_logical_date_and_once(
    api: AirflowApi, airflow: FakeAirflow
) -> None:
    api.trigger(DAG, RUN, {"as_of": "2024-08-05"})

    assert airflow.runs[RUN] == {
        "dag_run_id": RUN,
        "logical_date": None,
        "conf": {"as_of": "2024-08-05"},
    }
    with pytest.raises(AirflowApiError, match="409 exists"):
        api.trigger(DAG, RUN, {"as_of": "2024-08-05"})


def test_waiting_tells_which_tasks_run(api: AirflowApi, airflow: FakeAirflow) -> None:
    airflow.states = ["queued", "running", "success"]
    airflow.tasks = [
        {"task_id": "prepare", "state": "success"},
        {"task_id": "train", "state": "running"},
        {"task_id": "train", "state": "running"},
        {"task_id": "decide", "state": None},
    ]
    told: list[str] = []

    api.wait(DAG, RUN, seconds=5, tell=told.append)

    assert told == ["train (1 of 4 tasks done)"] * 2


def test_a_failed_run_names_its_failed_tasks(api: AirflowApi, airflow: FakeAirflow) -> None:
    airflow.states = ["failed"]
    airflow.tasks = [
        {"task_id": "train", "state": "failed", "try_number": 3},
        {"task_id": "decide", "state": "upstream_failed", "try_number": 0},
    ]

    with pytest.raises(RunFailed, match=r"night_2024-08-05 failed: train \(try 3\)$"):
        api.wait(DAG, RUN, seconds=5, tell=lambda _: None)


def test_waiting_ends(api: AirflowApi, airflow: FakeAirflow) -> None:
    airflow.states = ["running"]

    with pytest.raises(AirflowApiError, match="is running after 0 s"):
        api.wait(DAG, RUN, seconds=0, tell=lambda _: None)


def test_a_dag_that_does_not_come_is_explained_by_the_import_errors(
    api: AirflowApi, airflow: FakeAirflow
) -> None:
    api.wait_for_dag(DAG, seconds=5)
    airflow.dags.clear()

    with pytest.raises(AirflowApiError, match=r"broken_specs\.py: SpecError: unknown key"):
        api.wait_for_dag(DAG, seconds=0)
