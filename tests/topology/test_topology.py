"""The servers of docker-compose.yaml, as processes: healthy, closed to strangers, and at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect

from deploy.topology import Topology, program
from finrisk.dashboard.pages import PAGES
from tests.browser.harness import browser, chromium, looking, open_page
from tests.topology.conftest import TENANT, TENANT_TITLE, key_of
from tests.topology.nights import CANARY_CARD, CANARY_PERSON, DAG, MODEL, Nights
from tests.topology.reading import texts_below

KEY_SECONDS = 10.0
TRAINERS = ("airflow-trainer-1", "airflow-trainer-2")
ROWS = {"snapshots", "features", "quarantine"}  # what models are fitted on: customers are there
QUICK = ("logistic_regression", "random_forest")
ROW = {
    "income": 2400, "loan_amount": 9000, "term_months": 36, "employment_years": 3.5,
    "debt_to_income": 0.6, "utilisation": 0.9, "delinquencies_2y": 2, "inquiries_6m": 4,
    "credit_history_months": 80, "bureau_score": 510,
    "home_ownership": "rent", "purpose": "consolidation", "channel": "web",
}  # fmt: skip


def test_every_service_is_healthy_by_its_own_check(topology: Topology) -> None:
    wanted = {at.service.name for at in topology.places.values()} - set(topology.not_run)

    assert {topology.places[one].service.name for one in topology.healthy} == wanted
    assert set(topology.not_run) <= {"grafana", "statsd-exporter", "prometheus", "alertmanager"}


def test_a_night_trains_on_both_trainers_and_ends_with_a_champion_that_everybody_sees(
    topology: Topology, nights: Nights, first: dict[str, Any], key: str
) -> None:
    version = first["challenger"]["version"]

    assert (first["decision"], first["champion_version"]) == ("PROMOTE", None)
    assert all(tried == 1 for tried in nights.tries("2024-08-05", "train"))
    assert all("received" in log_of(topology, one) for one in TRAINERS)
    alias = mlflow(topology, "registered-models/alias", name="credit-risk", alias="production")
    assert int(alias.json()["model_version"]["version"]) == version
    answer = score(topology, key, {"id": "A-1", "features": ROW}).json()
    assert (answer["version"], answer["rows"][0]["decision"]) == (version, "decline")
    metrics = httpx.get(f"{topology.address('exporter')}/metrics").text
    assert f'model="{MODEL}",tenant="live",version="{version}"' in metrics
    assert httpx.get(f"{topology.address('dashboard')}/_stcore/health").is_success


def test_a_second_lender_is_a_folder_and_is_seen_in_airflow_mlflow_api_and_metrics(
    topology: Topology,
    nights: Nights,
    nights_of_tenant: Nights,
    first: dict[str, Any],
    first_of_tenant: dict[str, Any],
    key: str,
) -> None:
    version = first_of_tenant["challenger"]["version"]
    before = nights.history()

    assert (first_of_tenant["decision"], first_of_tenant["champion_version"]) == ("PROMOTE", None)
    tasks = nights_of_tenant.api.tasks(nights_of_tenant.dag, "night_2024-08-05")
    assert {one["pool"] for one in tasks} == {TENANT}
    alias = mlflow(
        topology, "registered-models/alias", name=f"{TENANT}__credit-risk", alias="production"
    )
    assert int(alias.json()["model_version"]["version"]) == version
    its_key = key_of(topology, "acme-desk", "--tenant", TENANT)
    row = {"id": "A-1", "features": ROW}
    its, own = (score(topology, one, row).json() for one in (its_key, key))
    assert (its["version"], own["version"]) == (version, first["challenger"]["version"])
    assert (its["rows"][0]["decision"], own["rows"][0]["decision"]) == ("approve", "decline")
    metrics = httpx.get(f"{topology.address('exporter')}/metrics").text
    assert f'model="{MODEL}",tenant="{TENANT}",version="{version}"' in metrics
    assert nights.history() == before


@pytest.mark.skipif(chromium() is None, reason="no chromium here")
def test_a_second_lender_s_person_sees_that_lender_alone(
    topology: Topology, first: dict[str, Any], first_of_tenant: dict[str, Any]
) -> None:
    added = ("finrisk", "promoters", "add", "olu", "--tenant", TENANT, "--json")
    made = topology.run("first-start", *added)
    with browser() as opened, looking(opened) as (page, _):
        open_page(page, f"{topology.address('dashboard')}/{PAGES[0].name}", PAGES[0].title)
        log_in(page, json.loads(made)["token"], TENANT_TITLE)

        assert "Retail credit risk" not in page.content()


AIRFLOW = "airflow-api-server"
KEYS_THAT_LOAD = (
    "python",
    "-c",
    """
from finrisk.config import load_settings
from finrisk.errors import ConfigurationError
from finrisk.tracking.signing import Signer, Verifier
settings = load_settings()
Verifier.load(settings.keys)
print("verify")
try:
    Signer.load(settings.signing_keys)
    print("sign")
except ConfigurationError:
    pass
""",
)
CLOSED = [
    *((AIRFLOW, path) for path in (
        "/api/v2/dags", "/api/v2/connections", "/api/v2/variables", "/api/v2/pools",
        f"/api/v2/dags/{DAG}/dagRuns", "/api/v2/config", "/api/v2/importErrors",
        "/api/v2/eventLogs", "/api/v2/assets", "/ui/dags", "/ui/config",
        "/finrisk/alerts/v1/alerts",
    )),
    *(("mlflow", path) for path in (
        "/", "/graphql", "/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow/model-versions/search",
        "/api/2.0/mlflow/users/get?username=admin", "/api/2.0/mlflow-artifacts/artifacts",
        "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "/get-artifact?path=x&run_uuid=x",
        "/model-versions/get-artifact?path=x&name=x&version=1",
    )),
    ("scoring", f"/v1/models/{MODEL}/score"),
    ("scoring", "/predict"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "path"), CLOSED, ids=str)
def test_a_stranger_is_refused(topology: Topology, service: str, path: str) -> None:
    ask = httpx.post if service == "scoring" or "finrisk" in path else httpx.get

    assert ask(f"{topology.address(service)}{path}").status_code in {401, 403}


def test_mlflow_lets_a_stranger_write_nothing(topology: Topology) -> None:
    for path in ("experiments/create", "runs/create", "registered-models/create", "users/create"):
        body = {"name": "theirs", "username": "theirs", "password": "theirs-12345678"}
        answer = httpx.post(f"{topology.address('mlflow')}/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 401


def test_mlflow_answers_to_its_own_names_alone(topology: Topology) -> None:
    answer = httpx.get(topology.address("mlflow"), headers={"Host": "evil.example"})

    assert answer.status_code == 403


CHANGES = {
    "set an alias": ("registered-models/alias", {"alias": "production", "version": "1"}),
    "register a version": ("model-versions/create", {"source": "models:/m-1"}),
    "change a version's tag": (
        "model-versions/set-tag",
        {"version": "1", "key": "finrisk.run_key", "value": "theirs"},
    ),
}


@pytest.mark.parametrize("account", ["trainer", "scorer"])
@pytest.mark.parametrize("change", CHANGES)
def test_who_trains_or_scores_changes_no_registered_model(
    topology: Topology, first: dict[str, Any], change: str, account: str
) -> None:
    path, body = CHANGES[change]

    assert posted(topology, account, path, {"name": "credit-risk", **body}) == 403


def test_who_trains_makes_no_registered_model_and_who_scores_logs_no_run(
    topology: Topology, first: dict[str, Any]
) -> None:
    found = mlflow(topology, "experiments/get-by-name", experiment_name="finrisk-experiments")
    run = {"experiment_id": found.json()["experiment"]["experiment_id"]}

    assert posted(topology, "trainer", "registered-models/create", {"name": "theirs"}) == 403
    assert posted(topology, "trainer", "runs/create", run) == 200
    assert posted(topology, "scorer", "runs/create", run) == 403


@pytest.mark.parametrize("service", ["airflow-worker", "scoring", "dashboard"])
def test_who_decides_or_serves_verifies_models_and_can_sign_none(
    topology: Topology, first: dict[str, Any], service: str
) -> None:
    assert "sign" in topology.run(TRAINERS[0], *KEYS_THAT_LOAD)
    assert topology.run(service, *KEYS_THAT_LOAD).split() == ["verify"]


@pytest.mark.parametrize("password", ["admin", "password", "password1234", ""])
def test_no_default_password_opens_anything(topology: Topology, password: str) -> None:
    token = httpx.post(
        f"{topology.address(AIRFLOW)}/auth/token", json={"username": "admin", "password": password}
    )
    basic = httpx.get(
        f"{topology.address('mlflow')}/api/2.0/mlflow/registered-models/search",
        auth=("admin", password),
    )

    assert token.status_code in {400, 401, 422}
    assert basic.status_code == 401


def test_the_development_login_of_airflow_is_not_there(topology: Topology) -> None:
    for ask, path in (
        (httpx.get, "/auth/token/login"),
        (httpx.get, "/auth/token"),
        (httpx.post, "/auth/token/cli"),
    ):
        answer = ask(f"{topology.address(AIRFLOW)}{path}")
        assert answer.status_code >= 400 or "access_token" not in answer.text


@pytest.mark.skipif(chromium() is None, reason="no chromium here")
def test_the_dashboard_shows_nothing_until_somebody_logs_in(
    topology: Topology, first: dict[str, Any]
) -> None:
    made = topology.run("first-start", "finrisk", "promoters", "add", "ana", "--json")
    with browser() as opened, looking(opened) as (page, _):
        for one in reversed(PAGES):
            open_page(page, f"{topology.address('dashboard')}/{one.name}", one.title)
            assert "Log in to read" in page.inner_text("body")
            assert "redit" not in page.content(), one.name

        log_in(page, json.loads(made)["token"], "Retail credit risk")


def test_postgresql_and_redis_ask_for_passwords_and_roles_stay_apart(topology: Topology) -> None:
    port = topology.ports["postgres", 5432]
    stranger = ["psql", "-w", "-h", "127.0.0.1", "-p", str(port), "-c", "select 1"]

    assert "password" in said([*stranger, "-U", "airflow", "airflow"], {})
    for role in ("airflow", "mlflow", "ledger"):
        own = {"PGPASSWORD": topology.secret(f"{role}_db_password")}
        assert "1 row" in said([*stranger, "-U", role, role], own)
        for other in {"airflow", "mlflow", "ledger", "postgres"} - {role}:
            assert "permission denied" in said([*stranger, "-U", role, other], own)
    redis = str(topology.ports["redis", 6379])
    assert "NOAUTH" in said(["redis-cli", "-h", "127.0.0.1", "-p", redis, "keys", "*"], {})


def test_what_listens_listens_on_loopback(topology: Topology, first: dict[str, Any]) -> None:
    listening = {
        (one.laddr.ip, running.name)
        for running in topology.running.values()
        for process in running.family()
        for one in connections(process)
        if one.status == psutil.CONN_LISTEN
    }

    assert {ip for ip, _ in listening} == {"127.0.0.1"}, listening


def test_a_killed_trainer_costs_time_and_no_second_decision(
    topology: Topology, nights: Nights, first: dict[str, Any]
) -> None:
    nights.land("2024-09-05")
    nights.trigger("2024-09-05", *QUICK)
    nights.until("2024-09-05", lambda tasks: running(tasks, "train") >= 2)
    kill(topology, TRAINERS[0])
    topology.start(TRAINERS[0])
    nights.wait("2024-09-05")

    assert max(nights.tries("2024-09-05", "train")) > 1
    assert nights.decided("2024-09-05")["decision"] in {"HOLD", "PROMOTE", "REJECT"}


def test_two_schedulers_work_at_once_and_one_that_is_killed_leaves_its_night_to_the_other(
    topology: Topology, nights: Nights, first: dict[str, Any]
) -> None:
    assert "Found 2 alive jobs" in schedulers(topology)
    nights.land("2024-10-05")
    nights.trigger("2024-10-05", *QUICK)
    nights.until("2024-10-05", lambda tasks: running(tasks, "train") >= 1)
    kill(topology, "airflow-scheduler-1")
    nights.wait("2024-10-05")
    topology.start("airflow-scheduler-1")

    assert nights.decided("2024-10-05")["decision"] in {"HOLD", "PROMOTE", "REJECT"}


def test_schedulers_that_are_killed_and_started_again_end_the_night(
    topology: Topology, nights: Nights, first: dict[str, Any]
) -> None:
    nights.land("2024-11-05")
    nights.trigger("2024-11-05", *QUICK)
    nights.until("2024-11-05", lambda tasks: running(tasks, "train") >= 1)
    for one in topology.instances("airflow-scheduler"):
        kill(topology, one)
        topology.start(one)
    nights.wait("2024-11-05")

    assert nights.decided("2024-11-05")["decision"] in {"HOLD", "PROMOTE", "REJECT"}


@pytest.fixture(scope="module")
def everything_said(
    topology: Topology, nights: Nights, first: dict[str, Any], key: str, tmp_path_factory: Any
) -> Callable[[str], list[str]]:
    """After a blocked night and scored canaries: where a text stands in logs and databases."""
    nights.land("2024-12-05")
    nights.change("2024-11", "income", CANARY_CARD)
    nights.trigger("2024-12-05")
    nights.wait("2024-12-05")
    assert nights.decided("2024-12-05")["status"] == "blocked"
    score(topology, key, {"id": CANARY_PERSON, "features": ROW})
    score(topology, key, {"id": "A-2", "features": ROW | {"purpose": CANARY_PERSON}})
    folder = tmp_path_factory.mktemp("dumps")
    for name in ("airflow", "mlflow", "ledger"):
        dump(topology, name, folder / f"{name}.sql")
    store = topology.volume("finrisk") / "store"  # but for the rows that models are fitted on
    texts = texts_below(
        [
            folder,
            topology.home / "logs",
            *(topology.volume(name) for name in ("airflow-logs", "mlflow", "alerts")),
            *(one for one in store.iterdir() if one.is_dir() and one.name not in ROWS),
        ]
    )
    assert len([path for path in texts if path.endswith(".log")]) > 20
    assert any(path.endswith("!rows") for path in texts)
    assert any(".skops!" in path for path in texts)
    return lambda text: [path for path, content in texts.items() if text.encode() in content]


def test_no_secret_is_in_logs_xcoms_mlflow_or_ledger(
    topology: Topology, everything_said: Callable[[str], list[str]], key: str
) -> None:
    found = {name: everything_said(topology.secret(name)) for name in topology.compose.secrets}
    found["an API key"] = everything_said(key)

    assert everything_said(MODEL), "nothing was read"
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize("text", [CANARY_PERSON, str(int(CANARY_CARD)), "4.556737586899855e"])
def test_no_customer_is_in_logs_xcoms_mlflow_or_ledger(
    everything_said: Callable[[str], list[str]], text: str
) -> None:
    assert everything_said(text) == []


def log_of(topology: Topology, instance: str) -> str:
    return (topology.home / "logs" / f"{instance}.log").read_text(errors="replace")


def log_in(page: Page, token: str, sees: str) -> None:
    page.get_by_label("Promoter token", exact=True).fill(token)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_test_id("stMain")).to_contain_text(sees, timeout=60_000)


def mlflow(topology: Topology, path: str, **params: str) -> httpx.Response:
    return httpx.get(
        f"{topology.address('mlflow')}/api/2.0/mlflow/{path}",
        params=params,
        auth=("scorer", topology.secret("mlflow_scorer_password")),
    )


def posted(topology: Topology, account: str, path: str, body: dict[str, Any]) -> int:
    return httpx.post(
        f"{topology.address('mlflow')}/api/2.0/mlflow/{path}",
        json=body,
        auth=(account, topology.secret(f"mlflow_{account}_password")),
    ).status_code


def schedulers(topology: Topology) -> str:
    asked = ("--job-type", "SchedulerJob", "--allow-multiple", "--limit", "9")
    return topology.run("airflow-scheduler-1", "airflow", "jobs", "check", *asked)


def score(topology: Topology, key: str, row: dict[str, Any]) -> httpx.Response:
    """Ask until the server knows the key, which it looks for each second."""
    address = f"{topology.address('scoring')}/v1/models/{MODEL}/score"
    login = {"Authorization": f"Bearer {key}"}
    give_up = time.monotonic() + KEY_SECONDS
    while True:
        answer = httpx.post(address, json={"rows": [row]}, headers=login)
        if answer.status_code != httpx.codes.UNAUTHORIZED or time.monotonic() > give_up:
            return answer


def running(tasks: list[dict[str, Any]], task: str) -> int:
    return sum(one["task_id"] == task and one["state"] == "running" for one in tasks)


def kill(topology: Topology, instance: str) -> None:
    for process in topology.running[instance].family():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.NoSuchProcess):
        return list(process.net_connections(kind="inet"))
    return []


def said(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [program(command[0]) or command[0], *command[1:]],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def dump(topology: Topology, name: str, to: Path) -> None:
    address = ["-h", "127.0.0.1", "-p", str(topology.ports["postgres", 5432]), "-U", name, name]
    own = {"PGPASSWORD": topology.secret(f"{name}_db_password")}
    text = said(["pg_dump", *address], own)
    assert "PostgreSQL database dump complete" in text, text[-500:]
    to.write_text(text)
