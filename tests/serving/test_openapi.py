"""The OpenAPI document is one, its examples are answered, and nothing that it allows fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from finrisk.pipelines.rooms import Rooms
from finrisk.serving.app import application
from finrisk.serving.openapi import KeptDocument
from finrisk.serving.server import open_service
from tests.serving.worlds import CARDS, CREDIT, NOW, Served, own_settings, served


@pytest.fixture(params=[CREDIT, CARDS])
def world(request: pytest.FixtureRequest, credit_champion: Rooms, cards_world: Rooms) -> Rooms:
    return {CREDIT: credit_champion, CARDS: cards_world}[request.param]


def document_of(rooms: Rooms, folder: Path) -> Any:
    service = open_service(own_settings(rooms, folder), [rooms.spec.name], now=lambda: NOW)
    transport = httpx.ASGITransport(application(service))

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get("/openapi.json")).json()

    return asyncio.run(ask())


def test_its_examples_are_answered(world: Rooms, tmp_path: Path) -> None:
    async def run() -> list[httpx.Response]:
        async with served(own_settings(world, tmp_path), (world.spec.name,)) as one:
            paths = (await one.client.get("/openapi.json")).json()["paths"]
            posts = {path: told["post"] for path, told in paths.items() if "post" in told}
            assert set(posts) == {"/predict", f"/v1/models/{world.spec.name}/score"}
            return [
                await one.client.post(
                    path, json=told["requestBody"]["content"]["application/json"]["example"]
                )
                for path, told in posts.items()
            ]

    answers = asyncio.run(run())

    assert {answer.status_code for answer in answers} == {200}


def test_it_is_made_again_when_another_version_sits_down_or_a_day_begins(
    world: Rooms, tmp_path: Path
) -> None:
    name, at = world.spec.name, [NOW]
    desk = open_service(own_settings(world, tmp_path), [name], now=lambda: at[0]).desk
    kept, seat = KeptDocument(desk), desk.seats[name]

    first = kept.body()
    assert kept.body() is first

    at[0] += timedelta(days=1)
    next_day = kept.body()
    assert next_day is not first
    assert kept.body() is next_day

    title = seat.take().spec.model_copy(update={"title": "Another"})
    seat.current = replace(seat.take(), spec=title)
    assert b"Another" in kept.body()
    seat.current = None
    assert b"/v1/models" not in kept.body()


def test_what_the_document_allows_and_what_it_does_not_never_fails(
    world: Rooms, tmp_path: Path
) -> None:
    schema = schemathesis.openapi.from_dict(document_of(world, tmp_path / "read"))
    folder = tmp_path / "asked"
    folder.mkdir()
    seen: set[int] = set()

    async def run() -> None:
        async with served(own_settings(world, folder), (world.spec.name,)) as one:
            loop = asyncio.get_running_loop()
            posts = schema.include(method="POST")
            for operation in (found.ok() for found in posts.get_all_operations()):
                await loop.run_in_executor(None, lambda op=operation: fuzz(op, one, loop, seen))

    asyncio.run(run())

    assert not {status for status in seen if status >= 500}
    assert {200, 422} <= seen


def fuzz(operation: Any, one: Served, loop: asyncio.AbstractEventLoop, seen: set[int]) -> None:
    """Send what schemathesis makes of one operation, good and bad, by the service's own loop."""
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        given(case=operation.as_strategy(generation_mode=mode))(sending(one, loop, seen))()


def sending(one: Served, loop: asyncio.AbstractEventLoop, seen: set[int]) -> Callable[[Any], None]:
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        told = case.as_transport_kwargs(base_url="http://test")
        wanted = {key: told[key] for key in ("method", "url", "params", "json") if key in told}
        if "data" in told:
            wanted["content"] = told["data"]
        asked = asyncio.run_coroutine_threadsafe(one.client.request(**wanted), loop)
        answer = asked.result(30)
        seen.add(answer.status_code)
        assert answer.status_code < 500, answer.text

    return send
