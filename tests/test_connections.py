"""Who holds a socket and never finishes a head is let go; who asks, however often, is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from finrisk.alerting import serving as alerting
from finrisk.connections import HEAD_SECONDS, PromptProtocol
from finrisk.serving import server

SECONDS = 20.0
ASKS = b"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n"
Configured = Callable[[FastAPI, str, int], uvicorn.Config]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PromptProtocol, "head_seconds", 0.3)


@pytest.fixture(params=[server.server_config, alerting.server_config], ids=["scoring", "alerts"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    configured: Configured = request.param
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = uvicorn.Server(configured(FastAPI(openapi_url=None), "127.0.0.1", 0))
        thread = threading.Thread(target=one.run, args=([listening],))
        thread.start()
        yield listening.getsockname()
        one.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()


@contextmanager
def connected(address: tuple[str, int], *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(address, SECONDS) as one:
        for part in sent:
            one.sendall(part)
        yield one


def answer(one: socket.socket) -> bytes:
    """Read one answer; nothing: the server closed the connection."""
    got = b""
    while b'{"detail":"Not Found"}' not in got:
        part = one.recv(4096)
        if not part:
            return got
        got += part
    return got


@pytest.mark.parametrize("sent", [b"", b"G", ASKS[:-2]])
def test_a_connection_without_a_whole_head_is_closed(address: tuple[str, int], sent: bytes) -> None:
    with connected(address, sent) as one:
        assert one.recv(4096) == b""  # else it times out


def test_a_piece_of_a_second_head_holds_no_longer(address: tuple[str, int]) -> None:
    with connected(address, ASKS) as one:
        assert b" 404 " in answer(one)
        one.sendall(b"GET /")
        assert one.recv(4096) == b""


def test_a_connection_that_asked_may_rest_longer_and_ask_again(address: tuple[str, int]) -> None:
    with connected(address, ASKS) as asks, connected(address) as idles:
        assert b" 404 " in answer(asks)
        assert idles.recv(4096) == b""  # patience with a head has run out since
        asks.sendall(ASKS[:9])
        asks.sendall(ASKS[9:])
        assert b" 404 " in answer(asks)


def test_the_patience_is_seconds() -> None:
    assert HEAD_SECONDS == 10.0
