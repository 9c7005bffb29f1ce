"""The receiver alone, where it must survive Airflow: it takes alerts in, and starts them later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from fastapi import FastAPI

from finrisk.alerting.app import MOUNTED, alert_app
from finrisk.alerting.receiving import Receiver
from finrisk.connections import bounded_config
from finrisk.errors import FinRiskError

DRAIN_SECONDS = 60.0
MOST_CONNECTIONS = 1024
KEEP_ALIVE_SECONDS = 65  # Alertmanager keeps its connections


def standalone_app(receiver: Receiver, *, drain_seconds: float = DRAIN_SECONDS) -> FastAPI:
    """Return the receiver with the paths it has inside Airflow, and its own drainer beside it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        draining = asyncio.create_task(_drain(receiver, drain_seconds))
        try:
            yield
        finally:
            draining.cancel()
            with suppress(asyncio.CancelledError):
                await draining
            await asyncio.to_thread(receiver.close)

    return alert_app(receiver, prefix=MOUNTED, lifespan=lifespan)


def serve(receiver: Receiver, *, host: str, port: int) -> None:
    """Serve until a signal; a delivery that is being taken is answered first."""
    uvicorn.Server(server_config(standalone_app(receiver), host, port)).run()


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how it is served: bounded in connections and in their patience."""
    return bounded_config(
        app,
        host,
        port,
        connections=MOST_CONNECTIONS,
        idle_seconds=KEEP_ALIVE_SECONDS,
        stop_seconds=20,
        proxy_headers=False,
        log_level="warning",
    )


async def _drain(receiver: Receiver, seconds: float) -> None:
    """Start what is pending now and again: what a restart left, what Airflow did not take."""
    with suppress(FinRiskError):  # whatever it is, the drainer below says it, again and again
        await asyncio.to_thread(receiver.ready)
    while True:
        receiver.drain_later()
        await asyncio.sleep(seconds)
