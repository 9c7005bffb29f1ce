"""One server, two lenders with a model of the same name: the key alone says whose it is."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.records import PromotionKind
from finrisk.serving.api_keys import add_key, revoke_key
from finrisk.serving.app import Service, application
from finrisk.serving.server import open_service
from tests.ledger.factories import force
from tests.serving.worlds import NOW, plain_rows
from tests.tenants.worlds import MODEL, add_tenant

SCORE = f"/v1/models/{MODEL}/score"
SERVED = {"first": "live", "second": "acme"}
Ask = Callable[["Both"], Awaitable[Any]]


@dataclass(frozen=True)
class Both:
    """A server of two lenders, a key for each, and a row to ask about."""

    service: Service
    settings: Settings
    keys: dict[str, str]
    client: httpx.AsyncClient
    row: dict[str, Any]

    async def ask(self, key: str, **more: Any) -> httpx.Response:
        document = {"rows": [{"id": "ES91 2100", "features": self.row}], **more}
        headers = {"authorization": f"Bearer {key}"}
        return await self.client.post(SCORE, json=document, headers=headers)

    async def get(self, path: str, key: str = "") -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return await self.client.get(path, headers=headers)


@pytest.fixture
def own(own: Settings) -> Settings:
    """With what the nights of the session's world kept, and no copy of a champion lost."""
    return own.model_copy(update={"threads": 1})


@asynccontextmanager
async def serving(settings: Settings, landing: Settings, **given: Any) -> AsyncIterator[Both]:
    keys = {
        name: add_key(settings.keys, name, tenant=scope, at=NOW, **given.get(scope, {}))[0]
        for name, scope in SERVED.items()
    }
    opened = open_service(settings, now=lambda: NOW)
    service = Service(opened.desk, opened.ring, 0.05, opened.others)
    app = application(service)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    frame = pd.read_parquet(landing.home / "landing" / MODEL / "applications_2024-06.parquet")
    row = plain_rows(frame.head(1), Rooms.open(MODEL, settings).spec)[0]
    async with (
        service.running(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield Both(service, settings, keys, client, row)


def asked(settings: Settings, landing: Settings, ask: Ask, **given: Any) -> Any:
    async def run() -> Any:
        async with serving(settings, landing, **given) as both:
            return await ask(both)

    return asyncio.run(run())


def artifact_of(settings: Settings) -> str:
    with Ledger.open(settings) as ledger:
        champion = ledger.champion(MODEL)
    assert champion is not None
    return champion.artifact_sha256


def test_each_key_is_answered_by_its_own_lenders_champion(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> list[httpx.Response]:
        return [await one.ask(one.keys[name]) for name in SERVED]

    first, second = asked(own, both, ask)

    assert (first.status_code, second.status_code) == (200, 200)
    told = [answer.headers["X-FinRisk-Artifact-SHA256"] for answer in (first, second)]
    assert told == [artifact_of(own), artifact_of(own.of_tenant("acme"))]
    assert told[0] != told[1]
    assert first.json()["rows"][0]["score"] != second.json()["rows"][0]["score"]


def test_each_decision_is_logged_with_its_own_lender_alone(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> None:
        await one.ask(one.keys["second"])

    asked(own, both, ask)

    assert DecisionLog.open(own).days(MODEL) == ()
    log = DecisionLog.open(own.of_tenant("acme"))
    (day,) = log.days(MODEL)
    (part,) = log.parts(MODEL, day, day)
    assert str(part.path).startswith(str(own.of_tenant("acme").store))


def test_another_lenders_model_is_as_one_that_there_is_not(own: Settings, both: Settings) -> None:
    """Acme has a model more; the first lender's key cannot tell it from none."""
    folder = own.home / "lenders" / "acme" / "models"
    text = (folder / "credit_risk.yaml").read_text()
    text = text.replace("name: credit_risk\n", "name: cards\n", 1)
    (folder / "cards.yaml").write_text(text.replace("credit-risk", "cards", 1))

    async def ask(one: Both) -> list[tuple[int, Any]]:
        found = []
        for name in ("first", "second"):
            for model in ("cards", "nothing"):
                answer = await one.client.post(
                    f"/v1/models/{model}/score",
                    json={"rows": []},
                    headers={"x-api-key": one.keys[name]},
                )
                found.append((answer.status_code, answer.json().get("type")))
        return found

    firsts, nothing, seconds, _ = asked(own, both, ask)

    assert firsts == nothing
    assert firsts[0] == 404
    assert seconds[0] == 503  # it is there, and has no champion yet


def test_nothing_in_a_request_but_its_key_names_the_tenant(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> list[int | str]:
        body = {"rows": [{"features": one.row}]}
        told: list[int | str] = []
        for headers, query in (
            ({"x-tenant": "acme", "tenant": "acme", "x-finrisk-tenant": "acme"}, ""),
            ({"host": "acme.example"}, "?tenant=acme&scope=acme"),
        ):
            answer = await one.client.post(
                SCORE + query,
                json=body,
                headers=headers | {"authorization": f"Bearer {one.keys['first']}"},
            )
            told.append(answer.headers.get("X-FinRisk-Artifact-SHA256", answer.status_code))
        answer = await one.client.post(
            f"/v1/models/acme__{MODEL}/score",
            json=body,
            headers={"authorization": f"Bearer {one.keys['first']}"},
        )
        return [*told, answer.status_code]

    *served, qualified = asked(own, both, ask)

    assert served == [artifact_of(own)] * 2
    assert qualified == 404


def test_one_lenders_requests_use_up_no_other_ones_rate(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> tuple[list[int], int]:
        firsts = [(await one.ask(one.keys["first"])).status_code for _ in range(3)]
        return firsts, (await one.ask(one.keys["second"])).status_code

    firsts, second = asked(own, both, ask, live={"rate": 0.001, "burst": 1})

    assert firsts == [200, 429, 429]
    assert second == 200


def test_a_promotion_of_one_moves_no_seat_of_the_other(own: Settings, both: Settings) -> None:
    before = artifact_of(own)
    acme = own.of_tenant("acme")

    async def ask(one: Both) -> tuple[str, str, str]:
        with Ledger.open(acme) as ledger:
            champion = ledger.version(MODEL, 1)
            assert champion is not None
            force(ledger, champion, kind=PromotionKind.RESTORED)
        for _ in range(200):
            answer = await one.ask(one.keys["second"])
            if answer.headers["X-FinRisk-Epoch"] == "2":
                break
            await asyncio.sleep(0.05)
        first = await one.ask(one.keys["first"])
        return (
            answer.headers["X-FinRisk-Epoch"],
            first.headers["X-FinRisk-Epoch"],
            first.headers["X-FinRisk-Artifact-SHA256"],
        )

    assert asked(own, both, ask) == ("2", "1", before)


def test_readiness_and_the_document_are_of_the_keys_lender(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> list[httpx.Response]:
        return [
            await one.get("/readyz"),
            await one.get("/readyz", one.keys["second"]),
            await one.get("/openapi.json"),
            await one.get("/openapi.json", one.keys["second"]),
            await one.get("/metrics"),
        ]

    nobody, second, closed, document, metrics = asked(own, both, ask)

    assert nobody.json() == {"ready": True, "tenants": 2, "tenants_ready": 2}
    assert second.json()["models"][MODEL]["artifact_sha256"] == artifact_of(own.of_tenant("acme"))
    assert closed.status_code == 401
    assert document.status_code == 200
    for scope in ("live", "acme"):
        assert f'finrisk_serving_version{{model="{MODEL}",tenant="{scope}"}} 1.0' in metrics.text


def test_a_tenant_that_cannot_be_served_stops_nobody(own: Settings, both: Settings) -> None:
    shutil.rmtree(own.of_tenant("acme").row_hash_keys)  # as where `finrisk init` has not run yet
    add_tenant(own.home, "late")

    async def ask(one: Both) -> tuple[int, int]:
        first, second = [await one.ask(one.keys[name]) for name in SERVED]
        return first.status_code, second.status_code

    assert asked(own, both, ask) == (200, 401)


def test_a_revoked_key_of_one_leaves_the_others(own: Settings, both: Settings) -> None:
    async def ask(one: Both) -> tuple[int, int]:
        revoke_key(one.settings.keys, "second", at=NOW)
        one.service.ring.refresh()
        first, second = [await one.ask(one.keys[name]) for name in SERVED]
        return first.status_code, second.status_code

    assert asked(own, both, ask) == (200, 401)


def test_the_access_line_names_the_tenant(
    own: Settings, both: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(one: Both) -> None:
        await one.ask(one.keys["second"])

    with caplog.at_level("INFO", logger="finrisk.serving.access"):
        asked(own, both, ask)

    lines = [r.getMessage() for r in caplog.records if r.name == "finrisk.serving.access"]
    assert [json.loads(line)["tenant"] for line in lines] == ["acme"]
