"""A proxy that stands before a server, forwards everything, and spoils what a test armed.

Each fault is what a network or a reverse proxy does to one HTTP call. The server behind is real, so
what a lost answer leaves behind is real, too.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Fault(StrEnum):
    """What happens to a call; the last three reach the server, and have their effect."""

    REFUSED = "refused"  # cut unanswered; where it lasts, the port is closed
    HANGS = "hangs"  # never answered: the client gives up
    FAILED = "500"
    BUSY = "503"  # "come back in an hour"
    LIMITED = "429"  # "come back in an hour"
    LOST = "lost reply"
    TRUNCATED = "truncated"  # half of the bytes that were announced
    HALF = "half a text"  # half of the bytes, and nobody announced how many would come


Spoils = Callable[[str, str], bool]  # of a call's method and path


@dataclass
class Call:
    """Calls by method and path: ``times`` of them, from the ``occurrence``-th on.

    ``times`` None means until the proxy is healed.
    """

    method: str
    path: str
    occurrence: int = 1
    times: int | None = 1
    seen: int = 0
    spoiled: int = 0

    def __call__(self, method: str, path: str) -> bool:
        """Count a call; say whether it is one of them."""
        if method != self.method or not re.search(self.path, path):
            return False
        self.seen += 1
        hit = self.seen >= self.occurrence and (self.times is None or self.spoiled < self.times)
        self.spoiled += hit
        return hit


class FaultProxy:
    """Forwards to ``target``; ``seen`` has each call's method and path, in their order."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.seen: list[tuple[str, str]] = []
        self._armed: tuple[Fault, Spoils] | None = None
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._port = 0  # any; the same ever after
        self._open()

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"http://127.0.0.1:{self._port}"

    def arm(self, fault: Fault, spoils: Spoils) -> None:
        """Spoil the calls that ``spoils`` is true of, and no longer those armed before."""
        with self._lock:
            self._armed = (fault, spoils)

    def heal(self) -> None:
        """Forward everything again."""
        with self._lock:
            self._armed = None
            if self._server is None:
                self._open()

    def close(self) -> None:
        """Let the port refuse connections."""
        with self._lock:
            self._close()

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Note a call; return what becomes of it."""
        with self._lock:
            self.seen.append((method, path))
            if self._server is None:  # over a connection that was open before
                return Fault.REFUSED
            if self._armed is None or not self._armed[1](method, path):
                return None
            fault, spoils = self._armed
            if fault is Fault.REFUSED and isinstance(spoils, Call) and spoils.times is None:
                self._close()
            return fault

    def _open(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """Stand before a server for the length of the block."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(ThreadingHTTPServer):
    block_on_close = False
    daemon_threads = True

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: that a client hangs up is what some faults are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_call(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.fault_of(self.command, self.path)
        self.close_connection = fault is not None  # without an answer, unless one follows
        if fault is Fault.HANGS:
            self.connection.recv(1)  # nothing comes, until the client hangs up
        elif fault in (Fault.FAILED, Fault.BUSY, Fault.LIMITED):
            told = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "a fault"}
            later = {} if fault is Fault.FAILED else {"Retry-After": "3600"}
            self.answer(int(fault), later, json.dumps(told).encode())
        elif fault is not Fault.REFUSED:
            status, headers, content = self.forwarded(body)
            if fault is not Fault.LOST:
                self.answer(status, headers, content, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call  # noqa: N815

    def forwarded(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        server = urlsplit(self.server.proxy.target)
        upstream = http.client.HTTPConnection(server.hostname or "", server.port)
        try:
            upstream.request(self.command, self.path, body, _passed_on(self.headers.items()))
            answer = upstream.getresponse()
            return answer.status, _passed_on(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def answer(
        self, status: int, headers: dict[str, str], content: bytes, fault: Fault | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")  # or the client's next call would be spoiled
        if fault is not Fault.HALF:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault else content)


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in ONE_HOP}
