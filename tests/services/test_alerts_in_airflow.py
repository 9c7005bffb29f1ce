"""Alerts and a real Airflow: posted to its api-server, started over REST, drained by its scheduler.

Every Dag is paused, the drainer until it is asked for: what is looked at is that a run is there,
once, with its reason.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deploy.embedded import processes, stack
from deploy.embedded.home import USER, Home
from finrisk.alerting.tokens import TOKEN
from finrisk.cli import app
from finrisk.config import Settings
from finrisk.ledger.inbox import Asked, Limits, Rerun
from finrisk.ledger.store import Ledger
from finrisk.setting_up import initialise
from tests.alerting.factories import PATH, alert, delivery
from tests.ledger.factories import digest
from tests.services.harness import until
from tests.services.stores import MLFLOW

pytestmark = pytest.mark.skipif(
    MLFLOW not in os.environ, reason="it starts a whole Airflow: `make test-services` does"
)
MODELS = ("credit_risk", "fraud")
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Airflow:
    """A running stack, logged in to, and the ledger behind it."""

    address: str
    settings: Settings
    http: httpx.Client

    def post(self, document: Any, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.address}{PATH}", json=document, headers=headers, timeout=60)

    def run(self, model: str, run_id: str | None) -> dict[str, Any]:
        """Wait until a run is there; return it."""
        path = f"/api/v2/dags/{model}_retraining/dagRuns/{run_id}"
        until(lambda: self.http.get(path).is_success, f"the run {run_id}")
        found: dict[str, Any] = self.http.get(path).json()
        return found

    def ask(self, model: str, alert_class: str) -> Rerun:
        """Store an alert as a monitor does, and start nothing."""
        at = datetime.now(UTC)
        asked = Asked(model, digest(f"{alert_class} {at}"), alert_class, "monitor", "PSI 0.31", at)
        with Ledger.open(self.settings) as ledger:
            return ledger.receive_alert(asked, Limits(most_a_day=24), at)

    def pending(self) -> int:
        with Ledger.open(self.settings) as ledger:
            return len(ledger.pending_reruns())


def pause(http: httpx.Client, dag_id: str, *, paused: bool) -> None:
    """Ask again after a 500: on SQLite Airflow's own processes may hold the database just then."""
    for left in reversed(range(5)):
        answer = http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": paused})
        if not answer.is_server_error or not left:
            answer.raise_for_status()
            return


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("alerted")
    settings, home = Settings(home=folder), Home(folder)
    initialise(settings)
    stack.migrate(home)
    running = stack.start(home, port=stack.free_port(), nightly=True)
    try:
        stack.wait_healthy(running)
        with running.api() as api:
            for dag_id in ("finrisk_reruns", *(f"{model}_retraining" for model in MODELS)):
                api.wait_for_dag(dag_id, seconds=WAIT_SECONDS)
        with httpx.Client(base_url=running.address, timeout=60) as http:
            login = {"username": USER, "password": home.secrets().password}
            settings.airflow_login.write_text(json.dumps(login))
            settings.airflow_login.chmod(0o600)
            token = http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            for dag in http.get("/api/v2/dags").raise_for_status().json()["dags"]:
                pause(http, dag["dag_id"], paused=True)
            yield Airflow(running.address, settings, http)
    finally:
        stack.stop(home)
        assert processes.noted(home.run) == []


def test_an_alert_posted_to_the_api_server_is_one_run_with_its_reason(airflow: Airflow) -> None:
    token = (airflow.settings.keys / TOKEN).read_text().strip()
    document = delivery(alert(began=datetime.now(UTC)))

    answers = [airflow.post(document, token) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json() for answer in answers] == [{"accepted": 1}] + [{"repeated": 1}] * 19
    with Ledger.open(airflow.settings) as ledger:
        (rerun,) = ledger.reruns("credit_risk")
    run = airflow.run("credit_risk", rerun.run_id)
    assert (run["run_type"], run["triggering_user_name"]) == ("manual", "finrisk alerts")
    assert run["conf"] == {"look": "reserve", "reason": rerun.reason}
    until(lambda: airflow.pending() == 0, "the note that it was started")


def test_the_api_server_lets_nobody_in_to_us_by_its_own_login(airflow: Airflow) -> None:
    theirs = str(airflow.http.headers["Authorization"]).removeprefix("Bearer ")

    assert airflow.post(delivery(), theirs).status_code == 401
    for path in ("openapi.json", "docs", "healthz", "alerts/v1/alerts", ""):
        assert airflow.http.get(f"/finrisk/{path}").status_code == 401
    plugins = airflow.http.get("/api/v2/plugins").raise_for_status().json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "finrisk"]
    assert [one["url_prefix"] for one in ours["fastapi_apps"]] == ["/finrisk"]


def test_what_is_pending_is_drained_over_rest_once(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(airflow.settings.home))
    monkeypatch.setenv("FINRISK_AIRFLOW_URL", airflow.address)
    rerun = airflow.ask("fraud", "FinRiskPerformanceLoss")

    done = [CliRunner().invoke(app, ["alerts", "drain", "--json"]) for _ in range(2)]

    assert [one.exit_code for one in done] == [0, 0], done[0].output
    assert [json.loads(one.stdout)["started"] for one in done] == [[rerun.run_id], []]
    run = airflow.run("fraud", rerun.run_id)
    assert (run["run_type"], run["conf"]["reason"]) == ("manual", "PSI 0.31")


def test_the_scheduler_drains_when_it_is_told_that_a_night_was_asked_for(airflow: Airflow) -> None:
    there = airflow.ask("fraud", "FinRiskCalibrationLoss")
    rerun = airflow.ask("credit_risk", "FinRiskCalibrationLoss")
    # of one of the two the run is there already, and only the note was lost
    body = {"dag_run_id": there.run_id, "logical_date": None, "conf": {}}
    airflow.http.post("/api/v2/dags/fraud_retraining/dagRuns", json=body).raise_for_status()
    pause(airflow.http, "finrisk_reruns", paused=False)
    assets = airflow.http.get("/api/v2/assets", params={"name_pattern": "finrisk_reruns_asked"})
    (asset,) = assets.raise_for_status().json()["assets"]

    airflow.http.post("/api/v2/assets/events", json={"asset_id": asset["id"]}).raise_for_status()

    run = airflow.run("credit_risk", rerun.run_id)
    assert (run["run_type"], run["logical_date"]) == ("operator_triggered", None)
    assert run["conf"] == {"look": "reserve", "reason": "PSI 0.31"}
    until(lambda: airflow.pending() == 0, "the notes that both were started")
    until(lambda: _ended(airflow) >= {"success"}, "the drainer's end")
    assert "failed" not in _ended(airflow)


def _ended(airflow: Airflow) -> set[str]:
    answer = airflow.http.get("/api/v2/dags/finrisk_reruns/dagRuns")
    return {run["state"] for run in answer.raise_for_status().json()["dag_runs"]}
