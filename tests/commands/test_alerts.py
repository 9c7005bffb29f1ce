"""The commands about alerts, over a real ledger; Airflow is a server that answers as it does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.alerting.tokens import PREVIOUS, TOKEN, create_alert_token
from finrisk.cli import app
from finrisk.config import Settings
from finrisk.ledger.inbox import Asked, Limits, Rerun
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from tests.ledger.factories import digest

RUN = CliRunner()
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, ["alerts", *arguments])
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout + result.stderr


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    made = Settings(home=tmp_path)
    migrate(made.ledger_url.get_secret_value())
    create_alert_token(made.keys)
    return made


def ask(settings: Settings, name: str, model: str = "credit_risk") -> Rerun:
    asked = Asked(model, digest(name), name, "alertmanager", "drift", AT)
    with Ledger.open(settings) as ledger:
        return ledger.receive_alert(asked, Limits(), AT)


class AnsweringAirflow(BaseHTTPRequestHandler):
    """Gives a token, takes runs once, and refuses those of Dags it does not have."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        runs: list[str] = self.server.runs  # type: ignore[attr-defined]
        if self.path == "/auth/token":
            return self.reply(201, {"access_token": "t"})
        if "mortgages" in self.path:
            return self.reply(404, {"detail": "no such Dag"})
        if body["dag_run_id"] in runs:
            return self.reply(409, {"detail": "there"})
        runs.append(body["dag_run_id"])
        return self.reply(200, {})

    def reply(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def airflow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AnsweringAirflow)
    server.runs = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("FINRISK_AIRFLOW_URL", f"http://127.0.0.1:{server.server_port}")
    settings.airflow_login.write_text('{"username": "finrisk-alerts", "password": "x"}')
    settings.airflow_login.chmod(0o600)
    yield server.runs  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_pending_is_started_once(settings: Settings, airflow: list[str]) -> None:
    rerun = ask(settings, "FinRiskScoreDrift")

    assert f"1 run started\n  {rerun.run_id}" in finrisk("drain")
    assert "0 runs started" in finrisk("drain")
    assert airflow == [rerun.run_id]


def test_what_airflow_refuses_stays_pending_and_the_command_says_so(
    settings: Settings, airflow: list[str]
) -> None:
    lost, there = (
        ask(settings, "FinRiskScoreDrift", "mortgages"),
        ask(settings, "FinRiskScoreDrift"),
    )

    told = json.loads(finrisk("drain", "--json", status=6).partition("}")[0] + "}")

    assert told == {"started": [there.run_id], "pending": 1}
    with Ledger.open(settings) as ledger:
        assert [rerun.key for rerun in ledger.pending_reruns()] == [lost.key]


def test_the_alerts_of_a_model_are_listed_with_what_became_of_them(settings: Settings) -> None:
    accepted = ask(settings, "FinRiskScoreDrift")
    ask(settings, "FinRiskScoreDrift")
    ask(settings, "FinRiskPerformanceLoss")
    with Ledger.open(settings) as ledger:
        ledger.receive_alert(
            Asked("credit_risk", digest("other"), "FinRiskScoreDrift", "grafana", "drift", AT),
            Limits(),
            AT,
        )

    told = finrisk("list", "credit_risk")
    documents = json.loads(finrisk("list", "credit_risk", "--json"))

    assert "credit_risk, scope live: 3 alerts" in told
    assert "pending" in told
    assert {one["outcome"] for one in documents} == {"accepted", "cooling down"}
    times = {one["key"]: one["deliveries"] for one in documents}
    assert times == {accepted.key: 2, digest("FinRiskPerformanceLoss"): 1, digest("other"): 1}


def test_a_token_is_rotated_and_the_rotation_ended(settings: Settings) -> None:
    before = (settings.keys / TOKEN).read_text()

    told = finrisk("rotate")

    after = (settings.keys / TOKEN).read_text()
    assert after != before
    assert (settings.keys / PREVIOUS).read_text() == before
    assert before.strip() not in told
    assert after.strip() not in told
    assert "a rotation has not ended" in finrisk("rotate", status=2)
    assert "the previous token is refused" in finrisk("rotate", "--end")
    assert "no rotation was going on" in finrisk("rotate", "--end")


def test_without_a_token_or_an_address_nothing_is_served(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "FINRISK_AIRFLOW_URL" in finrisk("serve", status=2)
    (settings.keys / TOKEN).unlink()
    assert "finrisk init" in finrisk("serve", status=2)


@pytest.mark.parametrize(
    "address",
    ["airflow:8080", "ftp://airflow", "http://me:s3cret@airflow", "http://a b", "http://"],
)
def test_an_address_of_airflow_holds_no_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("FINRISK_AIRFLOW_URL", address)

    told = finrisk("drain", status=2)

    assert "FINRISK_AIRFLOW_URL does not fit" in told
    assert "s3cret" not in told
