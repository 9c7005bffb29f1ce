from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded import processes
from deploy.embedded.processes import Running

WAIT_SECONDS = 10.0
SLEEP = "import time; time.sleep(60)"
PARENT = (
    "import subprocess, sys, time\n"
    f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
    "print('started', flush=True)\n"
)
STUBBORN_ONCE = """
import signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0) if asked else asked.append(1))
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(processes, "FOLLOW_SECONDS", 0.1)
    folder = tmp_path / "run"
    yield folder
    processes.stop(processes.noted(folder), run=folder)


def begin(run: Path, code: str, name: str = "worker") -> Running:
    command = [sys.executable, "-c", code]
    return processes.start(name, command, dict(os.environ), run=run, logs=run.parent / "logs")


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_started_process_is_known_until_it_is_stopped(run: Path) -> None:
    worker = begin(run, SLEEP)

    assert processes.noted(run) == [worker]
    assert worker.alive()

    processes.stop([worker], run=run)

    assert processes.noted(run) == []
    assert not worker.alive()


def test_another_process_with_the_same_number_is_not_ours(run: Path) -> None:
    worker = begin(run, SLEEP)
    stranger = Running("worker", worker.pid, worker.born - 100, worker.log)

    processes.stop([stranger], run=run)

    assert not stranger.alive()
    assert worker.alive()


def test_descendants_end_with_it(run: Path) -> None:
    parent = begin(run, PARENT + "time.sleep(60)")
    until(lambda: len(parent.family()) == 2)
    family = parent.family()

    processes.stop([parent], run=run)

    assert not [process for process in family if process.is_running()]


def test_an_orphan_of_a_parent_that_died_is_found_by_its_session(run: Path) -> None:
    parent = begin(run, PARENT + "time.sleep(60)")
    until(lambda: len(parent.family()) == 2)
    (orphan,) = [process for process in parent.family() if process.pid != parent.pid]
    psutil.Process(parent.pid).kill()
    os.waitpid(parent.pid, 0)

    processes.stop([parent], run=run)

    assert not orphan.is_running()


def test_one_that_misses_the_first_request_is_asked_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "ASK_AGAIN_SECONDS", 0.2)
    stubborn = begin(run, STUBBORN_ONCE)
    until(lambda: "ready" in stubborn.tail())

    began = time.monotonic()
    processes.stop([stubborn], run=run)

    assert not stubborn.alive()
    assert time.monotonic() - began < processes.TERM_SECONDS / 2


def test_one_that_will_not_end_is_killed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.3)
    monkeypatch.setattr(processes, "ASK_AGAIN_SECONDS", 0.1)
    deaf = begin(
        run,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True); time.sleep(60)",
    )
    until(lambda: "ready" in deaf.tail())

    processes.stop([deaf], run=run)

    assert not deaf.alive()


def test_ctrl_c_in_our_terminal_does_not_reach_it(run: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    worker = begin(run, SLEEP)

    assert os.getsid(worker.pid) != os.getsid(0)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_tail_of_its_log_says_why_it_ended(run: Path) -> None:
    broken = begin(run, "raise SystemExit('no database')")
    until(lambda: not broken.alive())

    assert "no database" in broken.tail()
    assert Running("x", 1, 0.0, run / "none.log").tail() == "(no log)"
