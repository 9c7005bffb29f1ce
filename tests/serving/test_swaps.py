"""Promotion, rollback, and stores that are away, while requests go on: none of them fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import Unreachable
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.records import PromotionKind
from finrisk.serving.remembered import Pointer
from finrisk.serving.seated import ChampionSeats
from finrisk.tracking.champion_registry import ChampionRegistry
from tests.pipelines.scored_worlds import july
from tests.serving.worlds import CREDIT, NOW, Served, own_settings, plain_rows, served

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def settings(credit_champion: Rooms, tmp_path: Path) -> Settings:
    """A scope in which version 1 is champion and version 2 is known; copies of both are kept."""
    made = own_settings(credit_champion, tmp_path).in_scope("t-swaps-" + tmp_path.name[-8:].lower())
    registry = ChampionRegistry(made)
    with Ledger.open(made) as ledger:
        for number in (1, 2):
            version = credit_champion.ledger.version(CREDIT, number)
            assert version is not None
            ledger.remember_version(version)
            registry.verify(credit_champion.registered_name, version)
    promote(made, 1)
    return made


def promote(settings: Settings, number: int) -> None:
    """Let a version become champion, as a person forces it or brings it back."""
    with Ledger.open(settings) as ledger:
        now, new = ledger.champion(CREDIT), ledger.version(CREDIT, number)
        assert new is not None
        version, epoch = (None, 0) if now is None else (now.version, now.epoch)
        ledger.promote(
            CREDIT,
            new,
            version,
            epoch,
            f"to {number} after {epoch}",
            kind=PromotionKind.FORCED,
            evidence_sha256=None,
            actor="test",
            reason="a test",
            as_of=None,
            at=AT,
        )


@asynccontextmanager
async def asking(one: Served, row: dict[str, Any]) -> AsyncIterator[list[httpx.Response]]:
    """Ask on and on by four callers while the block runs."""
    answers: list[httpx.Response] = []
    ended = asyncio.Event()

    async def caller() -> None:
        while not ended.is_set():
            answers.append(await one.score([row]))
            await asyncio.sleep(0)  # the answer comes without the loop turning

    callers = [asyncio.create_task(caller()) for _ in range(4)]
    try:
        yield answers
    finally:
        ended.set()
        await asyncio.gather(*callers)


async def until_epoch(answers: list[httpx.Response], epoch: int) -> None:
    async with asyncio.timeout(60):
        while not answers or answers[-1].headers.get("x-finrisk-epoch") != str(epoch):
            await asyncio.sleep(0.01)


def test_promotion_and_rollback_fail_no_request(settings: Settings, credit_champion: Rooms) -> None:
    row = plain_rows(july(credit_champion).head(1), credit_champion.spec)[0]

    async def run() -> list[httpx.Response]:
        loop = asyncio.get_running_loop()
        async with served(settings) as one, asking(one, row) as answers:
            await until_epoch(answers, 1)
            for epoch, number in ((2, 2), (3, 1), (4, 2)):
                await loop.run_in_executor(None, promote, settings, number)
                await until_epoch(answers, epoch)
        return answers

    answers = asyncio.run(run())

    assert Counter(answer.status_code for answer in answers) == {200: len(answers)}
    told = [
        (
            int(answer.headers["x-finrisk-epoch"]),
            answer.json()["version"],
            answer.json()["rows"][0]["score"],
        )
        for answer in answers
    ]
    assert sorted({(epoch, version) for epoch, version, _ in told}) == [
        (1, 1),
        (2, 2),
        (3, 1),
        (4, 2),
    ]
    assert [epoch for epoch, _, _ in told] == sorted(epoch for epoch, _, _ in told)
    by_version = {version: {s for _, v, s in told if v == version} for version in (1, 2)}
    assert [len(scores) for scores in by_version.values()] == [1, 1]
    assert by_version[1] != by_version[2]
    logged = DecisionLog.open(settings).read(CREDIT, NOW.date(), NOW.date())
    assert len(logged) == len(answers)
    assert Counter(logged["_epoch"]) == Counter(epoch for epoch, _, _ in told)


class Interrupted(ChampionSeats):
    """The real champions, of a ledger that a test takes away."""

    away = False

    def pointer(self, model: str) -> Pointer | None:
        if self.away:
            raise Unreachable("the ledger does not answer")
        return super().pointer(model)


def test_a_ledger_that_goes_away_and_comes_back_fails_no_request(
    settings: Settings, credit_champion: Rooms
) -> None:
    row = plain_rows(july(credit_champion).head(1), credit_champion.spec)[0]
    champions = Interrupted(settings)

    async def run() -> tuple[list[httpx.Response], list[int]]:
        loop, told = asyncio.get_running_loop(), []
        async with served(settings, champions=champions) as one, asking(one, row) as answers:
            await until_epoch(answers, 1)
            for away in (True, False):
                champions.away = away
                async with asyncio.timeout(60):
                    while (await ledger_answers(one)) is away:
                        await asyncio.sleep(0.01)
                told.append((await one.client.get("/readyz")).status_code)
                if away:
                    await loop.run_in_executor(None, promote, settings, 2)
            await until_epoch(answers, 2)
        return answers, told

    answers, told = asyncio.run(run())

    assert {answer.status_code for answer in answers} == {200}
    assert told == [200, 200]  # serving goes on: taking it out of use would help nobody


async def ledger_answers(one: Served) -> bool:
    told: bool = (await one.client.get("/readyz")).json()["models"][CREDIT]["ledger_answers"]
    return told


def away(settings: Settings, *, ledger: bool) -> Settings:
    """MLflow is at an address where nobody answers; so may be the ledger."""
    nobody = "http://127.0.0.1:9"
    changes: dict[str, Any] = {
        "tracking_uri": nobody,
        "registry_uri": nobody,
        "remote_retries": 0,
        "remote_timeout_seconds": 1,
    }
    if ledger:
        changes["ledger_url"] = SecretStr(f"sqlite:///{settings.store}/no/such/ledger.db")
    return settings.model_copy(update=changes)


@pytest.mark.parametrize("ledger", [False, True], ids=["MLflow", "MLflow and the ledger"])
def test_it_starts_and_answers_while_stores_are_away(
    settings: Settings, credit_champion: Rooms, ledger: bool
) -> None:
    row = plain_rows(july(credit_champion).head(1), credit_champion.spec)[0]

    async def run(using: Settings) -> tuple[httpx.Response, Any]:
        async with served(using) as one:
            return await one.score([row]), (await one.client.get("/readyz")).json()

    before, _ = asyncio.run(run(settings))
    (settings.keys / "api-keys.json").unlink()
    answer, ready = asyncio.run(run(away(settings, ledger=ledger)))

    assert answer.status_code == 200
    assert answer.json() == before.json()
    assert ready["models"][CREDIT]["ledger_answers"] is not ledger
