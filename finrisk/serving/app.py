"""The HTTP side: routes, keys, bodies and answers. What an answer is, the desk knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from finrisk.keys import code_version
from finrisk.serving.bodies import read_body
from finrisk.serving.desk import Answer, Desk
from finrisk.serving.key_ring import KeyRing
from finrisk.serving.openapi import KeptDocument
from finrisk.serving.problems import MEDIA_TYPE, Refused
from finrisk.serving.seat import POLL_SECONDS, Seat, Watch
from finrisk.serving.telling import Telling, told_of

log = logging.getLogger(__name__)

PREDICT, SCORE = "/predict", "/v1/models/{model}/score"
HEALTHZ, READYZ, METRICS, OPENAPI = "/healthz", "/readyz", "/metrics", "/openapi.json"
IN_A_THREAD_BYTES = 16 * 1024
"""A larger body is parsed and scored beside the loop, so that single rows need not wait for it."""


@dataclass(frozen=True)
class Service:
    """A server's parts, from first request to last.

    Parameters
    ----------
    poll_seconds : float
        How often the ledger and the keys are looked at.
    """

    desk: Desk
    ring: KeyRing
    poll_seconds: float = POLL_SECONDS

    @property
    def seats(self) -> Sequence[Seat]:
        """Every model's seat."""
        return tuple(self.desk.seats.values())

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Watch and write while the server runs; at its end, write what waits."""
        self.ring.refresh()
        self.desk.writer.start()
        if self.desk.shadows is not None:
            self.desk.shadows.start()
        rounds = (*(seat.refresh for seat in self.seats), self.desk.refresh)
        watch = Watch(rounds, self.poll_seconds)
        keys = Watch((self.ring.refresh,), self.poll_seconds)  # a ledger that hangs holds the other
        watch.start()
        keys.start()
        try:
            yield
        finally:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, keys.stop)
            await loop.run_in_executor(None, watch.stop)
            await loop.run_in_executor(None, self.desk.writer.stop)
            if self.desk.shadows is not None:
                await loop.run_in_executor(None, self.desk.shadows.stop)

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Say whether every model that had a champion answers and its decisions can be logged."""
        models = {seat.model: _told(seat) for seat in self.seats}
        answering = any(m["version"] is not None for m in models.values())
        waiting = [m for m in models.values() if m["version"] is None and m["detail"] is not None]
        ready = answering and not waiting and self.desk.writer.trouble is None
        return ready, {
            "ready": ready,
            "models": models,
            "decision_log": self.desk.writer.trouble or "is written",
            "decisions_waiting": self.desk.writer.waiting,
            "api_keys": self.ring.trouble or "are read",
            "challengers": {name: one.told for name, one in self.desk.beside.items()},
        }


def application(service: Service) -> FastAPI:
    """Return the ASGI application of a service."""
    app = FastAPI(
        title="FinRisk scoring",
        version=code_version(),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=service.running,
    )
    pool = ThreadPoolExecutor(1, thread_name_prefix="finrisk-batches")
    routes = _Routes(service, pool, KeptDocument(service.desk))
    app.add_route(PREDICT, routes.predict, methods=["POST"])
    app.add_route(SCORE, routes.score, methods=["POST"])
    app.add_route(HEALTHZ, routes.healthz, methods=["GET"])
    app.add_route(READYZ, routes.readyz, methods=["GET"])
    app.add_route(METRICS, routes.metrics, methods=["GET"])
    app.add_route(OPENAPI, routes.openapi, methods=["GET"])
    app.add_exception_handler(Refused, _refusal)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _failure)
    app.add_middleware(Telling, metrics=service.desk.metrics)
    return app


@dataclass(frozen=True)
class _Routes:
    service: Service
    pool: ThreadPoolExecutor
    document: KeptDocument

    async def predict(self, request: Request) -> Response:
        """Answer ``/predict``."""
        told_of(request.scope).route = PREDICT
        desk = self.service.desk
        return await self._answer(request, desk.default_model, lambda _, body: desk.predict(body))

    async def score(self, request: Request) -> Response:
        """Answer ``/v1/models/{model}/score``."""
        told_of(request.scope).route = SCORE
        return await self._answer(
            request, lambda: request.path_params["model"], self.service.desk.score
        )

    async def _answer(
        self,
        request: Request,
        asked: Callable[[], str],
        answered: Callable[[str, bytes], Answer],
    ) -> Response:
        told, desk = told_of(request.scope), self.service.desk
        key = self.service.ring.admit(_presented(request))
        told.key = key.name
        model = desk.seat(asked()).model
        told.model = model
        if not key.may_ask(model):
            raise Refused(403, "not-yours", "this key may not ask this model")
        body = await read_body(request)
        if len(body) > IN_A_THREAD_BYTES:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self.pool, answered, model, body)
        else:
            answer = answered(model, body)
        by = answer.seated.by
        told.version, told.epoch, told.rows = by.version, by.epoch, answer.rows
        return Response(answer.body, media_type="application/json", headers=answer.headers)

    async def healthz(self, request: Request) -> Response:
        """Say that the process answers."""
        told_of(request.scope).route = HEALTHZ
        return _json({"alive": True})

    async def readyz(self, request: Request) -> Response:
        """Say whether requests can be answered, and what is wrong."""
        told_of(request.scope).route = READYZ
        ready, detail = self.service.readiness()
        return _json(detail, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Give the counters to Prometheus."""
        told_of(request.scope).route = METRICS
        text = self.service.desk.metrics.text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """Give the OpenAPI document of the versions that are in use now."""
        told_of(request.scope).route = OPENAPI
        return Response(self.document.body(), media_type="application/json")


def _told(seat: Seat) -> dict[str, Any]:
    seated = seat.current
    return {
        "version": None if seated is None else seated.by.version,
        "epoch": None if seated is None else seated.by.epoch,
        "artifact_sha256": None if seated is None else seated.by.artifact_sha256,
        "since": None if seated is None else seated.since.isoformat(timespec="seconds"),
        "compiled": seated is not None and seated.scorer.is_compiled,
        "ledger_answers": seat.ledger_answers,
        "detail": seat.trouble,
    }


def _presented(request: Request) -> str | None:
    """Return the key of a request: a bearer token, or what X-API-Key says."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return request.headers.get("x-api-key")


def _json(told: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(told), status, media_type="application/json")


async def _refusal(request: Request, exc: Exception) -> Response:
    refused = exc if isinstance(exc, Refused) else Refused(500, "failure", "it failed")
    told_of(request.scope).problem = refused.kind
    return Response(refused.body(), refused.status, media_type=MEDIA_TYPE, headers=refused.headers)


async def _no_route(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    headers = dict((exc.headers if isinstance(exc, HTTPException) else None) or {})
    what = {404: "no such address", 405: "no such method here"}.get(status, "not answered")
    kind = {404: "no-such-address", 405: "no-such-method"}.get(status, "not-answered")
    return await _refusal(request, Refused(status, kind, what, headers=headers))


async def _failure(request: Request, exc: Exception) -> Response:
    """Say that it failed, and log no more than where: an exception may quote a value."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    log.error("a request failed: %s at %s", type(exc).__name__, where)
    return await _refusal(request, Refused(500, "failure", "the request failed here"))
