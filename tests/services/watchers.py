"""Prometheus, Alertmanager and FinRisk's own servers as processes, with intervals for a test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.services.harness import WATCHERS, free_port, running, until
from tests.services.stores import MLFLOW

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
INTERVAL, SCRAPES = "1s", "2s"

with_servers = [
    pytest.mark.skipif(MLFLOW not in os.environ, reason="make test-services starts what it needs"),
    pytest.mark.skipif(
        None in map(shutil.which, WATCHERS),
        reason=f"{' and '.join(WATCHERS)} are not installed",
    ),
]


def finrisk(*arguments: str) -> list[str]:
    """Return a command of this environment's ``finrisk``."""
    return [str(Path(sys.executable).with_name("finrisk")), *arguments]


@contextmanager
def exporter(home: Path) -> Iterator[str]:
    """Run ``finrisk exporter`` on a home; yield its address as a target."""
    port = free_port()
    command = finrisk("exporter", f"--port={port}")
    environment = os.environ | {"FINRISK_HOME": str(home)}
    with running(command, home / "exporter.log", env=environment):
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/metrics").is_success, "the exporter")
        yield f"127.0.0.1:{port}"


def impatient_rules(folder: Path) -> Path:
    """Write the shipped rules with a patience of a second, all else as it is."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "finrisk.yml").read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["for"] = INTERVAL
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def prometheus(folder: Path, target: str, alertmanager_at: str = "") -> Iterator[str]:
    """Run Prometheus with the shipped configuration at a test's pace; yield its URL."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    document["global"] |= {
        "scrape_interval": SCRAPES,
        "scrape_timeout": SCRAPES,
        "evaluation_interval": INTERVAL,
    }
    document["rule_files"] = [str(impatient_rules(folder))]
    document["scrape_configs"] = [
        job | {"static_configs": [{"targets": [target]}]}
        for job in document["scrape_configs"]
        if job["job_name"] == "finrisk"
    ]
    if alertmanager_at:
        senders = document["alerting"]["alertmanagers"]
        senders[0]["static_configs"] = [{"targets": [alertmanager_at]}]
    else:
        del document["alerting"]
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(document))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "prometheus.log"):
        until(lambda: httpx.get(f"{url}/-/ready").is_success, "Prometheus")
        yield url


@contextmanager
def alertmanager(folder: Path, receiver_url: str, token: Path) -> Iterator[str]:
    """Run Alertmanager with the shipped configuration at a test's pace; yield its target."""
    shipped = DEPLOY / "alertmanager"
    document = yaml.safe_load((shipped / "alertmanager.yml").read_text())
    document["templates"] = [str(shipped / "templates" / "*.tmpl")]
    pace = {"group_wait": INTERVAL, "group_interval": "2s", "repeat_interval": "2s"}
    for route in (document["route"], *document["route"]["routes"]):
        route.update(pace)
    (webhook,) = document["receivers"][0]["webhook_configs"]
    webhook["url"] = receiver_url
    webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    for people in document["receivers"][1:]:
        del people["email_configs"]  # nobody is written to from a test
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(document))
    port = free_port()
    command = [
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    target = f"127.0.0.1:{port}"
    with running(command, folder / "alertmanager.log"):
        until(lambda: httpx.get(f"http://{target}/-/ready").is_success, "Alertmanager")
        yield target


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """Ask Prometheus for an instant vector.

    Raises
    ------
    AssertionError
        It does not understand the expression.
    """
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", (expression, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found
