"""docker-compose.yaml keeps the rules that a deployment rests on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import make_secrets
from deploy.compose_file import filled_in, read_compose

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "docker-compose.yaml"
IDS = {"FINRISK_UID": "1000", "FINRISK_GID": "1000"}
DOCUMENT: dict[str, Any] = filled_in(yaml.safe_load(COMPOSE.read_text()), IDS)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OF_AIRFLOW = [name for name in SERVICES if name.startswith("airflow-")]
SECRET = re.compile(r"PASSWORD|SECRET(?!S_FOLDER)|KEY$|_CONN$|BROKER_URL$|RESULT_BACKEND$")
BY_FILE = ("_FILE", "_CMD")
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose here")
def test_docker_compose_takes_the_file() -> None:
    done = subprocess.run(
        ["docker-compose", "--file", str(COMPOSE), "config", "--quiet"],
        env=os.environ | IDS,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


def test_without_an_owner_of_the_secrets_nothing_starts() -> None:
    with pytest.raises(ValueError, match=r"FINRISK_UID; python3 -m deploy\.make_secrets"):
        read_compose(COMPOSE, {})


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_checked_restarted_and_has_no_new_privileges(name: str) -> None:
    service = SERVICES[name]

    assert PINNED.fullmatch(service["image"]), service["image"]
    assert service["restart"] == ("no" if name == "first-start" else "unless-stopped")
    assert ("healthcheck" in service) != (name == "first-start")
    assert "no-new-privileges:true" in service["security_opt"]
    assert "container_name" not in service
    assert not service.get("privileged")
    assert "cap_add" not in service
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_publishes_on_loopback_alone(name: str) -> None:
    published = SERVICES[name].get("ports", [])

    assert all(one.startswith("127.0.0.1:") for one in published)
    assert bool(published) == (
        name in {"airflow-api-server", "mlflow", "scoring", "dashboard", "grafana"}
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_is_a_file_and_never_a_value(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    values = {key for key in environment if SECRET.search(key) and not key.endswith(BY_FILE)}

    assert values == set()
    read = set(re.findall(r"/run/secrets/(\w+)", str(SERVICES[name])))
    assert read <= set(SERVICES[name].get("secrets", [])), "a secret that is read and not mounted"
    assert not re.search(r"://[^@/\s|]+:[^&@/\s]+@", str(SERVICES[name])), (
        "a password in an address"
    )


def test_every_secret_is_made_and_every_one_made_is_used() -> None:
    assert set(DOCUMENT["secrets"]) == set(make_secrets.NAMES)
    assert {one for s in SERVICES.values() for one in s.get("secrets", [])} == set(
        DOCUMENT["secrets"]
    )


def test_every_variable_of_the_file_stands_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    told = set(re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.M))

    assert asked == told


@pytest.mark.parametrize("name", OF_AIRFLOW)
def test_airflow_has_users_with_roles_and_sends_nothing_home(name: str) -> None:
    environment = SERVICES[name]["environment"]

    assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
    assert not any("SIMPLE_AUTH" in key for key in environment)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    after = SERVICES[name]["depends_on"]
    assert after["first-start"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", SERVICES)
def test_what_comes_from_the_checkout_is_mounted_to_be_read(name: str) -> None:
    own = [one for one in SERVICES[name].get("volumes", []) if one.startswith(".")]

    assert all(one.endswith(":ro") for one in own)
    assert all((REPOSITORY / one.split(":")[0]).exists() for one in own)


def test_only_what_needs_a_way_out_has_one() -> None:
    outside = {name for name, service in SERVICES.items() if "edge" in service["networks"]}

    assert DOCUMENT["networks"]["inside"] == {"internal": True}
    assert outside.isdisjoint(
        {"postgres", "redis", "prometheus", "exporter", "airflow-scheduler", "first-start"}
        | {"airflow-trainer"}
    )


def test_only_what_trains_has_the_key_that_signs_and_it_is_no_promoter() -> None:
    mounted = {
        name: [one.partition(":")[2] for one in service.get("volumes", []) if "signing:" in one]
        for name, service in SERVICES.items()
    }

    assert {name: at for name, at in mounted.items() if at} == {
        "first-start": ["/signing"],  # which makes it
        "airflow-trainer": ["/signing:ro"],
    }


@pytest.mark.parametrize(
    ("account", "services"),
    [
        ("trainer", {"airflow-trainer"}),
        ("promoter", {"airflow-worker", "dashboard"}),
        ("scorer", {"scoring"}),
        ("admin", set[str]()),
    ],
)
def test_an_account_of_mlflow_is_for_those_that_need_it(account: str, services: set[str]) -> None:
    secret = f"mlflow_{account}_password"
    holders = {name for name, service in SERVICES.items() if secret in service.get("secrets", [])}

    assert holders - {"first-start", "mlflow"} == services
    for name in services:
        assert SERVICES[name]["environment"]["MLFLOW_TRACKING_USERNAME"] == account


def test_what_trains_is_asked_to_and_nothing_else_is() -> None:
    trainers = " ".join(SERVICES["airflow-trainer"]["command"])
    others = " ".join(SERVICES["airflow-worker"]["command"])
    queue = SERVICES["airflow-dag-processor"]["environment"]["FINRISK_TRAINING_QUEUE"]

    assert f"--queues {queue} " in trainers
    assert "--queues" not in others


def test_nobody_reads_the_dashboard_without_a_login() -> None:
    assert SERVICES["dashboard"]["environment"]["FINRISK_DASHBOARD_READING"] == "login"


def test_the_mlflow_server_asks_who_is_there_and_knows_its_names() -> None:
    command = SERVICES["mlflow"]["command"]

    assert "--app-name=basic-auth" in command
    assert any(one.startswith("--allowed-hosts=mlflow:5000,") and "*" not in one for one in command)
    assert SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    ini = (REPOSITORY / "deploy/docker/mlflow-auth.ini").read_text()
    assert not re.search(r"^admin_password", ini, re.M)


def test_alertmanagers_file_is_the_shipped_one_with_other_addresses() -> None:
    shipped = yaml.safe_load((REPOSITORY / "deploy/alertmanager/alertmanager.yml").read_text())
    ours = yaml.safe_load((REPOSITORY / "deploy/docker/alertmanager.yml").read_text())

    (webhook,) = shipped["receivers"][0]["webhook_configs"]
    webhook["url"] = webhook["url"].replace("127.0.0.1", "airflow-api-server")
    webhook["http_config"]["authorization"]["credentials_file"] = "/alerts/alerts.token"
    shipped["templates"] = ["/etc/alertmanager/templates/*.tmpl"]
    assert ours == shipped


def test_prometheus_scrapes_what_the_shipped_file_does_and_the_scoring_api() -> None:
    shipped, ours = (
        yaml.safe_load((REPOSITORY / "deploy" / place / "prometheus.yml").read_text())
        for place in ("prometheus", "docker")
    )

    jobs = {job["job_name"] for job in ours["scrape_configs"]}
    assert jobs == {job["job_name"] for job in shipped["scrape_configs"]} | {"finrisk-serving"}
    assert ours["global"] == shipped["global"]
