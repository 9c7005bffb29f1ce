"""What is told of each request: one line of JSON and the counters, and nothing of any customer.

No body, no feature, no row key, no score and no raw path: a path may hold anything.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from pydantic_core import to_json

from finrisk.serving.metrics import Metrics

access = logging.getLogger("finrisk.serving.access")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOLD = "finrisk.told"
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
REQUEST_ID = b"x-request-id"


@dataclass
class Told:
    """What a handler says of its request.

    Parameters
    ----------
    route : str
        The route's pattern, not the path.
    key : str
        The name of the API key, never the key.
    """

    request_id: str
    route: str = "other"
    tenant: str = ""
    model: str = ""
    version: int | None = None
    epoch: int | None = None
    key: str = ""
    rows: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Telling:
    """Counts requests and writes a line of each, but of those that machines send all the time."""

    app: Application
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        told = Told(request_id=uuid4().hex)
        scope[TOLD] = told
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (REQUEST_ID, told.request_id.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            self._tell(scope, told, status, perf_counter() - began)

    def _tell(self, scope: Scope, told: Told, status: int, seconds: float) -> None:
        self.metrics.requests.labels(told.tenant, told.route, told.model, str(status)).inc()
        self.metrics.seconds.labels(told.route).observe(seconds)
        if told.route in QUIET or not access.isEnabledFor(logging.INFO):
            return
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": told.request_id,
            "method": scope["method"] if scope["method"] in METHODS else "other",
            "route": told.route,
            "status": status,
            "ms": round(1000.0 * seconds, 3),
            "tenant": told.tenant,
            "key": told.key,
            "model": told.model,
            "version": told.version,
            "epoch": told.epoch,
            "rows": told.rows,
            "problem": told.problem,
        }
        access.info("%s", to_json(line).decode())


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def told_of(scope: Scope) -> Told:
    """Return what is told of a request, for its handler to fill in."""
    found: Told = scope[TOLD]
    return found
