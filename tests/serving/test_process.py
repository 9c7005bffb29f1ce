"""The server as a process: asked over a socket, stopped under load, and no row is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.api_keys import add_key
from tests.pipelines.scored_worlds import july
from tests.serving.worlds import CREDIT, NOW, own_settings, plain_rows

PATIENCE_SECONDS = 120.0


def environment(settings: Settings) -> dict[str, str]:
    own = {
        "FINRISK_HOME": str(settings.home),
        "FINRISK_STORE": str(settings.store),
        "FINRISK_KEYS": str(settings.keys),
        "FINRISK_SCOPE": settings.scope,
    }
    return {name: value for name, value in os.environ.items() if "FINRISK" not in name} | own


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(settings: Settings, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the server and wait until it is ready; kill it if the block did not end it."""
    port = free_port()
    command = [sys.executable, "-c", "from finrisk.cli import main; main()", "serve"]
    told = settings.store.parent / "told.txt"  # a pipe that nobody reads would hold it up
    with (
        told.open("w") as lines,
        subprocess.Popen(
            [*command, "--port", str(port), *arguments],
            env=environment(settings),
            stdout=lines,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            until_ready(process, address)
            yield process, address
        finally:
            if process.poll() is None:
                process.kill()


def until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    ends = monotonic() + PATIENCE_SECONDS
    while monotonic() < ends:
        if process.poll() is not None:
            pytest.fail(f"it ended with {process.returncode}")
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            sleep(0.1)
    pytest.fail("it was not ready in time")


@dataclass
class Caller:
    """Asks on and on, each time with another key, until nobody answers."""

    address: str
    key: str
    row: dict[str, Any]
    numbers: Iterator[int]
    answered: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def ask(self) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.address, headers=headers, timeout=30.0) as client:
            while True:
                name = f"A-{next(self.numbers)}"
                document = {"rows": [{"id": name, "features": self.row}]}
                try:
                    answer = client.post(f"/v1/models/{CREDIT}/score", json=document)
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    self.answered.append(name)
                else:
                    self.refused.append(answer.status_code)


def test_a_stop_under_load_loses_no_row_that_was_answered(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    settings = own_settings(credit_champion, tmp_path)
    key, _ = add_key(settings.keys, "load", tenant=settings.scope, at=NOW, rate=1e6, burst=10**6)
    row = plain_rows(july(credit_champion).head(1), credit_champion.spec)[0]
    numbers = count()

    with running(settings, "--model", CREDIT) as (process, address):
        callers = [Caller(address, key, row, numbers) for _ in range(4)]
        threads = [threading.Thread(target=caller.ask) for caller in callers]
        for thread in threads:
            thread.start()
        while sum(len(caller.answered) for caller in callers) < 300:
            sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        process.wait(PATIENCE_SECONDS)

    answered = [name for caller in callers for name in caller.answered]
    log = DecisionLog.open(settings)
    today = datetime.now(UTC).date()
    logged = log.read(CREDIT, today - timedelta(days=1), today, ["_row"])["_row"]
    assert log.hasher is not None
    hashed = log.hasher.rows(CREDIT, pd.Series(answered, dtype="str")).to_pylist()
    assert len(answered) >= 300
    assert set(hashed) == set(logged)
    assert len(logged) == len(answered)
    assert not {status for caller in callers for status in caller.refused}
    assert process.returncode in (0, -signal.SIGTERM)
    told = (tmp_path / "told.txt").read_text()
    assert key not in told
    assert "A-1" not in told
    assert told.count('"status":200') >= len(answered)


def test_without_a_champion_it_does_not_start(
    credit_champion: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own_settings(credit_champion, tmp_path).in_scope("t-nobody")
    for name, value in environment(settings).items():
        if name.startswith("FINRISK_"):
            monkeypatch.setenv(name, value)

    ended = CliRunner().invoke(app, ["serve", "--model", CREDIT])

    assert ended.exit_code == 2
    assert "never had a champion: credit_risk" in ended.stderr
