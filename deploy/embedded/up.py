"""``make up``: serve Airflow, MLflow, dashboard, scoring API and exporter over the demo's state.

They run until ``make down``.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import astuple, dataclass

import httpx

from deploy.embedded import processes, stack
from deploy.embedded.commands import finrisk
from deploy.embedded.demo import BUSY, FAILED, HOME
from deploy.embedded.home import LOOPBACK, REPOSITORY, USER, Home
from deploy.embedded.screen import Screen
from deploy.embedded.stack import StackError
from deploy.embedded.story import CREDIT

SCORING, EXPORTER, DASHBOARD = "scoring", "exporter", "dashboard"
DEMO_KEY = PROMOTER = "demo"
READY_SECONDS = 60.0
READY_PATHS = {SCORING: "/readyz", EXPORTER: "/metrics", DASHBOARD: "/_stcore/health"}
LAST_WORDS = """Trigger a night with Airflow's form, or wait for the schedule; README.md shows
a request to the scoring API. `make down` stops all of it."""


def main() -> int:
    """Serve, print addresses and login, and return."""
    screen = Screen()
    if any(running.alive() for running in processes.noted(HOME.run)):
        screen.say(f"Something runs in {HOME.folder.relative_to(REPOSITORY)} already: make down")
        return BUSY
    fresh = not HOME.folder.exists()
    try:
        addresses = _free_addresses()
        _serve(screen, addresses)
        said = _told(addresses, _demo_secret("promoters", PROMOTER, "token"))
        if fresh:
            screen.say("There are no nights yet; `make down demo up` shows some.")
        else:
            said += _serve_champions(screen, addresses)
    except (StackError, KeyboardInterrupt) as exc:
        with stack.undisturbed():
            stack.stop(HOME)
        screen.say(f"Not up, everything is stopped: {exc or 'interrupted'}")
        return FAILED
    screen.say(f"{said}\n\n{LAST_WORDS}")
    return 0


@dataclass(frozen=True)
class Addresses:
    """The port of each server: where people expect it, another if that is taken."""

    airflow: int = 8080
    mlflow: int = 5000
    dashboard: int = 8502
    scoring: int = 8000
    exporter: int = 9464

    @staticmethod
    def of(port: int) -> str:
        """Return where a browser finds it."""
        return f"http://{LOOPBACK}:{port}"


def _free_addresses() -> Addresses:
    return Addresses(*(stack.free_port(port) for port in astuple(Addresses())))


def _serve(screen: Screen, at: Addresses) -> None:
    HOME.folder.mkdir(parents=True, exist_ok=True)
    with screen.step("Checking databases and keys"):
        finrisk(HOME, "init")
        stack.migrate(HOME)
    with screen.step("Starting Airflow, MLflow and the dashboard") as tell:
        start_mlflow(HOME, at.mlflow)
        dashboard = start_dashboard(HOME, at)
        served = stack.start(
            HOME,
            port=at.airflow,
            mlflow_ui=at.of(at.mlflow),
            dashboard=at.of(at.dashboard),
            nightly=True,
        )
        stack.wait_healthy(served, tell)
        _wait_ready(dashboard, at.of(at.dashboard))


def start_mlflow(home: Home, port: int) -> processes.Running:
    """Serve the MLflow UI over a home's store: one worker, no jobs, loopback only."""
    command = [
        stack.executable("mlflow"),
        "server",
        *("--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", home.mlflow_store),
        *("--default-artifact-root", str(home.artifacts)),
    ]
    environment = home.finrisk_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return processes.start(stack.MLFLOW, command, environment, run=home.run, logs=home.logs)


def start_dashboard(home: Home, at: Addresses) -> processes.Running:
    """Serve the dashboard, which leads to Airflow and MLflow; loopback only."""
    links = {
        "FINRISK_AIRFLOW_UI_URL": at.of(at.airflow),
        "FINRISK_DASHBOARD_URL": at.of(at.dashboard),
        "MLFLOW_UI_URL": at.of(at.mlflow),
    }
    command = [stack.executable("finrisk"), "dashboard", "--port", str(at.dashboard)]
    environment = home.finrisk_environment() | links
    return processes.start(DASHBOARD, command, environment, run=home.run, logs=home.logs)


def _serve_champions(screen: Screen, at: Addresses) -> str:
    """Start the scoring API, with a fresh key, and the exporter; return where they are."""
    environment = HOME.finrisk_environment()
    with screen.step("Starting the scoring API and the exporter"):
        key = _demo_secret("keys", DEMO_KEY, "key")
        for name, command in (
            (SCORING, ["serve", "--port", str(at.scoring), "--default", CREDIT]),
            (EXPORTER, ["exporter", "--port", str(at.exporter)]),
        ):
            whole = [stack.executable("finrisk"), *command]
            running = processes.start(name, whole, environment, run=HOME.run, logs=HOME.logs)
            _wait_ready(running, at.of(at.scoring if name == SCORING else at.exporter))
    return f"""
  Scoring    {at.of(at.scoring)}  key {key}
  Metrics    {at.of(at.exporter)}/metrics"""


def _demo_secret(of: str, name: str, field: str) -> str:
    """Make a key or token anew: the last one was shown once, and only its digest is kept."""
    listed = json.loads(finrisk(HOME, of, "list", "--json"))
    if any(one["name"] == name and one["revoked"] is None for one in listed):
        finrisk(HOME, of, "revoke", name)
    return str(json.loads(finrisk(HOME, of, "add", name, "--json"))[field])


def _wait_ready(running: processes.Running, address: str) -> None:
    page = f"{address}{READY_PATHS[running.name]}"
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(page, timeout=5.0).is_success:
                return
        except httpx.HTTPError:
            pass
        if not running.alive() or time.monotonic() > deadline:
            raise StackError(f"{running.name} is not ready at {page}:\n{running.tail()}")
        time.sleep(stack.POLL_SECONDS)


def _told(at: Addresses, token: str) -> str:
    return f"""
  Dashboard  {at.of(at.dashboard)}  to act, log in with {token}
  Airflow    {at.of(at.airflow)}  log in as {USER} with {HOME.secrets().password}
  MLflow     {at.of(at.mlflow)}"""


if __name__ == "__main__":
    sys.exit(main())
