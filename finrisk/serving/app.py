"""The HTTP side: routes, keys, bodies and answers. What an answer is, the desk knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from fastapi import FastAPI
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from finrisk.keys import code_version
from finrisk.serving.api_keys import ApiKey
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
    desk : Desk
        Of the scope that the settings name.
    poll_seconds : float
        How often the ledger and the keys are looked at.
    others : tuple of Desk
        Of further tenants: nothing of one desk is in another but the counters.
    """

    desk: Desk
    ring: KeyRing
    poll_seconds: float = POLL_SECONDS
    others: tuple[Desk, ...] = ()

    @property
    def desks(self) -> dict[str, Desk]:
        """Every desk by its tenant."""
        return {desk.tenant: desk for desk in (self.desk, *self.others)}

    @property
    def seats(self) -> Sequence[Seat]:
        """Every model's seat, of every tenant."""
        return tuple(seat for desk in self.desks.values() for seat in desk.seats.values())

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Watch and write while the server runs; at its end, write what waits."""
        self.ring.refresh()
        for desk in self.desks.values():
            desk.writer.start()
            if desk.shadows is not None:
                desk.shadows.start()
        # of their own: a ledger that hangs holds no key back, nor one tenant's artifact another
        watches = [Watch((self.ring.refresh,), self.poll_seconds), *map(self._watch, self.desks)]
        for watch in watches:
            watch.start()
        try:
            yield
        finally:
            loop = asyncio.get_running_loop()
            for watch in watches:
                await loop.run_in_executor(None, watch.stop)
            for desk in self.desks.values():
                await loop.run_in_executor(None, desk.writer.stop)
                if desk.shadows is not None:
                    await loop.run_in_executor(None, desk.shadows.stop)

    def _watch(self, tenant: str) -> Watch:
        desk = self.desks[tenant]
        return Watch((*(s.refresh for s in desk.seats.values()), desk.refresh), self.poll_seconds)

    def readiness(self, tenant: str | None = None) -> tuple[bool, dict[str, Any]]:
        """Say whether every model that had a champion answers and its decisions can be logged.

        Where several tenants are served, one of them that can be answered is enough, and who shows
        no key hears of none by name.
        """
        if not self.others:
            return self._readiness(self.desk)
        told = {name: self._readiness(desk) for name, desk in self.desks.items()}
        ready = sum(one for one, _ in told.values())
        if tenant is not None:
            return ready > 0, told[tenant][1]
        return ready > 0, {"ready": ready > 0, "tenants": len(told), "tenants_ready": ready}

    def _readiness(self, desk: Desk) -> tuple[bool, dict[str, Any]]:
        models = {seat.model: _told(seat) for seat in desk.seats.values()}
        answering = any(m["version"] is not None for m in models.values())
        waiting = [m for m in models.values() if m["version"] is None and m["detail"] is not None]
        ready = answering and not waiting and desk.writer.trouble is None
        return ready, {
            "ready": ready,
            "models": models,
            "decision_log": desk.writer.trouble or "is written",
            "decisions_waiting": desk.writer.waiting,
            "api_keys": self.ring.trouble or "are read",
            "challengers": {name: one.told for name, one in desk.beside.items()},
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
    counters = {name: _Counter.of(desk) for name, desk in service.desks.items()}
    routes = _Routes(service, counters)
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
class _Counter:
    """Where one tenant's requests are answered: its desk, its thread for batches, its document."""

    desk: Desk
    pool: ThreadPoolExecutor
    document: KeptDocument

    @classmethod
    def of(cls, desk: Desk) -> Self:
        pool = ThreadPoolExecutor(1, thread_name_prefix="finrisk-batches")
        return cls(desk, pool, KeptDocument(desk))


@dataclass(frozen=True)
class _Routes:
    service: Service
    counters: Mapping[str, _Counter]

    async def predict(self, request: Request) -> Response:
        """Answer ``/predict``."""
        told_of(request.scope).route = PREDICT
        return await self._answer(
            request, Desk.default_model, lambda desk, _, body: desk.predict(body)
        )

    async def score(self, request: Request) -> Response:
        """Answer ``/v1/models/{model}/score``."""
        told_of(request.scope).route = SCORE
        return await self._answer(request, lambda _: request.path_params["model"], Desk.score)

    async def _answer(
        self,
        request: Request,
        asked: Callable[[Desk], str],
        answered: Callable[[Desk, str, bytes], Answer],
    ) -> Response:
        told = told_of(request.scope)
        key = self._admitted(request)
        at = self.counters[key.tenant]  # whose it is, the key says, and nothing else of a request
        model = at.desk.seat(asked(at.desk)).model
        told.model = model
        if not key.may_ask(model):
            raise Refused(403, "not-yours", "this key may not ask this model")
        body = await read_body(request)
        if len(body) > IN_A_THREAD_BYTES:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(at.pool, answered, at.desk, model, body)
        else:
            answer = answered(at.desk, model, body)
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
        whose = None
        if self.service.others and _presented(request) is not None:
            whose = self._admitted(request).tenant
        ready, detail = self.service.readiness(whose)
        return _json(detail, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Give the counters to Prometheus."""
        told_of(request.scope).route = METRICS
        text = self.service.desk.metrics.text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """Give the OpenAPI document of the versions in use now; of several tenants' by key."""
        told_of(request.scope).route = OPENAPI
        several = bool(self.service.others)
        whose = self._admitted(request).tenant if several else self.service.desk.tenant
        return Response(self.counters[whose].document.body(), media_type="application/json")

    def _admitted(self, request: Request) -> ApiKey:
        key = self.service.ring.admit(_presented(request))
        told = told_of(request.scope)
        told.key, told.tenant = key.name, key.tenant
        return key


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
