"""A PostgreSQL connection that gives up on a server which stopped answering.

psycopg waits for an answer for ever. Nothing outside it ends that wait: ``statement_timeout`` is
kept by the server that stands still, and TCP's keepalives are answered by its kernel.
"""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg

V = TypeVar("V")
LOOK_UP_SECONDS = 0.1  # psycopg wakes so often while nothing comes


class NoAnswer(psycopg.OperationalError):
    """The server took longer than it may."""


class ConnectionWithDeadline(psycopg.Connection[Any]):
    """A connection every call of which ends; one that got no answer is closed."""

    answer_seconds: float = 15

    def wait(
        self,
        gen: Generator[Any, Any, V],
        interval: float = LOOK_UP_SECONDS,
        timeout: float | None = None,
    ) -> V:
        """Wait for an answer, as psycopg does, until the deadline."""
        seconds = self.answer_seconds if timeout is None else timeout
        try:
            return super().wait(_until(gen, monotonic() + seconds), interval)
        except NoAnswer:
            self.close()  # what may still come on it answers nobody's question
            raise


def connect(*arguments: Any, answer_seconds: float, **options: Any) -> ConnectionWithDeadline:
    """Connect as ``psycopg.connect`` does."""
    connection = ConnectionWithDeadline.connect(*arguments, **options)
    connection.answer_seconds = answer_seconds
    return connection


def _until(gen: Generator[Any, Any, V], deadline: float) -> Generator[Any, Any, V]:
    """Pass psycopg's waiting through, and break it off where nothing came in time."""
    try:
        ready = yield next(gen)
        while True:
            if not ready and monotonic() > deadline:
                raise NoAnswer("the server did not answer in time")
            ready = yield gen.send(ready)
    except StopIteration as done:
        value: V = done.value
        return value
