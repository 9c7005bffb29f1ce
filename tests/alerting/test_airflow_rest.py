"""The client against imitated answers of Airflow; a real one is in tests/services."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from finrisk.alerting.airflow_rest import AirflowRest
from finrisk.alerting.starting import AskedRun
from finrisk.config import Settings
from finrisk.errors import ConfigurationError, SettingsError, Unreachable

RUN = AskedRun(
    "credit_risk_retraining",
    "alert__FinRiskScoreDrift__20260301T120000__4f1c4f1c",
    {"look": "reserve", "reason": "drift"},
)
SECRET = "s3cret-word"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path, airflow_url="http://airflow:8080")
    write_login(made.airflow_login, {"username": "finrisk-alerts", "password": SECRET})
    return made


def write_login(path: Path, document: Any, mode: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    path.chmod(mode)


class Server:
    """Airflow's two answers that matter: a token, and a run, once."""

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.logins = 0
        self.valid = ""
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/auth/token":
            if body != {"username": "finrisk-alerts", "password": SECRET}:
                return httpx.Response(401, json={"detail": f"no {body['password']}"})
            self.logins += 1
            self.valid = f"token-{self.logins}"
            return httpx.Response(201, json={"access_token": self.valid})
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            return httpx.Response(401, json={"detail": "expired"})
        if self.answer is not None:
            return self.answer(request)
        if body["dag_run_id"] in self.runs:
            return httpx.Response(409, json={"detail": "exists"})
        self.runs[body["dag_run_id"]] = (request.url.path, body)
        return httpx.Response(200, json={})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def start(settings: Settings, server: Server) -> AirflowRest:
    return AirflowRest(settings, transport=httpx.MockTransport(server))


def test_a_run_is_started_with_its_id_and_conf(start: AirflowRest, server: Server) -> None:
    start(RUN)

    assert server.runs[RUN.run_id] == (
        "/api/v2/dags/credit_risk_retraining/dagRuns",
        {"dag_run_id": RUN.run_id, "logical_date": None, "conf": RUN.conf},
    )


def test_a_run_that_is_there_is_fine_and_one_login_serves(
    start: AirflowRest, server: Server
) -> None:
    for _ in range(3):
        start(RUN)

    assert (len(server.runs), server.logins) == (1, 1)


def test_a_token_that_has_ended_is_asked_for_again(start: AirflowRest, server: Server) -> None:
    start(RUN)
    server.valid = "of another day"

    start(AskedRun(RUN.dag_id, f"{RUN.run_id}x", RUN.conf))

    assert (len(server.runs), server.logins) == (2, 2)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(302, headers={"Location": "https://airflow/"}),
        lambda _: httpx.Response(308, headers={"Location": "https://airflow/"}),
        lambda _: httpx.Response(404, json={"detail": "no Dag"}),
        lambda _: httpx.Response(403, json={"detail": "Forbidden"}),
        lambda _: httpx.Response(400, json={"detail": {"reason": "params"}}),
        lambda _: httpx.Response(500, text="<html>" + "x" * 9000),
        lambda _: httpx.Response(503, json=["no detail"]),
    ],
)
def test_whatever_else_it_answers_the_run_was_not_started(
    start: AirflowRest, server: Server, answer: Any
) -> None:
    server.answer = answer

    with pytest.raises(Unreachable, match="did not start credit_risk_retraining") as told:
        start(RUN)

    assert len(str(told.value)) < 500


def test_a_network_that_fails_is_unreachable(settings: Settings) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    start = AirflowRest(settings, transport=httpx.MockTransport(broken))

    with pytest.raises(Unreachable, match=r"does not answer at http://airflow:8080.*ReadTimeout"):
        start(RUN)


def test_a_port_that_nobody_listens_on_is_unreachable(settings: Settings) -> None:
    nobody = settings.model_copy(update={"airflow_url": "http://127.0.0.1:9"})

    with AirflowRest(nobody) as start, pytest.raises(Unreachable, match="ConnectError"):
        start(RUN)


def test_a_wrong_password_is_told_without_it(settings: Settings, server: Server) -> None:
    write_login(settings.airflow_login, {"username": "finrisk-alerts", "password": "wr0ng-word"})
    start = AirflowRest(settings, transport=httpx.MockTransport(server))

    with pytest.raises(Unreachable, match="gave no token; got status 401") as told:
        start(RUN)

    assert "wr0ng-word" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("document", "mode", "says"),
    [
        pytest.param({"username": "a", "password": SECRET}, 0o644, "chmod 600", id="everybody's"),
        pytest.param({"user": "a", "password": SECRET}, 0o600, "holds no login", id="other keys"),
        pytest.param({"username": "a"}, 0o600, "holds no login", id="no password"),
        pytest.param([SECRET], 0o600, "holds no login", id="a list"),
    ],
)
def test_a_login_that_is_none_is_told_without_what_it_holds(
    settings: Settings, document: Any, mode: int, says: str
) -> None:
    write_login(settings.airflow_login, document, mode)

    with pytest.raises(ConfigurationError, match=says) as told:
        AirflowRest(settings)

    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None


def test_without_a_login_or_an_address_it_says_what_to_set(settings: Settings) -> None:
    settings.airflow_login.unlink()

    with pytest.raises(ConfigurationError, match="FINRISK_AIRFLOW_LOGIN"):
        AirflowRest(settings)
    with pytest.raises(SettingsError, match="FINRISK_AIRFLOW_URL"):
        AirflowRest(settings.model_copy(update={"airflow_url": ""}))
