from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded import processes, stack
from deploy.embedded.home import LOOPBACK, Home
from deploy.embedded.stack import Stack, StackError


class Health(httpx.BaseTransport):
    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer, self.status = answer, status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, json=self.answer)


def report(**changes: str | None) -> dict[str, Any]:
    states = {"scheduler": "healthy", "dag_processor": "healthy", "triggerer": "healthy"} | changes
    return {name: {"status": state} for name, state in states.items()}


@pytest.mark.parametrize(
    ("answer", "status", "missing"),
    [
        (report(), 200, []),
        (report(scheduler="unhealthy"), 200, ["scheduler"]),
        (report(dag_processor=None, triggerer=None), 200, ["dag-processor", "triggerer"]),
        ({}, 200, ["scheduler", "dag-processor", "triggerer"]),
        ({}, 503, ["api-server"]),
    ],
)
def test_a_component_is_healthy_only_if_it_says_so(
    answer: Any, status: int, missing: list[str]
) -> None:
    with httpx.Client(base_url="http://airflow", transport=Health(answer, status)) as http:
        assert stack.unhealthy(http) == missing


def test_a_port_that_is_taken_gives_way_to_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        wanted = taken.getsockname()[1]

        assert stack.free_port(wanted) not in (wanted, 0)
    assert stack.free_port(wanted) == wanted


def test_every_component_has_a_command_and_no_log_server() -> None:
    commands = stack.commands()

    assert set(commands) == set(stack.COMPONENTS)
    for name in ("scheduler", "triggerer"):
        assert "--skip-serve-logs" in commands[name], "it would listen on every interface"


def test_the_api_server_stops_last() -> None:
    assert stack.STOP_ORDER[0] == ("scheduler",)
    assert stack.STOP_ORDER[-1] == ("api-server",)
    assert {name for names in stack.STOP_ORDER for name in names} >= set(stack.COMPONENTS)


def test_a_component_that_ends_while_starting_shows_its_log(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    home.folder.mkdir()
    command = [sys.executable, "-c", "raise SystemExit('database is locked')"]
    broken = processes.start("scheduler", command, dict(os.environ), run=home.run, logs=home.logs)
    port = stack.free_port()

    with pytest.raises(StackError, match=r"(?s)scheduler ended:.*database is locked"):
        stack.wait_healthy(Stack(home, port, (broken,)), lambda _: None)

    stack.stop(home, lambda _: None)
    assert processes.noted(home.run) == []


def test_stopping_nothing_is_no_error(tmp_path: Path) -> None:
    told: list[str] = []

    stack.stop(Home(tmp_path / "none"), told.append)

    assert told == []


def test_a_stop_is_not_disturbed() -> None:
    before = signal.getsignal(signal.SIGINT)

    with stack.undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert signal.getsignal(signal.SIGINT) is before
