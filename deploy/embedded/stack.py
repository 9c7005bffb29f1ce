"""Airflow's four components as processes of their own, on SQLite: up, healthy, down.

``airflow standalone`` would do less and leave orphans: ten were seen after a SIGTERM.
"""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.embedded import processes
from deploy.embedded.airflow_api import AirflowApi
from deploy.embedded.home import LOOPBACK, USER, Home
from deploy.embedded.processes import Running

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
HEALTHY_SECONDS = 180.0
MIGRATE_SECONDS = 180.0
POLL_SECONDS = 0.25

API_SERVER = "api-server"
MLFLOW = "mlflow"
# Scheduler and workers end first: a task that runs still has to report to the api-server.
STOP_ORDER = (("scheduler",), ("dag-processor", "triggerer", MLFLOW), (API_SERVER,))
COMPONENTS = (API_SERVER, "scheduler", "dag-processor", "triggerer")


class StackError(RuntimeError):
    """The embedded stack did not come up; the message ends with the log that says why."""


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    home: Home
    port: int
    running: tuple[Running, ...]

    @property
    def address(self) -> str:
        """Where a browser finds Airflow."""
        return f"http://{LOOPBACK}:{self.port}"

    def check(self) -> None:
        """Raise ``StackError`` with the end of its log if a component has ended."""
        for running in self.running:
            if not running.alive():
                raise StackError(f"{running.name} ended:\n{running.tail()}")

    def api(self) -> AirflowApi:
        """Return a client that is logged in."""
        return AirflowApi(self.address, USER, self.home.secrets().password)


def executable(name: str) -> str:
    """Return a console script of this environment."""
    return str(Path(sys.executable).parent / name)


def commands() -> dict[str, list[str]]:
    """Return the command of each component."""
    airflow = executable("airflow")
    warm = Path(__file__).with_name("warm_scheduler.py")
    return {
        API_SERVER: [airflow, "api-server"],
        # -P: the script's folder stays off sys.path, its neighbours' names are not libraries'.
        "scheduler": [sys.executable, "-P", str(warm), "--skip-serve-logs"],
        "dag-processor": [airflow, "dag-processor"],
        "triggerer": [airflow, "triggerer", "--skip-serve-logs"],
    }


def free_port(wanted: int = 0) -> int:
    """Return the wanted port if it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise StackError(f"no free port on {LOOPBACK}")


def migrate(home: Home) -> None:
    """Make or migrate Airflow's database.

    Raises
    ------
    StackError
        With the end of what the command said.
    """
    done = subprocess.run(
        [executable("airflow"), "db", "migrate"],
        env=home.airflow_environment(0, "", nightly=False),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MIGRATE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-processes.TAIL_LINES :])
        raise StackError(f"airflow db migrate: exit status {done.returncode}\n{end}")


def start(
    home: Home, *, port: int, mlflow_ui: str = "", dashboard: str = "", nightly: bool
) -> Stack:
    """Start the four components at once; they wait for one another themselves."""
    environment = home.airflow_environment(port, mlflow_ui, nightly=nightly, dashboard=dashboard)
    running = tuple(
        processes.start(name, command, environment, run=home.run, logs=home.logs)
        for name, command in commands().items()
    )
    return Stack(home, port, running)


def wait_healthy(stack: Stack, tell: Tell = log.info) -> None:
    """Return when every component reports itself healthy.

    Raises
    ------
    StackError
        One ended or none answered in time; the message holds the end of its log.
    """
    deadline = time.monotonic() + HEALTHY_SECONDS
    missing = sorted(COMPONENTS)
    with httpx.Client(base_url=stack.address, timeout=5.0) as http:
        while missing:
            stack.check()
            if time.monotonic() > deadline:
                slow = next(r for r in stack.running if r.name == missing[0])
                raise StackError(
                    f"not healthy after {HEALTHY_SECONDS:.0f} s: {', '.join(missing)}; the end of "
                    f"{slow.log}:\n{slow.tail()}"
                )
            time.sleep(POLL_SECONDS)
            missing = unhealthy(http)
            tell(f"waiting for {', '.join(missing)}" if missing else "all healthy")


def unhealthy(http: httpx.Client) -> list[str]:
    """Return the components that do not report themselves healthy."""
    try:
        answer = http.get("/api/v2/monitor/health")
        report = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return [API_SERVER]
    names = {name: name.replace("-", "_") for name in COMPONENTS if name != API_SERVER}
    return [
        name for name, key in names.items() if (report.get(key) or {}).get("status") != "healthy"
    ]


def stop(home: Home, tell: Tell = log.info) -> None:
    """Stop everything that runs in this home, whoever started it, in order; safe to repeat."""
    left = processes.noted(home.run)
    for names in STOP_ORDER:
        _stop([running for running in left if running.name in names], home, tell)
    known = {name for names in STOP_ORDER for name in names}
    _stop([running for running in left if running.name not in known], home, tell)


def _stop(running: Sequence[Running], home: Home, tell: Tell) -> None:
    if running:
        tell(f"stopping {', '.join(r.name for r in running)}")
        processes.stop(running, run=home.run)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Finish the block whatever the person presses: half a stop is what leaves orphans."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
