"""Start a process in a session of its own, know it again later, and stop it with all it started."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

TAIL_LINES = 25
TERM_SECONDS = 18.0
ASK_AGAIN_SECONDS = 8.0  # the triggerer needs five, and a second request makes it hang
FOLLOW_SECONDS = 1.0  # what is left once its leader has ended is an orphan
KILL_SECONDS = 5.0
BIRTH_SECONDS = 1.0  # how far two readings of one time of birth may differ


@dataclass(frozen=True)
class Running:
    """A process of ours. Its time of birth tells it from a later one with the same number."""

    name: str
    pid: int
    born: float
    log: Path

    def alive(self) -> bool:
        """Return whether it, and not another of its number, still runs."""
        return self._process() is not None

    def _process(self) -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if not self._replaced() and _lives(process):
                return process
        return None

    def _replaced(self) -> bool:
        """Return whether another process has its number, which only an empty session allows."""
        with suppress(psutil.NoSuchProcess):
            return bool(abs(psutil.Process(self.pid).create_time() - self.born) >= BIRTH_SECONDS)
        return False

    def family(self) -> list[psutil.Process]:
        """Return it, its descendants, and what its session kept when a parent died."""
        found: dict[int, psutil.Process] = {}
        if self._replaced():
            return []
        if (leader := self._process()) is not None:
            with suppress(psutil.NoSuchProcess):
                found = {child.pid: child for child in leader.children(recursive=True)}
            found[leader.pid] = leader
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                if (
                    os.getsid(process.pid) == self.pid
                    and process.create_time() >= self.born - BIRTH_SECONDS
                ):
                    found[process.pid] = process
        return [process for process in found.values() if _lives(process)]

    def tail(self) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return "(no log)"
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def start(
    name: str, command: Sequence[str], environment: dict[str, str], *, run: Path, logs: Path
) -> Running:
    """Start a process that outlives neither :func:`stop` nor our notice: its file stays in ``run``.

    A session of its own keeps a person's Ctrl-C from it, so that we stop the processes in order.
    """
    run.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    try:
        born = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        born = time.time()
    running = Running(name, pid, born, log)
    note = {"pid": running.pid, "born": running.born, "log": str(log)}
    (run / f"{name}.json").write_text(json.dumps(note), encoding="utf-8")
    return running


def noted(run: Path) -> list[Running]:
    """Return what was started here and not seen to end, whoever started it."""
    found = []
    for path in sorted(run.glob("*.json")):
        note = json.loads(path.read_text(encoding="utf-8"))
        found.append(Running(path.stem, note["pid"], note["born"], Path(note["log"])))
    return found


def stop(running: Sequence[Running], *, run: Path) -> None:
    """End these processes and everything they started; they get the chance to end themselves."""
    families = [process for leader in running for process in leader.family()]
    leaders = [process for process in families if process.pid in {one.pid for one in running}]
    give_up = time.monotonic() + TERM_SECONDS
    while time.monotonic() < give_up and any(_lives(process) for process in leaders):
        # Asked again: Airflow ends by an exception, and one raised while Python collects garbage is
        # lost.
        for process in leaders:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(leaders, timeout=ASK_AGAIN_SECONDS)
    families += [process for leader in running for process in leader.family()]
    psutil.wait_procs(families, timeout=FOLLOW_SECONDS)
    for process in families:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(families, timeout=KILL_SECONDS)
    for leader in running:
        (run / f"{leader.name}.json").unlink(missing_ok=True)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    return False
