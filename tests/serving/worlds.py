"""A service on a real small world, with a key, a store and a decision log for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.api_keys import add_key
from finrisk.serving.app import Service, application
from finrisk.serving.decision_writer import DecisionWriter
from finrisk.serving.server import open_service
from finrisk.specs.model_spec import ModelSpec

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CREDIT, CARDS = "credit_risk", "cards"


@dataclass(frozen=True)
class Served:
    """A service, the key to ask it, and what its requests are sent through."""

    service: Service
    settings: Settings
    key: str
    client: httpx.AsyncClient

    async def score(
        self, rows: list[dict[str, Any]], model: str = CREDIT, **more: Any
    ) -> httpx.Response:
        document = {"rows": [{"features": row} for row in rows], **more}
        return await self.client.post(f"/v1/models/{model}/score", json=document)

    async def sent(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        kind = {"content-type": "application/json"} | headers
        return await self.client.post(path, content=body, headers=kind)


def own_settings(rooms: Rooms, folder: Path) -> Settings:
    """Those of a world, with keys, copies and a decision log for one test."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in rooms.settings.keys.iterdir():
        if name.is_file() and not name.name.startswith("."):
            (keys / name.name).write_bytes(name.read_bytes())
            (keys / name.name).chmod(0o600)
    return rooms.settings.model_copy(update={"store": folder / "store", "keys": keys})


@asynccontextmanager
async def served(
    settings: Settings,
    models: tuple[str, ...] = (CREDIT,),
    *,
    rate: float = 1e6,
    burst: int = 1_000_000,
    now: datetime = NOW,
    flush_seconds: float = 0.05,
    poll_seconds: float = 0.05,
    **given: Any,
) -> AsyncIterator[Served]:
    """Run a service from its start to its graceful end."""
    key, _ = add_key(settings.keys, "test", tenant=settings.scope, at=NOW, rate=rate, burst=burst)
    writer = given.pop("writer", None)
    if writer is None:
        writer = DecisionWriter(DecisionLog.open(settings), flush_seconds=flush_seconds)
    opened = open_service(settings, models, now=lambda: now, writer=writer, **given)
    service = Service(opened.desk, opened.ring, poll_seconds)
    app = application(service)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"}
    async with (
        service.running(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        yield Served(service, settings, key, client)


def plain_rows(frame: pd.DataFrame, spec: ModelSpec) -> list[dict[str, Any]]:
    """Landed rows as a caller would write them into JSON."""
    needed = (*spec.feature_columns, *spec.window_features)
    columns: Mapping[str, list[Any]] = {name: _plain(frame[name]) for name in needed}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _plain(column: pd.Series[Any]) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return [None if pd.isna(cell) else cell.isoformat() for cell in column]
    return [None if pd.isna(cell) else cell for cell in column.astype(object).tolist()]
