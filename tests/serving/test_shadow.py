"""A shadow scores what was answered, later, and is no trouble of the champion's."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_rows import DecidedBy, ScoredRows
from finrisk.errors import ConfigurationError, DiskFull
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.ledger.store import Ledger
from finrisk.pipelines import challenging
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.decision_writer import DecisionWriter
from finrisk.serving.shadow import Shadows
from tests.pipelines.scored_worlds import expected_scores, july
from tests.serving.challengers import JULY_ENDS, WHO, july_rows, rooms_of, score_named, two_versions
from tests.serving.test_swaps import promote
from tests.serving.worlds import CREDIT, NOW, Served, served

FIRST, LAST = date(2024, 7, 1), date(2024, 7, 31)


@pytest.fixture
def settings(credit_champion: Rooms, tmp_path: Path) -> Settings:
    return two_versions(credit_champion, tmp_path, "shadow")


@pytest.fixture
def rooms(credit_champion: Rooms, settings: Settings) -> Rooms:
    return rooms_of(credit_champion, settings)


async def until(fulfilled: Any) -> None:
    async with asyncio.timeout(60):
        while not fulfilled():
            await asyncio.sleep(0.01)


def beside(one: Served) -> Any:
    return one.service.desk.beside[CREDIT]


def test_a_shadow_scores_every_row_and_changes_no_answer(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 300)

    async def run() -> tuple[httpx.Response, httpx.Response]:
        async with served(settings, now=JULY_ENDS) as one:
            before = await score_named(one, rows, ids)
        (settings.keys / "api-keys.json").unlink()
        challenging.start_shadow(rooms, 2, **WHO)
        async with served(settings, now=JULY_ENDS) as one:
            after = await score_named(one, rows, ids, explain=False)
            unnamed = await one.score(rows[:5])
            assert unnamed.status_code == 200
        return before, after

    before, after = asyncio.run(run())

    assert after.json() == before.json()
    for name in ("x-finrisk-model-version", "x-finrisk-epoch", "x-finrisk-artifact-sha256"):
        assert after.headers[name] == before.headers[name]
    log = DecisionLog.open(settings)
    own = [p.header for p in log.parts(CREDIT, date.min, date.max) if p.header.arm == "shadow-1"]
    assert {(header.version, header.epoch) for header in own} == {(2, None)}
    assert sum(header.rows for header in own) == 305
    frame = log.read(CREDIT, FIRST, LAST)
    told = frame[(frame["_version"] == 2) & (frame["_arm"] == "shadow-1")].set_index("_row")
    by_key = expected_scores(credit_champion, july(credit_champion).head(300), 2)
    hashes = log.hasher.rows(CREDIT, july(credit_champion).head(300)["application_id"]).to_pylist()
    np.testing.assert_allclose(
        told.loc[hashes, "_score"], [by_key[key] for key in ids], rtol=0, atol=1e-12
    )


def test_its_report_says_who_would_be_decided_otherwise_and_how_they_ended(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 400)
    challenging.start_shadow(rooms, 2, **WHO)

    async def run() -> None:
        async with served(settings, now=JULY_ENDS) as one:
            for first in range(0, 400, 50):
                await score_named(one, rows[first : first + 50], ids[first : first + 50])
            await one.score(rows[:7])  # without keys: paired all the same

    asyncio.run(run())
    shadow = challenging.newest(rooms, ChallengeKind.SHADOW)
    young = challenging.shadow_report(rooms, shadow, date(2024, 9, 1))
    grown = challenging.shadow_report(rooms, shadow, date(2025, 9, 1))

    frame = july(credit_champion).head(400)
    scores = [list(expected_scores(credit_champion, frame, version).values()) for version in (1, 2)]
    declines = [np.array(of) >= credit_champion.spec.gate.cutoff for of in scores]
    assert (grown.scored, grown.paired) == (407, 407)
    assert young.swaps is not None
    assert grown.swaps is not None
    again = [np.concatenate([of, of[:7]]) for of in declines]
    assert grown.swaps.would_be_declined.rows == int((~again[0] & again[1]).sum())
    assert grown.swaps.would_be_let_through.rows == int((again[0] & ~again[1]).sum())
    assert grown.swaps.would_be_declined.rows + grown.swaps.would_be_let_through.rows > 0
    assert young.swaps.neither_declines.bad_rate is None
    assert young.outcomes.startswith("unknown: the first are believed on")
    assert grown.swaps.neither_declines.labelled > 200
    parts = (
        grown.swaps.both_decline,
        grown.swaps.would_be_declined,
        grown.swaps.would_be_let_through,
        grown.swaps.neither_declines,
    )
    assert sum(part.labelled for part in parts) == 400  # a row without a key has no outcome


def test_a_shadow_starts_and_stops_while_the_server_runs(
    settings: Settings, rooms: Rooms, credit_champion: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 3)

    async def run() -> list[Any]:
        loop, told = asyncio.get_running_loop(), []
        async with served(settings, now=JULY_ENDS) as one:
            told.append(beside(one).told["shadow"])
            await loop.run_in_executor(None, lambda: challenging.start_shadow(rooms, 2, **WHO))
            await until(lambda: beside(one).shadow is not None)
            await score_named(one, rows, ids)
            ready = (await one.client.get("/readyz")).json()
            told.append(ready["challengers"][CREDIT])
            await loop.run_in_executor(
                None, lambda: challenging.stop(rooms, ChallengeKind.SHADOW, **WHO)
            )
            await until(lambda: beside(one).shadow is None)
            await score_named(one, rows, ids)
        return [*told, one.service.desk.shadows.scored]

    assert asyncio.run(run()) == [
        None,
        {"shadow": "shadow-1", "experiment": None, "detail": None},
        3,
    ]


def test_a_shadow_ends_here_when_its_version_becomes_champion(
    settings: Settings, rooms: Rooms, credit_champion: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 2)
    challenging.start_shadow(rooms, 2, **WHO)

    async def run() -> int:
        loop = asyncio.get_running_loop()
        async with served(settings, now=JULY_ENDS) as one:
            await until(lambda: beside(one).shadow is not None)
            await loop.run_in_executor(None, promote, settings, 2)
            await until(lambda: one.service.desk.seats[CREDIT].current.by.version == 2)
            await score_named(one, rows, ids)
        return one.service.desk.shadows.scored

    assert asyncio.run(run()) == 0


class HeldLog:
    """A log whose writer waits until a test lets it go, or that has no room."""

    def __init__(self, *, full: bool = False) -> None:
        self.go = threading.Event()
        self.full = full
        self.rows = 0

    def append(self, spec: Any, by: DecidedBy, rows: ScoredRows, *, scored_at: Any) -> None:
        self.go.wait(60)
        if self.full:
            raise DiskFull("no room")
        self.rows += len(rows.ids)


def answered(settings: Settings, log: HeldLog, requests: int, **given: Any) -> tuple[Any, set[int]]:
    """Ask row by row while the shadow's log is held."""

    async def run() -> tuple[Shadows, set[int]]:
        writer = DecisionWriter(DecisionLog.open(settings), flush_seconds=0.05)
        async with served(settings, writer=writer, now=JULY_ENDS) as one:
            own = Shadows(log, flush_seconds=0.01, **given)
            one.service.desk.__dict__["shadows"] = own
            own.start()
            codes = set()
            for _ in range(requests):
                codes.add((await score_named(one, *given_rows)).status_code)
            log.go.set()
            await asyncio.get_running_loop().run_in_executor(None, own.stop)
        return own, codes

    given_rows = given.pop("rows")
    return asyncio.run(run())


def test_what_it_cannot_keep_up_with_is_dropped_and_counted_and_nothing_waits(
    settings: Settings, rooms: Rooms, credit_champion: Rooms
) -> None:
    challenging.start_shadow(rooms, 2, **WHO)
    log = HeldLog()

    shadows, codes = answered(settings, log, 40, most_waiting=100, rows=july_rows(rooms, 10))

    assert codes == {200}
    assert shadows.dropped >= 200
    assert shadows.scored + shadows.dropped == 400
    assert log.rows == shadows.scored
    logged = DecisionLog.open(settings).parts(CREDIT, date.min, date.max)
    assert {part.header.arm for part in logged} == {None}  # the champion's rows are all there


def test_a_log_without_room_costs_the_shadow_its_rows_and_the_champion_nothing(
    settings: Settings, rooms: Rooms, credit_champion: Rooms, caplog: pytest.LogCaptureFixture
) -> None:
    challenging.start_shadow(rooms, 2, **WHO)

    shadows, codes = answered(settings, HeldLog(full=True), 3, rows=july_rows(rooms, 5))

    assert (codes, shadows.failed, shadows.scored, shadows.waiting) == ({200}, 15, 0, 0)
    assert "15 rows of a shadow are lost: no room" in caplog.text or "rows of a" in caplog.text


def test_an_artifact_that_does_not_verify_never_runs(
    settings: Settings, rooms: Rooms, credit_champion: Rooms
) -> None:
    """Begun as it was sound; what became of its copy and of MLflow's artifact since is found."""
    shadow = challenging.start_shadow(rooms, 2, **WHO)
    copies = settings.store / "champions" / shadow.artifact_sha256[:2] / shadow.artifact_sha256
    (file,) = [path for path in copies.rglob("model.*") if path.is_file()]
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    away = settings.model_copy(
        update={
            "tracking_uri": "http://127.0.0.1:9",
            "registry_uri": "http://127.0.0.1:9",
            "remote_retries": 0,
            "remote_timeout_seconds": 1,
        }
    )
    rows, ids = july_rows(credit_champion, 2)

    async def run() -> tuple[int, Any]:
        async with served(away, now=JULY_ENDS) as one:
            answer = await score_named(one, rows, ids)
            return answer.status_code, beside(one).told

    code, told = asyncio.run(run())

    assert code == 200
    assert told["shadow"] is None
    assert told["detail"].startswith("shadow-1 does not run: ")


@pytest.mark.parametrize("version", [1, 7])
def test_the_champion_and_what_nobody_knows_are_refused(rooms: Rooms, version: int) -> None:
    with pytest.raises(ConfigurationError):
        challenging.start_shadow(rooms, version, **WHO)


def test_nothing_is_scored_before_a_row_was_asked(rooms: Rooms, settings: Settings) -> None:
    shadow: Challenge = challenging.start_shadow(rooms, 2, **WHO)

    report = challenging.shadow_report(rooms, shadow, NOW.date())

    assert (report.scored, report.swaps) == (0, None)
    assert report.why == "no row was scored by both yet"
    with Ledger.open(settings) as ledger:
        assert ledger.challenges(CREDIT) == [shadow]
