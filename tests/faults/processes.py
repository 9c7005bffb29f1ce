"""Processes of a test's own: started anew, paused, killed, and asked what came of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from finrisk.faults import armed

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 600  # a thousand rounds take one or two minutes, more on a busy machine


class Child:
    """A process that does one piece of work; at the end of the block it is gone, paused or not.

    Parameters
    ----------
    work : callable
        Of a module that the process can import.
    *arguments, **options : object
        What it is given.
    at : tuple of (str, int), optional
        At this fault point the process sends itself this signal.
    """

    def __init__(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        at: tuple[str, int] | None = None,
        **options: Any,
    ) -> None:
        self._answer, theirs = SPAWN.Pipe(duplex=False)
        self._process = SPAWN.Process(
            target=_answer, args=(theirs, at, partial(work, *arguments, **options))
        )
        self._process.start()
        theirs.close()

    def result(self) -> Any:
        """Return what the work returned, or raise what it raised."""
        if not self._answer.poll(PATIENCE_SECONDS):
            raise TimeoutError(f"no answer within {PATIENCE_SECONDS} s")
        returned, value = self._answer.recv()
        if not returned:
            raise value
        return value

    def wait_until_paused(self) -> None:
        """Return once the process stands still; it may not have ended instead."""
        pid = self._process.pid
        found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert found is not None
        assert found.si_code == os.CLD_STOPPED, f"it ended with status {found.si_status}"

    def resume(self) -> None:
        """Let a paused process go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def wait_until_killed(self) -> None:
        """Return once the process died of SIGKILL."""
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode == -signal.SIGKILL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._answer.close()


def _answer(
    answer: Connection,
    at: tuple[str, int] | None,
    work: Callable[[], Any],
) -> None:
    def reached(point: str) -> None:
        if at is not None and point == at[0]:
            os.kill(os.getpid(), at[1])

    try:
        with armed(reached):
            answer.send((True, work()))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the test is told
        answer.send((False, exc))
