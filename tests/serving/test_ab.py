"""An experiment: the same row always in the same arm, both logged, and ended by a promotion."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.arms import of_challenger
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import ConfigurationError, PromotionFrozen, Unreachable
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.ledger.store import Ledger
from finrisk.pipelines import challenging
from finrisk.pipelines.monitors.decisions import decided_by
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.beside import LAST_WORD_SECONDS, Beside
from finrisk.serving.problems import Refused
from finrisk.serving.seated import ChampionSeats
from finrisk.specs.model_spec import ModelSpec
from tests.pipelines.lender import applications
from tests.pipelines.scored_worlds import expected_scores, july
from tests.serving.challengers import (
    JULY_ENDS,
    WHO,
    asked_rows,
    july_rows,
    rooms_of,
    score_named,
    two_versions,
)
from tests.serving.test_swaps import promote
from tests.serving.worlds import CREDIT, served

SHARE = 0.2
VERSION, DIGEST = "x-finrisk-model-version", "x-finrisk-artifact-sha256"


@pytest.fixture
def settings(credit_champion: Rooms, tmp_path: Path) -> Settings:
    return two_versions(credit_champion, tmp_path, "ab")


@pytest.fixture
def rooms(credit_champion: Rooms, settings: Settings) -> Rooms:
    return rooms_of(credit_champion, settings)


def begun(rooms: Rooms, share: float = SHARE, version: int = 2) -> Challenge:
    return challenging.start_ab(rooms, version, share, **WHO)


def arms_of(settings: Settings, ids: list[str], of: Challenge) -> list[bool]:
    hasher = DecisionLog.open(settings).hasher
    assert hasher is not None
    hashes = hasher.rows(CREDIT, pd.Series(ids, dtype="str")).to_pylist()
    return of_challenger(hashes, of.salt or "", of.share or 0.0)


async def until(fulfilled: Any) -> None:
    async with asyncio.timeout(60):
        while not fulfilled():
            await asyncio.sleep(0.01)


def test_each_row_is_decided_in_its_arm_whatever_company_it_comes_in(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 200)
    experiment = begun(rooms)

    async def run() -> tuple[httpx.Response, list[httpx.Response], httpx.Response]:
        async with served(settings, now=JULY_ENDS) as one:
            whole = await score_named(one, rows, ids)
            singly = [
                await score_named(one, [row], [key])
                for row, key in list(zip(rows, ids, strict=True))[:60]
            ]
            unnamed = await one.score(rows[:60])
        return whole, singly, unnamed

    whole, singly, unnamed = asyncio.run(run())

    arms = arms_of(settings, ids, experiment)
    frame = july(credit_champion).head(200)
    expected = {v: list(expected_scores(credit_champion, frame, v).values()) for v in (1, 2)}
    told = whole.json()["rows"]
    assert [row["id"] for row in told] == ids
    assert [row["version"] for row in told] == [2 if arm else 1 for arm in arms]
    assert [row["score"] for row in told] == pytest.approx(
        [expected[2 if arm else 1][at] for at, arm in enumerate(arms)], abs=1e-12
    )
    assert 20 <= sum(arms) <= 60  # of 200, a fifth
    for answer, arm, at in zip(singly, arms, range(60), strict=False):
        (row,) = answer.json()["rows"]
        assert row["version"] == (2 if arm else 1)
        assert row["score"] == pytest.approx(told[at]["score"], abs=1e-12)
        assert answer.headers[VERSION] == ("2" if arm else "1")
        known = rooms.ledger.version(CREDIT, 2 if arm else 1)
        assert known is not None
        assert answer.headers[DIGEST] == known.artifact_sha256
        assert answer.headers["x-finrisk-epoch"] == ("" if arm else "1")
    assert (whole.headers[VERSION], whole.headers["x-finrisk-epoch"]) == ("1, 2", "1")
    assert unnamed.headers[VERSION] == "1"
    assert {row["version"] for row in unnamed.json()["rows"]} == {1}


def test_both_arms_are_logged_and_a_monitor_reads_the_champions_rows_only(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 200)
    experiment = begun(rooms)

    async def run() -> None:
        async with served(settings, now=JULY_ENDS) as one:
            await score_named(one, rows, ids)
            await one.score(rows[:10])

    asyncio.run(run())

    log = DecisionLog.open(settings)
    arms = sum(arms_of(settings, ids, experiment))
    counts: Counter[Any] = Counter()
    for part in log.parts(CREDIT, date.min, date.max):
        of = part.header
        counts[of.version, of.epoch, of.arm] += of.rows
    assert counts == {
        (1, 1, "ab-1:champion"): 200 - arms,
        (2, None, "ab-1:challenger"): arms,
        (1, 1, None): 10,
    }
    champion = rooms.ledger.version(CREDIT, 1)
    assert champion is not None
    read = decided_by(log, champion, rooms.spec, date(2027, 1, 1))
    assert sum(part.header.rows for part in read.parts) == 210 - arms


def test_two_experiments_divide_the_same_rows_independently(
    settings: Settings, rooms: Rooms
) -> None:
    ids = [f"A-{number}" for number in range(20_000)]
    first = begun(rooms)
    challenging.stop(rooms, ChallengeKind.AB, **WHO)
    second = begun(rooms)

    arms = [arms_of(settings, ids, of) for of in (first, second)]
    both = sum(a and b for a, b in zip(*arms, strict=True))

    assert first.salt != second.salt
    assert abs(both - 20_000 * SHARE**2) < 4.0 * (20_000 * SHARE**2) ** 0.5


def test_its_report_compares_the_arms_once_outcomes_are_known(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    months = [applications(settings, month) for month in ("2024-05", "2024-06", "2024-07")]
    frame = pd.concat([pd.read_parquet(path) for path in months], ignore_index=True)
    _, ids = asked_rows(credit_champion, frame)
    count = len(ids)
    experiment = begun(rooms)

    async def run(month: pd.DataFrame, now: datetime) -> None:
        rows, names = asked_rows(credit_champion, month)
        async with served(settings, now=now) as one:
            for first in range(0, len(names), 500):
                some = slice(first, first + 500)
                answer = await score_named(one, rows[some], names[some])
                assert answer.status_code == 200

    for path, number, last in zip(months, (5, 6, 7), (31, 30, 31), strict=True):
        (settings.keys / "api-keys.json").unlink(missing_ok=True)
        asyncio.run(run(pd.read_parquet(path), JULY_ENDS.replace(month=number, day=last)))
    young = challenging.ab_report(rooms, experiment, date(2024, 9, 1))
    grown = challenging.ab_report(rooms, experiment, date(2025, 9, 1))

    arms = arms_of(settings, ids, experiment)
    assert (grown.arms.champion_rows, grown.arms.challenger_rows) == (
        count - sum(arms),
        sum(arms),
    )
    assert grown.arms.sound
    assert grown.misplaced == 0
    of = {one.figure: one for one in grown.differences}
    before = {one.figure: one for one in young.differences}
    assert before["bad rate of 'approve'"].difference is None
    assert before["auc"].why
    assert young.outcomes.startswith("unknown: the first are believed on ")
    assert grown.outcomes == f"of {count} of {count} rows"
    rate = of["share decided 'decline'"]
    assert rate.low is not None
    assert rate.low <= (rate.difference or 0.0) <= (rate.high or 0.0)
    scores = {v: list(expected_scores(credit_champion, frame, v).values()) for v in (1, 2)}
    declined = [scores[2][at] >= rooms.spec.gate.cutoff for at, arm in enumerate(arms) if arm]
    assert rate.challenger == pytest.approx(sum(declined) / len(declined))
    approved = of["bad rate of 'approve'"]
    assert approved.low is not None
    assert approved.rows[1] == len(declined) - sum(declined)


def test_a_promotion_ends_it_with_the_swap_itself(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 60)
    begun(rooms)

    async def run() -> list[set[int]]:
        loop, told = asyncio.get_running_loop(), []
        async with served(settings, now=JULY_ENDS) as one:
            beside = one.service.desk.beside[CREDIT]
            await until(lambda: beside.experiment is not None)
            for epoch, number in ((2, 2), (3, 1)):
                await loop.run_in_executor(None, promote, settings, number)
                await until(lambda e=epoch: one.service.desk.seats[CREDIT].current.by.epoch == e)
                answer = await score_named(one, rows, ids)
                told.append({answer.json()["version"]})
                assert all("version" not in row for row in answer.json()["rows"])
                assert answer.headers[VERSION] == str(number)
        return told

    assert asyncio.run(run()) == [{2}, {1}]
    (ended,) = rooms.ledger.challenges(CREDIT)
    assert ended.ended is not None


def test_stopping_gives_every_row_back_to_the_champion(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 60)
    begun(rooms)

    async def run() -> tuple[str, str]:
        loop = asyncio.get_running_loop()
        async with served(settings, now=JULY_ENDS) as one:
            beside = one.service.desk.beside[CREDIT]
            before = (await score_named(one, rows, ids)).headers[VERSION]
            stop = lambda: challenging.stop(rooms, ChallengeKind.AB, **WHO)  # noqa: E731
            await loop.run_in_executor(None, stop)
            await until(lambda: beside.experiment is None)
            return before, (await score_named(one, rows, ids)).headers[VERSION]

    assert asyncio.run(run()) == ("1, 2", "1")


def test_predict_answers_by_the_arm_of_its_id(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 40)
    experiment = begun(rooms)

    async def run() -> list[str]:
        async with served(settings, now=JULY_ENDS) as one:
            told = []
            for row, key in zip(rows, ids, strict=True):
                answer = await one.client.post("/predict", json={"features": row, "id": key})
                assert answer.json()["prediction"] in ([0], [1])
                told.append(answer.headers[VERSION])
            return told

    arms = arms_of(settings, ids, experiment)
    assert asyncio.run(run()) == ["2" if arm else "1" for arm in arms]


def test_reasons_are_of_the_version_that_decided(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 40)
    experiment = begun(rooms)

    async def run() -> tuple[list[Any], list[Any]]:
        async with served(settings, now=JULY_ENDS) as one:
            told = (await score_named(one, rows, ids, explain=True)).json()["rows"]
            seats = one.service.desk.beside[CREDIT].experiment
            assert seats is not None
            asked = seats.champion.schema.to_score(_body(rows, ids), JULY_ENDS.date())
            by = [seats.champion.reasons(asked.features), seats.challenger.reasons(asked.features)]
        return told, by

    told, by = asyncio.run(run())

    for at, arm in enumerate(arms_of(settings, ids, experiment)):
        own = by[arm][at]
        assert [r["code"] for r in told[at]["reasons"]] == [r.code for r in own]
        assert [r["contribution"] for r in told[at]["reasons"]] == pytest.approx(
            [r.contribution for r in own]
        )


def _body(rows: list[dict[str, Any]], ids: list[str]) -> bytes:
    import json

    named = [{"id": key, "features": row} for key, row in zip(ids, rows, strict=True)]
    return json.dumps({"rows": named}).encode()


class Broken:
    """A scorer that gives no answer."""

    is_compiled = False

    def score(self, _: Any) -> Any:
        raise Refused(422, "no-score", "it gives none")


def test_a_challenger_that_gives_no_answer_leaves_its_rows_to_the_champion(
    credit_champion: Rooms, settings: Settings, rooms: Rooms
) -> None:
    rows, ids = july_rows(credit_champion, 60)
    experiment = begun(rooms)

    async def run() -> tuple[httpx.Response, int]:
        async with served(settings, now=JULY_ENDS) as one:
            beside = one.service.desk.beside[CREDIT]
            found = beside.experiment
            assert found is not None
            broken = replace(found.challenger, scorer=Broken())
            beside.experiment = replace(found, challenger=broken)
            return await score_named(one, rows, ids), beside.fell_back

    answer, fell_back = asyncio.run(run())

    arms = sum(arms_of(settings, ids, experiment))
    assert answer.status_code == 200
    assert {row["version"] for row in answer.json()["rows"]} == {1}
    assert fell_back == arms > 0
    log = DecisionLog.open(settings)
    counts: Counter[Any] = Counter()
    for part in log.parts(CREDIT, date.min, date.max):
        counts[part.header.arm] += part.header.rows
    assert counts == {"ab-1:champion": 60 - arms, None: arms}


@pytest.mark.parametrize("share", [0.0, -0.1, 0.21, 1.0, float("nan")])
def test_a_share_beyond_the_policy_is_refused(rooms: Rooms, share: float) -> None:
    with pytest.raises(ConfigurationError, match=r"at most 0\.2"):
        begun(rooms, share)
    assert rooms.ledger.challenges(CREDIT) == []


def test_the_policy_may_forbid_experiments(rooms: Rooms) -> None:
    document = rooms.spec.model_dump() | {"serving": {"most_ab_share": 0.0}}
    strict = replace(rooms, spec=rooms.spec.model_copy(update={"serving": _serving(0.0)}))

    assert ModelSpec.model_validate(document).serving.most_ab_share == 0.0
    with pytest.raises(ConfigurationError, match="at most 0 "):
        begun(strict, 0.01)
    assert strict.spec.sha256 == rooms.spec.sha256, "no reason for a new night"


def _serving(share: float) -> Any:
    from finrisk.specs.serving import Serving

    return Serving(most_ab_share=share)


def test_a_frozen_model_is_given_no_experiment(rooms: Rooms) -> None:
    day = rooms.day()
    rooms.ledger.freeze(CREDIT, day, reason="year-end", actor="bert", at=rooms.local_now())

    with pytest.raises(PromotionFrozen):
        begun(rooms)


def test_a_ledger_that_grants_more_than_the_policy_is_not_followed(
    credit_champion: Rooms, settings: Settings
) -> None:
    """Whoever writes to the ledger directly gets no larger share than the spec allows."""
    with Ledger.open(settings) as ledger:
        ledger.begin_challenge(
            CREDIT, ChallengeKind.AB, 2, share=0.9, salt="5a", at=datetime.now(UTC), **WHO
        )
    rows, ids = july_rows(credit_champion, 40)

    async def run() -> tuple[str, Any]:
        async with served(settings, now=JULY_ENDS) as one:
            answer = await score_named(one, rows, ids)
            return answer.headers[VERSION], one.service.desk.beside[CREDIT].told

    version, told = asyncio.run(run())

    assert version == "1"
    assert told["experiment"] is None
    assert "share of 0.9, and the policy allows 0.2" in told["detail"]


def test_while_the_ledger_is_away_it_goes_on_for_a_while_and_no_longer(
    settings: Settings, rooms: Rooms
) -> None:
    begun(rooms)
    source, clock = ChampionSeats(settings), [0.0]
    pointer = source.pointer(CREDIT)
    assert pointer is not None
    champion = source.load(CREDIT, pointer, datetime.now(UTC))
    beside = Beside(CREDIT, source, lambda: datetime.now(UTC), lambda: clock[0])

    def away(_: str) -> list[Challenge]:
        raise Unreachable("away")

    def runs(at: float) -> bool:
        clock[0] = at
        beside.refresh(champion)
        return beside.of(champion)[1] is not None

    assert runs(0.0)
    source.challenges = away  # type: ignore[method-assign]
    assert runs(LAST_WORD_SECONDS)
    assert not runs(LAST_WORD_SECONDS + 1.0)
    del source.challenges
    assert runs(LAST_WORD_SECONDS + 2.0)
