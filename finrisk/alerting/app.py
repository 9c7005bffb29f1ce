"""The receiver over HTTP: no request is read that does not carry the token.

The same app runs inside Airflow's api-server, mounted under ``/finrisk``, and alone under the same
paths (``finrisk alerts serve``). Airflow does not guard what is mounted in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import anyio
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from finrisk.alerting.deliveries import BadDelivery, read_delivery
from finrisk.alerting.receiving import Receiver
from finrisk.alerting.tokens import AlertTokens
from finrisk.errors import FinRiskError

log = logging.getLogger(__name__)

MOUNTED = "/finrisk"
ALERTS = "/alerts/v1/alerts"
HEALTH = "/healthz"
MOST_BYTES = 256 * 1024
MOST_WAITING = 500  # deliveries before the ledger; more are sent away at once, and come again
BODY_SECONDS = 10.0
WAIT_SECONDS = 8.0  # for a turn at the ledger; Alertmanager itself gives up after ten
AGAIN = {"Retry-After": "5"}

AWAY = HTTPException(503, "not now; send it again", headers=AGAIN)
TOO_LARGE = HTTPException(413, f"more than {MOST_BYTES} bytes")


class OnlyWithToken:
    """Answers 401 to whatever comes without the token: to every path, there or not.

    Around the app and not a dependency of its routes, so that no route can be added without it.
    """

    def __init__(self, app: ASGIApp, tokens: AlertTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it; only a server's own start and end pass unasked."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif (refusal := self._refusal(Headers(scope=scope))) is not None:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        try:
            if self._tokens.accept(given) and scheme.lower() == "bearer":
                return None
        except FinRiskError as exc:
            log.error("no alert is taken: %s", exc)  # noqa: TRY400 - the message says it all
            return Response(status_code=503, headers=AGAIN)
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})


def alert_app(receiver: Receiver, *, prefix: str = "", lifespan: Any = None) -> FastAPI:
    """Return the receiver as an ASGI app.

    Parameters
    ----------
    receiver : Receiver
        What takes the deliveries in.
    prefix : str
        Before each path, where nobody mounts the app.
    lifespan : callable, optional
        What to do when the server starts and ends; a mounted app is not told of either.
    """
    app = FastAPI(
        title="FinRisk alerts",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.add_middleware(OnlyWithToken, tokens=AlertTokens(receiver.settings.keys))
    # One at a time and in their order: threads that wait for SQLite's lock sleep longer and longer.
    turn = anyio.CapacityLimiter(1)

    @app.post(f"{prefix}{ALERTS}")
    async def take(request: Request) -> JSONResponse:
        body = await _whole_body(request)
        try:
            delivery = read_delivery(body)
        except BadDelivery as exc:
            raise HTTPException(422, str(exc)) from None
        told = await _in_turn(turn, lambda: receiver.take(delivery))
        return JSONResponse(told)

    @app.get(f"{prefix}{HEALTH}")
    async def health() -> Response:
        await _in_turn(turn, receiver.ready)
        return Response(status_code=204)

    return app


async def _in_turn(turn: anyio.CapacityLimiter, work: Callable[[], Any]) -> Any:
    """Do blocking work in a thread; 503 where the ledger is away, or its turn does not come."""
    if turn.statistics().tasks_waiting >= MOST_WAITING:
        raise AWAY
    try:
        # not asyncio.timeout: it would give the turn to the next while the thread still works
        with anyio.fail_after(WAIT_SECONDS):
            return await anyio.to_thread.run_sync(work, limiter=turn)
    except (FinRiskError, TimeoutError) as exc:
        log.warning("a delivery was not taken, its sender tries again: %s", exc or "no turn")
        raise AWAY from exc


async def _whole_body(request: Request) -> bytes:
    """Read the body, and no more of it than is allowed, whatever its length is said to be."""
    headers = request.headers
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" or headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "expected application/json, not compressed")
    said = headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()) or len(said) > len(str(MOST_BYTES)):
        raise TOO_LARGE
    if int(said) > MOST_BYTES:
        raise TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise TOO_LARGE
    except TimeoutError as exc:
        raise HTTPException(408, f"no whole body within {BODY_SECONDS:.0f} s") from exc
    except ClientDisconnect as exc:
        raise HTTPException(400, "the sender went away") from exc
    return bytes(body)
