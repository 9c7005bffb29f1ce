"""From drifted decisions to a decided night, with every part real: nobody triggers anything.

decision log → monitors → ledger → exporter → Prometheus → Alertmanager → receiver → Airflow → gate
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml

from deploy.embedded import stack
from deploy.embedded.home import REPOSITORY, USER, Home
from finrisk.alerting.app import ALERTS, HEALTH, MOUNTED
from finrisk.alerting.tokens import TOKEN
from finrisk.config import Settings
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.readings import State
from finrisk.pipelines.monitoring import monitor
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_file
from finrisk.pipelines.simulation import land_simulated
from finrisk.records import Decision, LookKind, NightRequest, NightStatus
from finrisk.setting_up import initialise
from tests.services.harness import free_port, running, until
from tests.services.watchers import alertmanager, exporter, finrisk, prometheus, query, with_servers

pytestmark = with_servers

MODEL = "credit_risk"
DAG = f"{MODEL}_retraining"
ALERT = "FinRiskScoreDrift"
CANDIDATE = {
    "name": "logistic_regression",
    "algorithm": "logistic_regression",
    "parameters": {"C": 1.0},
}
QUIET = f'finrisk_monitor_level{{model="{MODEL}", monitor="score_drift"}} == 0'
DAYS_BEFORE = 95  # of the first champion: three vintages have matured since, so a night has news
REACH_SECONDS = 180
REPEATED = 4  # deliveries of the alert, before it is believed that they start nothing more


@dataclass
class Watch:
    """The lender, its champion, and the addresses of all that watches it."""

    home: Home
    rooms: Rooms
    today: date
    airflow: stack.Stack
    prometheus: str
    receiver: str

    def decide(self, month: Path, *, hard_times: bool = False) -> None:
        """Let the champion decide a month's applications; in hard times people are worse off."""
        rows = pd.read_parquet(month)
        if hard_times:
            rows["income"] = (rows["income"] * 0.45).clip(500, 50_000)
            rows["bureau_score"] = (rows["bureau_score"] - 90).clip(300, 900)
        given = self.home.folder / f"given_{month.stem}.parquet"
        rows.to_parquet(given)
        yesterday = self.today - timedelta(days=1)
        score_file(self.rooms, given, as_of=yesterday, output=None, version=None, record=True)

    def read(self) -> State:
        """Let the monitors read the day; they ask for nothing themselves. Return the score's."""
        report = monitor(MODEL, as_of=self.today, asks=False, rooms=self.rooms)
        (score,) = (one for one in report.readings if one.monitor == "score_drift")
        return score.state

    @property
    def landed(self) -> Path:
        """Where the months of applications are."""
        return self.home.folder / "landing" / MODEL

    def asked(self) -> list[Rerun]:
        """Return the alerts that came to the inbox."""
        return self.rooms.ledger.reruns(MODEL)

    def runs(self) -> list[str]:
        """Return the ids of all runs of the retraining Dag."""
        with httpx.Client(base_url=self.airflow.address, timeout=30) as http:
            login = {"username": USER, "password": self.home.secrets().password}
            token = http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            found = http.get(f"/api/v2/dags/{DAG}/dagRuns").raise_for_status().json()
        return [run["dag_run_id"] for run in found["dag_runs"]]

    def wait(self, ready: Callable[[], object], what: str) -> None:
        """Wait as ``until`` does, but for no component that has ended."""

        def still() -> object:
            self.airflow.check()
            return ready()

        until(still, what)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The shipped credit model with its quickest candidate."""
    folder = tmp_path_factory.mktemp("alerting")
    document = yaml.safe_load((REPOSITORY / "conf" / "models" / f"{MODEL}.yaml").read_text())
    document["candidates"] = [CANDIDATE]
    conf = folder / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / f"{MODEL}.yaml").write_text(yaml.safe_dump(document))
    return Home(folder)


@pytest.fixture(scope="module")
def rooms(home: Home) -> Rooms:
    """A lender whose months landed until today, and its first champion, of three months ago."""
    settings = Settings(home=home.folder, tracking_uri=home.mlflow_store, threads=1, pictures=False)
    initialise(settings)
    land_simulated(settings, datetime.now(UTC).date(), models=(MODEL,))
    rooms = Rooms.open(MODEL, settings)
    first = NightRequest(MODEL, datetime.now(UTC).date() - timedelta(days=DAYS_BEFORE))
    assert run_night(first, rooms, tell=lambda _: None).decision is Decision.PROMOTE
    return rooms


@pytest.fixture(scope="module")
def watch(home: Home, rooms: Rooms) -> Iterator[Watch]:
    """Everything, started; stopped in the end whatever happens."""
    with ExitStack() as started:
        stack.migrate(home)
        airflow = stack.start(home, port=stack.free_port(), nightly=False)
        started.callback(stack.stop, home)
        stack.wait_healthy(airflow)
        with airflow.api() as api:
            api.wait_for_dag(DAG, seconds=120)
        receiver = started.enter_context(_receiver(home, airflow.address))
        target = started.enter_context(exporter(home.folder))
        token = home.folder / "keys" / TOKEN
        posts = started.enter_context(alertmanager(home.folder, f"{receiver}{ALERTS}", token))
        watching = started.enter_context(prometheus(home.folder, target, posts))
        yield Watch(home, rooms, datetime.now(UTC).date(), airflow, watching, receiver)


@contextmanager
def _receiver(home: Home, airflow: str) -> Iterator[str]:
    """Run ``finrisk alerts serve``; yield the address that its paths start from."""
    login = home.folder / "keys" / "airflow.json"
    login.write_text(json.dumps({"username": USER, "password": home.secrets().password}))
    login.chmod(0o600)
    port = free_port()
    address = f"http://127.0.0.1:{port}{MOUNTED}"
    token = (home.folder / "keys" / TOKEN).read_text().strip()
    environment = home.finrisk_environment() | {"FINRISK_AIRFLOW_URL": airflow}
    bearer = {"Authorization": f"Bearer {token}"}
    log = home.folder / "receiver.log"
    with running(finrisk("alerts", "serve", f"--port={port}"), log, env=environment):
        until(lambda: httpx.get(f"{address}{HEALTH}", headers=bearer).is_success, "the receiver")
        yield address


def test_drifted_decisions_end_in_one_night_that_the_gate_decides(watch: Watch) -> None:
    ledger, months = watch.rooms.ledger, sorted(watch.landed.glob("*.parquet"))
    watch.decide(months[-2])
    assert watch.read() is State.QUIET
    watch.wait(lambda: query(watch.prometheus, QUIET), "a quiet score in Prometheus")
    assert not query(watch.prometheus, f'ALERTS{{alertname="{ALERT}"}}')
    assert watch.runs() == []

    began = time.monotonic()
    watch.decide(months[-1], hard_times=True)
    assert watch.read() is State.ALARM
    watch.wait(watch.asked, "the alert in the inbox")
    (rerun,) = watch.asked()
    assert rerun.run_id is not None
    with watch.airflow.api() as api:
        watch.wait(lambda: rerun.run_id in watch.runs(), "the run in Airflow")
        api.wait(DAG, rerun.run_id, seconds=REACH_SECONDS, tell=lambda _: None)
    took = time.monotonic() - began

    night = ledger.last_night(MODEL)
    assert night is not None
    decision = night.decision
    assert (decision.as_of, decision.status) == (watch.today, NightStatus.READY)
    assert decision.evidence_sha256 is not None
    assert decision.actor == USER
    assert [look.kind for look in ledger.looks(MODEL)][-1] is LookKind.RESERVE
    assert took < REACH_SECONDS
    sys.stdout.write(f"\nfrom drifted decisions to {decision.decision}: {took:.0f} s\n")


def test_an_alert_that_goes_on_firing_is_counted_and_starts_nothing_more(watch: Watch) -> None:
    watch.wait(lambda: watch.asked()[0].deliveries >= REPEATED, f"{REPEATED} deliveries")

    (rerun,) = watch.asked()
    assert rerun.outcome is Outcome.ACCEPTED
    assert rerun.started is not None
    assert watch.runs() == [rerun.run_id]


def test_the_exporter_tells_what_became_of_it(watch: Watch) -> None:
    accepted = f'finrisk_rerun_requests_total{{alert="{ALERT}", outcome="accepted"}} == 1'
    watch.wait(lambda: query(watch.prometheus, accepted), "the request in Prometheus")

    assert query(watch.prometheus, f'finrisk_reruns_pending{{model="{MODEL}"}} == 0')
    assert query(watch.prometheus, f'finrisk_looks_left{{model="{MODEL}", kind="reserve"}} == 3')
    assert query(watch.prometheus, f'finrisk_night_duration_seconds{{model="{MODEL}"}} > 0')


def test_who_has_no_token_asks_for_nothing(watch: Watch) -> None:
    before = watch.runs()
    labels = {"alertname": "FinRiskPerformanceLoss", "model": MODEL}
    now = datetime.now(UTC).isoformat()
    body = {"version": "4", "alerts": [{"status": "firing", "labels": labels, "startsAt": now}]}

    answer = httpx.post(f"{watch.receiver}{ALERTS}", json=body)

    assert answer.status_code == 401
    assert len(watch.asked()) == 1
    assert watch.runs() == before
