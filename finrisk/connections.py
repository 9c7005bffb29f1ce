"""Connections of the servers: one that never finishes the head of a request is closed.

uvicorn bounds how many there are and how long an answered one may idle, but waits for a head
without end: a few hundred sockets that say nothing would keep everybody out.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0

_Protocol: Any = AutoHTTPProtocol


class PromptProtocol(_Protocol):  # type: ignore[misc]  # which one, uvicorn finds out
    """uvicorn's HTTP, where a head must be whole soon after the connection, or its first byte."""

    head_seconds = HEAD_SECONDS
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is whole ends the waiting, a piece of the next one begins it."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._let_be()

    def _watch_head(self) -> None:
        if self.transport.is_closing() or self._is_answering():
            self._let_be()
        elif self._closing is None:
            self._closing = self.loop.call_later(self.head_seconds, self.transport.close)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _let_be(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def bounded_config(
    app: FastAPI,
    host: str,
    port: int,
    *,
    connections: int,
    idle_seconds: int,
    stop_seconds: int,
    **more: Any,
) -> uvicorn.Config:
    """Return how an app is served: bounded in connections and in its patience with each.

    Parameters
    ----------
    connections : int
        At once; the next ones get 503.
    idle_seconds, stop_seconds : int
        How long an answered connection may idle, and a stop waits for answers.
    more
        What else ``uvicorn.Config`` is told.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PromptProtocol,
        ws="none",
        access_log=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=idle_seconds,
        timeout_graceful_shutdown=stop_seconds,
        **more,
    )
