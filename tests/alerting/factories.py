"""One good alert and one good delivery; a test changes the one thing that matters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from finrisk.alerting.app import ALERTS, MOUNTED
from finrisk.alerting.receiving import Receiver
from finrisk.alerting.starting import AskedRun
from finrisk.errors import Unreachable

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MODEL = "credit_risk"
CLASS = "FinRiskScoreDrift"
PATH = f"{MOUNTED}{ALERTS}"


def alert(status: str = "firing", began: Any = NOW, **labels: Any) -> dict[str, Any]:
    """Return an alert as Alertmanager posts it."""
    named = {"alertname": CLASS, "model": MODEL, "tenant": "live", "severity": "warning"} | labels
    return {
        "status": status,
        "labels": {name: value for name, value in named.items() if value is not None},
        "annotations": {"summary": "score PSI 0.31"},
        "startsAt": began.isoformat() if isinstance(began, datetime) else began,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "d2f1a9c0b7e84d11",
    }


def delivery(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what Alertmanager posts of a group."""
    told = list(alerts) or [alert()]
    return {
        "version": "4",
        "groupKey": '{}:{alertname="FinRiskScoreDrift"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "finrisk",
        "groupLabels": {"alertname": CLASS},
        "commonLabels": told[0].get("labels", {}),
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": told,
    } | changes


def grafana_delivery(*alerts: dict[str, Any]) -> dict[str, Any]:
    """Return what Grafana's contact point posts: the same, and more."""
    extra = {
        "values": {"A": 0.31, "B": None},
        "valueString": "[ var='A' value=0.31 ]",
        "silenceURL": "http://grafana/silence",
        "dashboardURL": "",
        "panelURL": "",
        "orgId": 1,
    }
    told = [one | extra for one in (list(alerts) or [alert()])]
    more = {"orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "**Firing**"}
    return delivery(*told, version="1") | more


class FakeAirflow:
    """Starts runs as Airflow does: an id that is there is no second run. It may be away."""

    def __init__(self) -> None:
        self.asked: list[AskedRun] = []
        self.runs: dict[str, AskedRun] = {}
        self.away = False

    def __call__(self, run: AskedRun) -> None:
        self.asked.append(run)
        if self.away:
            raise Unreachable("Airflow does not answer")
        self.runs.setdefault(run.run_id, run)


def settled(receiver: Receiver) -> None:
    """Wait for the starts that were asked for, and close."""
    receiver._starting.submit(int).result(60)
    receiver.close()


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def ahead(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class Sender:
    """Posts to the app in this process; an exception in the app is one here, and no 500."""

    def __init__(self, app: Any, token: str) -> None:
        self._runner = asyncio.Runner()
        self._transport = httpx.ASGITransport(app=app)
        self.token = token

    def post(self, document: Any = None, path: str = PATH, **how: Any) -> httpx.Response:
        """Post a document, or the ``content`` that is given."""
        content = how.pop("content", json.dumps(document or delivery()).encode())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        headers |= how.pop("headers", {})
        return self.request("POST", path, content=content, headers=headers)

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask for anything."""
        return self._runner.run(self._request(method, path, **how))

    def together(self, documents: list[Any]) -> list[httpx.Response]:
        """Post all of these at once."""
        return self._runner.run(self._together(documents))

    def close(self) -> None:
        """End the loop."""
        self._runner.close()

    async def _request(self, method: str, path: str, **how: Any) -> httpx.Response:
        async with self._client() as client:
            return await client.request(method, path, **how)

    async def _together(self, documents: list[Any]) -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._client() as client:
            posts = (client.post(PATH, json=one, headers=headers) for one in documents)
            return list(await asyncio.gather(*posts))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, base_url="http://finrisk", timeout=60)


def in_pieces(content: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    """Send a body without saying how long it is."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return pieces()


def nested(depth: int) -> Iterator[str]:
    """Yield JSON that is nested so deep, in objects and in arrays."""
    yield '{"a":' * depth + "1" + "}" * depth
    yield "[" * depth + "]" * depth
