"""``make up``: serve Airflow, MLflow, the scoring API and the exporter over the demo's state.

They run until ``make down``.
"""

from __future__ import annotations

import json
import sys
import time

import httpx

from deploy.embedded import processes, stack
from deploy.embedded.commands import finrisk
from deploy.embedded.demo import BUSY, FAILED, HOME
from deploy.embedded.home import LOOPBACK, REPOSITORY, USER, Home
from deploy.embedded.screen import Screen
from deploy.embedded.stack import Stack, StackError
from deploy.embedded.story import CREDIT

# Where people expect them; another if taken.
AIRFLOW_PORT, MLFLOW_PORT, SCORING_PORT, EXPORTER_PORT = 8080, 5000, 8000, 9464
SCORING, EXPORTER = "scoring", "exporter"
DEMO_KEY = "demo"
READY_SECONDS = 60.0
READY_PATHS = {SCORING: "/readyz", EXPORTER: "/metrics"}
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
        mlflow_port, served = _serve(screen)
        said = _addresses(served, mlflow_port)
        if fresh:
            screen.say("There are no nights yet; `make down demo up` shows some.")
        else:
            said += _serve_champions(screen)
    except (StackError, KeyboardInterrupt) as exc:
        with stack.undisturbed():
            stack.stop(HOME)
        screen.say(f"Not up, everything is stopped: {exc or 'interrupted'}")
        return FAILED
    screen.say(f"{said}\n\n{LAST_WORDS}")
    return 0


def _serve(screen: Screen) -> tuple[int, Stack]:
    HOME.folder.mkdir(parents=True, exist_ok=True)
    with screen.step("Checking databases and keys"):
        finrisk(HOME, "init")
        stack.migrate(HOME)
    mlflow_port = stack.free_port(MLFLOW_PORT)
    with screen.step("Starting Airflow and MLflow") as tell:
        start_mlflow(HOME, mlflow_port)
        served = stack.start(
            HOME,
            port=stack.free_port(AIRFLOW_PORT),
            mlflow_ui=f"http://{LOOPBACK}:{mlflow_port}",
            nightly=True,
        )
        stack.wait_healthy(served, tell)
    return mlflow_port, served


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


def _serve_champions(screen: Screen) -> str:
    """Start the scoring API, with a fresh key, and the exporter; return where they are."""
    scoring, exporter = stack.free_port(SCORING_PORT), stack.free_port(EXPORTER_PORT)
    environment = HOME.finrisk_environment()
    with screen.step("Starting the scoring API and the exporter"):
        key = _demo_key()
        for name, command in (
            (SCORING, ["serve", "--port", str(scoring), "--default", CREDIT]),
            (EXPORTER, ["exporter", "--port", str(exporter)]),
        ):
            whole = [stack.executable("finrisk"), *command]
            running = processes.start(name, whole, environment, run=HOME.run, logs=HOME.logs)
            port = scoring if name == SCORING else exporter
            _wait_ready(running, f"http://{LOOPBACK}:{port}{READY_PATHS[name]}")
    return f"""
  Scoring  http://{LOOPBACK}:{scoring}  key {key}
  Metrics  http://{LOOPBACK}:{exporter}/metrics"""


def _demo_key() -> str:
    """Make the demo's key anew: the last one was shown once, and only its digest is kept."""
    listed = json.loads(finrisk(HOME, "keys", "list", "--json"))
    if any(key["name"] == DEMO_KEY and key["revoked"] is None for key in listed):
        finrisk(HOME, "keys", "revoke", DEMO_KEY)
    return str(json.loads(finrisk(HOME, "keys", "add", DEMO_KEY, "--json"))["key"])


def _wait_ready(running: processes.Running, address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(address, timeout=5.0).is_success:
                return
        except httpx.HTTPError:
            pass
        if not running.alive() or time.monotonic() > deadline:
            raise StackError(f"{running.name} is not ready at {address}:\n{running.tail()}")
        time.sleep(stack.POLL_SECONDS)


def _addresses(served: Stack, mlflow_port: int) -> str:
    return f"""
  Airflow  {served.address}  log in as {USER} with {HOME.secrets().password}
  MLflow   http://{LOOPBACK}:{mlflow_port}"""


if __name__ == "__main__":
    sys.exit(main())
