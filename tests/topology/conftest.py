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
from tests.topology.nights import CANARY_PERSON, MODEL, Nights

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
TENANT, TENANT_TITLE = "acme", "Loans of Acme"
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
        tenants = {"FINRISK_TENANTS": str(add_tenant(home / "tenants"))}
        with topologies.topology(home, SMALL | tenants, SEEN.append) as made:
            SEEN.append(f"not run, no program here: {', '.join(made.not_run) or 'none'}")
            SEEN.append(f"all healthy after {max(made.healthy.values()):.0f} s")
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


def add_tenant(folder: Path) -> Path:
    """Add a second lender as docs/tenants.md says: a spec that declines fewer, and a title."""
    spec = (topologies.REPOSITORY / "conf" / "models" / f"{MODEL}.yaml").read_text()
    for told, its in (("Retail credit risk", TENANT_TITLE), ("cutoff: 0.3", "cutoff: 0.99")):
        assert told in spec
        spec = spec.replace(told, its, 1)
    (folder / TENANT / "models").mkdir(parents=True)
    (folder / TENANT / "models" / f"{MODEL}.yaml").write_text(spec)
    (folder / TENANT / "tenant.yaml").write_text(f"title: Acme Bank\npool: {TENANT}\n")
    return folder


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
    return key_of(topology, "loan-desk")


@pytest.fixture(scope="session")
def nights_of_tenant(topology: Topology) -> Iterator[Nights]:
    with Nights(topology, TENANT) as made:
        yield made


@pytest.fixture(scope="session")
def first_of_tenant(nights_of_tenant: Nights) -> dict[str, object]:
    """The second lender's first night; its rows are the first one's, its spec and store are not."""
    nights_of_tenant.land("2024-08-05")
    nights_of_tenant.trigger("2024-08-05", "logistic_regression")
    nights_of_tenant.wait("2024-08-05")
    return nights_of_tenant.decided("2024-08-05")


def key_of(topology: Topology, name: str, *options: str) -> str:
    """Make an API key."""
    told = topology.run("first-start", "finrisk", "keys", "add", name, *options, "--json")
    return str(json.loads(told)["key"])
