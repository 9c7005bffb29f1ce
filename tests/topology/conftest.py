"""docker-compose.yaml as processes, once for all tests here, and the nights that they look at."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import pytest

from deploy import topology as topologies
from deploy.postgres_process import postgres_programs
from deploy.topology import Topology
from tests.topology.nights import CANARY_PERSON, Nights

SMALL = {
    "WORKERS": "1",
    "TRAINERS": "2",
    "SCHEDULERS": "2",
    "WORKER_CONCURRENCY": "1",
    "AIRFLOW_PARALLELISM": "3",
    "TRAINING_THREADS": "1",
    "AIRFLOW_DAGS_PAUSED": "False",
    "AIRFLOW_USE_SCHEDULE": "False",
    "TASK_SILENCE_SECONDS": "20",
}
SEEN: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in SEEN:
        terminalreporter.write_line(line)


def missing() -> str:
    if find_spec("celery") is None:
        return "make test-topology installs the servers' packages"
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    if postgres_programs() is None:
        return "PostgreSQL's server is not installed"
    return ""


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    if why := missing():
        pytest.skip(why)
    home = Path(mkdtemp(prefix="finrisk-topology-"))
    try:
        with topologies.topology(home, SMALL, SEEN.append) as made:
            SEEN.append(f"not run, no program here: {', '.join(made.not_run) or 'none'}")
            SEEN.append(f"all healthy after {max(made.healthy.values()):.0f} s")
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def nights(topology: Topology) -> Iterator[Nights]:
    with Nights(topology) as made:
        yield made


@pytest.fixture(scope="session")
def first(nights: Nights) -> dict[str, object]:
    """The first night: lands with a canary row, trains on two workers, promotes."""
    nights.land("2024-08-05")
    nights.change("2023-12", "application_id", CANARY_PERSON)  # of the hold-out
    began = time.monotonic()
    nights.trigger("2024-08-05")
    nights.wait("2024-08-05")
    SEEN.append(f"the first night took {time.monotonic() - began:.0f} s")
    return nights.decided("2024-08-05")


@pytest.fixture(scope="session")
def key(topology: Topology, first: dict[str, object]) -> str:
    told = topology.run("first-start", "finrisk", "keys", "add", "loan-desk", "--json")
    return str(json.loads(told)["key"])
