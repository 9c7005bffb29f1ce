"""``make up``: serve the Airflow and MLflow UIs over the demo's state until ``make down``."""

from __future__ import annotations

import sys

from deploy.embedded import processes, stack
from deploy.embedded.commands import finrisk
from deploy.embedded.demo import BUSY, FAILED, HOME
from deploy.embedded.home import LOOPBACK, REPOSITORY, USER, Home
from deploy.embedded.screen import Screen
from deploy.embedded.stack import Stack, StackError

AIRFLOW_PORT, MLFLOW_PORT = 8080, 5000  # where people expect them; another if taken


def main() -> int:
    """Serve, print addresses and login, and return."""
    screen = Screen()
    if any(running.alive() for running in processes.noted(HOME.run)):
        screen.say(f"Something runs in {HOME.folder.relative_to(REPOSITORY)} already: make down")
        return BUSY
    try:
        mlflow_port, served = _serve(screen)
    except (StackError, KeyboardInterrupt) as exc:
        with stack.undisturbed():
            stack.stop(HOME)
        screen.say(f"Not up, everything is stopped: {exc or 'interrupted'}")
        return FAILED
    screen.say(_addresses(served, mlflow_port))
    return 0


def _serve(screen: Screen) -> tuple[int, Stack]:
    fresh = not HOME.folder.exists()
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
    if fresh:
        screen.say("There are no nights yet; `make down demo up` shows some.")
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


def _addresses(served: Stack, mlflow_port: int) -> str:
    return f"""
  Airflow  {served.address}  log in as {USER} with {HOME.secrets().password}
  MLflow   http://{LOOPBACK}:{mlflow_port}

Trigger a night with Airflow's form, or wait for the schedule. `make down` stops both."""


if __name__ == "__main__":
    sys.exit(main())
