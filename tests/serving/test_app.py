"""The API on real small worlds: the scores of a batch by HTTP, and a plain word for all else."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import DiskFull
from finrisk.features.derive import derive_features
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.api_keys import add_key, revoke_key
from finrisk.serving.decision_writer import DecisionWriter
from finrisk.serving.remembered import Pointer
from finrisk.serving.seated import ChampionSeats
from tests.pipelines.scored_worlds import july
from tests.serving.hostile import bodies
from tests.serving.test_decision_writer import FakeLog
from tests.serving.worlds import CARDS, CREDIT, NOW, Served, own_settings, plain_rows, served

PATHS = ("/predict", f"/v1/models/{CREDIT}/score")
Ask = Callable[[Served], Awaitable[Any]]


def asked(rooms: Rooms, folder: Path, ask: Ask, **given: Any) -> Any:
    """Start a service, ask it something, stop it."""

    async def run() -> Any:
        async with served(own_settings(rooms, folder), **given) as one:
            return await ask(one)

    return asyncio.run(run())


def rows_of_july(rooms: Rooms) -> list[dict[str, Any]]:
    return plain_rows(july(rooms).head(200), rooms.spec)


def expected_scores(rooms: Rooms, frame: pd.DataFrame, version: int = 1) -> list[float]:
    found = rooms.ledger.version(rooms.spec.name, version)
    assert found is not None
    scores: list[float] = (
        rooms.registry.load(found).score(derive_features(frame, rooms.spec)).tolist()
    )
    return scores


def test_a_row_scores_as_a_batch_scores_it(credit_champion: Rooms, tmp_path: Path) -> None:
    rows = rows_of_july(credit_champion)

    async def ask(one: Served) -> tuple[httpx.Response, list[httpx.Response]]:
        return await one.score(rows), [await one.score([row]) for row in rows[:20]]

    whole, singly = asked(credit_champion, tmp_path, ask)

    expected = expected_scores(credit_champion, july(credit_champion).head(200))
    told = whole.json()["rows"]
    assert whole.status_code == 200
    np.testing.assert_allclose([row["score"] for row in told], expected, rtol=0, atol=1e-12)
    alone = [answer.json()["rows"][0]["score"] for answer in singly]
    np.testing.assert_allclose(alone, expected[:20], rtol=0, atol=1e-12)
    assert [row["probability"] for row in told] == [row["score"] for row in told]
    cutoff = credit_champion.spec.gate.cutoff
    assert whole.json()["cutoff"] == cutoff
    words = ["decline" if score >= cutoff else "approve" for score in expected]
    assert [row["decision"] for row in told] == words
    assert set(words) == {"decline", "approve"}


def test_cards_are_scored_on_their_windows_as_plain_numbers(
    cards_world: Rooms, tmp_path: Path
) -> None:
    spec = cards_world.spec
    frame = pd.DataFrame(
        {
            **{name: np.linspace(1.0, 90.0, 40) for name in spec.feature_columns},
            **{name: np.linspace(0.0, 3.0, 40) for name in spec.window_features},
        }
    )
    for name in spec.feature_columns:
        column = spec.columns[name]
        if column.type == "moment":
            frame[name] = pd.date_range("2026-02-10 05:00", periods=40, freq="7h")
        elif column.type == "category":
            frame[name] = next(iter(column.values or ("a",)))
    frame.loc[3, list(spec.window_features)] = np.nan

    async def ask(one: Served) -> httpx.Response:
        return await one.score(plain_rows(frame, spec), CARDS)

    answer = asked(cards_world, tmp_path, ask, models=(CARDS,))

    assert answer.status_code == 200, answer.text
    told = [row["score"] for row in answer.json()["rows"]]
    np.testing.assert_allclose(told, expected_scores(cards_world, frame), rtol=0, atol=1e-12)
    assert {row["decision"] for row in answer.json()["rows"]} <= {"alert", "pass"}


def test_numbers_beyond_single_precision_are_scored_explained_or_refused(
    cards_world: Rooms, tmp_path: Path
) -> None:
    async def ask(one: Served) -> list[httpx.Response]:
        row = one.service.desk.seats[CARDS].take().schema.example(NOW.date())
        windows = cards_world.spec.window_features
        return [
            await one.score([row | {name: cell}], CARDS, explain=True)
            for name in windows
            for cell in (1e308, -1e308, 1e39, 5e-324)
        ]

    answers = asked(cards_world, tmp_path, ask, models=(CARDS,))

    assert {answer.status_code for answer in answers} <= {200, 422}
    assert all(math.isfinite(a.json()["rows"][0]["score"]) for a in answers if a.is_success)


def test_predict_answers_as_documented_in_every_form(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    rows = rows_of_july(credit_champion)[:30]
    frame = july(credit_champion).head(30)
    ready = derive_features(frame, credit_champion.spec)
    plain = ready.astype(object).where(ready.notna(), None).to_numpy().tolist()

    async def ask(one: Served) -> list[Any]:
        forms = (rows[0], rows, plain)
        sent = [await one.client.post("/predict", json={"features": form}) for form in forms]
        return [answer.json() for answer in sent]

    first, named, listed = asked(credit_champion, tmp_path, ask)

    cutoff = credit_champion.spec.gate.cutoff
    expected = [int(s >= cutoff) for s in expected_scores(credit_champion, frame)]
    assert first == {"prediction": expected[:1]}
    assert named == listed == {"prediction": expected}


def test_every_answer_names_the_version_that_gave_it(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    async def ask(one: Served) -> httpx.Response:
        return await one.score(rows_of_july(credit_champion)[:1])

    headers = asked(credit_champion, tmp_path, ask).headers

    champion = credit_champion.ledger.champion(CREDIT)
    assert champion is not None
    assert headers["x-finrisk-model-version"] == str(champion.version)
    assert headers["x-finrisk-epoch"] == str(champion.epoch)
    assert headers["x-finrisk-artifact-sha256"] == champion.artifact_sha256
    assert headers["x-request-id"]


def test_reasons_come_when_they_are_asked_for(credit_champion: Rooms, tmp_path: Path) -> None:
    rows = rows_of_july(credit_champion)[:50]

    async def ask(one: Served) -> tuple[Any, Any]:
        explained = await one.score(rows, explain=True)
        plain = await one.score(rows)
        return explained.json()["rows"], plain.json()["rows"]

    explained, plain = asked(credit_champion, tmp_path, ask)

    features = set(credit_champion.spec.feature_names)
    assert not any("reasons" in row for row in plain)
    for row in explained:
        assert len(row["reasons"]) <= 4
        parts = [reason["contribution"] for reason in row["reasons"]]
        assert parts == sorted(parts, reverse=True)
        assert all(part > 0.0 for part in parts)
        assert {reason["code"] for reason in row["reasons"]} <= features
    assert (
        len({tuple(r["code"] for r in row["reasons"]) for row in explained}) > 5
    )  # no generic list
    assert [row["score"] for row in explained] == [row["score"] for row in plain]


def test_what_was_answered_is_in_the_decision_log(credit_champion: Rooms, tmp_path: Path) -> None:
    rows = rows_of_july(credit_champion)[:40]
    settings = own_settings(credit_champion, tmp_path)

    async def run() -> Any:
        async with served(settings) as one:
            named = [{"id": f"A-{n}", "features": row} for n, row in enumerate(rows)]
            path = f"/v1/models/{CREDIT}/score"
            answer = await one.client.post(path, json={"rows": named})
            await one.client.post("/predict", json={"features": rows[:3]})
            return answer.json()["rows"]

    told = asyncio.run(run())

    log = DecisionLog.open(settings)
    logged = log.read(CREDIT, NOW.date(), NOW.date())
    assert len(logged) == 43
    assert log.hasher is not None
    keys = log.hasher.rows(CREDIT, pd.Series([row["id"] for row in told], dtype="str")).to_pylist()
    by_row = logged.set_index("_row")
    assert by_row.loc[keys, "_score"].tolist() == [row["score"] for row in told]
    assert by_row.loc[keys, "_decision"].tolist() == [row["decision"] for row in told]
    assert by_row.loc[keys, "income"].tolist() == [row["income"] for row in rows]
    assert set(logged["_epoch"]) == {1}
    assert set(logged["_slice_channel"]) == {row["channel"] for row in rows}
    assert not any("A-1" in str(path) for path in settings.store.rglob("*"))


def test_hostile_bodies_are_refused_with_a_word_and_never_a_failure(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    row = rows_of_july(credit_champion)[0]
    requests = list(bodies(row))

    async def ask(one: Served) -> list[tuple[str, httpx.Response]]:
        return [(name, await one.sent(path, body)) for name, body in requests for path in PATHS]

    answers = asked(credit_champion, tmp_path, ask)

    assert len(answers) > 1000
    assert {answer.status_code for _, answer in answers} == {200, 400, 422}
    for name, answer in answers:
        if answer.status_code == 200:
            scores = [told.get("score", 0.0) for told in answer.json().get("rows", [])]
            assert all(math.isfinite(score) for score in scores), name
        else:
            told = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert told["status"] == answer.status_code
            assert len(told.get("errors", [])) <= 20
            assert "DROP TABLE" not in answer.text, name


@pytest.mark.parametrize(
    ("feature", "cell", "says"),
    [
        ("income", None, "expected a number"),
        ("income", 1e9, "expected less than or equal to 50000"),
        ("income", "900", "expected a number"),
        ("income", True, "expected a number"),
        ("term_months", 13, "expected one of 12, 24, 36, 48, 60"),
        ("term_months", 12.5, "expected a whole number"),
        ("delinquencies_2y", 0.5, "expected a whole number"),
        ("purpose", "yacht", "expected 'car', 'consolidation', 'education', 'home' or 'other'"),
        ("stranger", 1, "expected no such field"),
        ("application_date", "2026-03-02", "expected 2026-03-01 at the latest"),
        ("application_date", "2026-01-28", "expected 2026-01-29 at the earliest"),
        ("application_date", "0001-01-01", "expected 2026-01-29 at the earliest"),
        ("application_date", "yesterday", "expected a day such as 2024-03-31"),
    ],
)
def test_a_wrong_cell_is_named_and_not_repeated(
    credit_champion: Rooms, tmp_path: Path, feature: str, cell: Any, says: str
) -> None:
    good = rows_of_july(credit_champion)[:2]

    async def ask(one: Served) -> httpx.Response:
        return await one.score([good[0], good[1] | {feature: cell}])

    answer = asked(credit_champion, tmp_path, ask)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["where"] == f"rows/1/features/{feature}"
    assert error["what"].startswith(says)
    assert "yacht" not in answer.text


@pytest.mark.parametrize(("days", "status"), [(31, 200), (32, 422)])
def test_a_request_may_be_of_so_many_days_as_the_log_can_bear(
    credit_champion: Rooms, tmp_path: Path, days: int, status: int
) -> None:
    row = rows_of_july(credit_champion)[0]
    dates = [str(NOW.date() - timedelta(days=back)) for back in range(days)]

    async def ask(one: Served) -> httpx.Response:
        return await one.score([row | {"application_date": day} for day in dates])

    answer = asked(credit_champion, tmp_path, ask)

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"] == [{"where": "rows", "what": "expected 31 days at most"}]


class Hanging(ChampionSeats):
    """A ledger that answers once and then keeps who asks waiting."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked, self.go_on = threading.Event(), threading.Event()
        self._answered = False

    def pointer(self, model: str) -> Pointer | None:
        if self._answered:
            self.asked.set()
            self.go_on.wait()
        self._answered = True
        return super().pointer(model)


def test_a_revoked_key_is_refused_while_the_ledger_hangs(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    row = rows_of_july(credit_champion)[0]
    settings = own_settings(credit_champion, tmp_path)
    champions = Hanging(settings)

    async def run() -> int:
        async with served(settings, champions=champions) as one:
            try:
                await asyncio.get_running_loop().run_in_executor(None, champions.asked.wait)
                revoke_key(settings.keys, "test", at=NOW)
                ends = monotonic() + 10.0
                while monotonic() < ends:
                    if (status := (await one.score([row])).status_code) != 200:
                        return status
                    await asyncio.sleep(0.01)
                return 200
            finally:
                champions.go_on.set()

    assert asyncio.run(run()) == 401


def test_whole_numbers_may_be_written_as_floats(credit_champion: Rooms, tmp_path: Path) -> None:
    row = rows_of_july(credit_champion)[0]

    async def ask(one: Served) -> list[httpx.Response]:
        return [await one.score([row | {"term_months": term}]) for term in (36, 36.0)]

    first, second = asked(credit_champion, tmp_path, ask)

    assert first.json()["rows"] == second.json()["rows"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": ""}, b"{}", 401),
        ({"authorization": "Bearer frk_nobody"}, b"{}", 401),
        ({"authorization": "Basic dXNlcjpwYXNz"}, b"{}", 401),
        ({"content-type": "text/plain"}, b"{}", 415),
        ({"content-type": ""}, b"{}", 415),
        ({"content-encoding": "gzip"}, b"\x1f\x8b", 415),
        ({}, b" " * (1024 * 1024) + b"{", 413),
        ({}, b"[" * (10 * 1024 * 1024), 413),
        ({"content-length": "9" * 30}, b"{}", 413),
    ],
)
def test_what_is_not_read(
    credit_champion: Rooms, tmp_path: Path, headers: dict[str, str], body: bytes, status: int
) -> None:
    async def ask(one: Served) -> set[int]:
        return {(await one.sent(path, body, **headers)).status_code for path in PATHS}

    assert asked(credit_champion, tmp_path, ask) == {status}


def test_a_chunked_body_is_not_read_beyond_its_bound(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    taken = 0

    async def chunks() -> Any:
        nonlocal taken
        for _ in range(1000):
            taken += 64 * 1024
            yield b"[" * (64 * 1024)

    async def ask(one: Served) -> int:
        kind = {"content-type": "application/json"}
        return (await one.client.post("/predict", content=chunks(), headers=kind)).status_code

    assert asked(credit_champion, tmp_path, ask) == 413
    assert taken <= 1024 * 1024 + 2 * 64 * 1024


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/v1/models/nobody/score", 404),
        ("POST", "/v1/models/..%2f..%2fetc/score", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/v1/models/credit_risk/score", 405),
        ("GET", "/docs", 404),
    ],
)
def test_other_addresses_get_a_problem_document(
    credit_champion: Rooms, tmp_path: Path, method: str, path: str, status: int
) -> None:
    async def ask(one: Served) -> httpx.Response:
        return await one.client.request(method, path)

    answer = asked(credit_champion, tmp_path, ask)

    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_beyond_its_rate_a_key_is_told_when_to_come_back_and_others_are_not(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    row = rows_of_july(credit_champion)[0]

    async def ask(one: Served) -> tuple[list[httpx.Response], list[httpx.Response]]:
        other, _ = add_key(one.settings.keys, "other", tenant=one.settings.scope, at=NOW)
        one.service.ring.refresh()
        loud, quiet = [], []
        for number in range(50):
            loud.append(await one.score([row]))
            if number % 10 == 0:
                one.client.headers["authorization"] = f"Bearer {other}"
                quiet.append(await one.score([row]))
                one.client.headers["authorization"] = f"Bearer {one.key}"
        return loud, quiet

    loud, quiet = asked(credit_champion, tmp_path, ask, rate=0.001, burst=5)

    assert [answer.status_code for answer in loud] == [200] * 5 + [429] * 45
    assert int(loud[-1].headers["retry-after"]) > 1
    assert {answer.status_code for answer in quiet} == {200}


def test_a_key_may_be_held_to_some_models(credit_champion: Rooms, tmp_path: Path) -> None:
    async def ask(one: Served) -> int:
        key, _ = add_key(
            one.settings.keys, "cards", tenant=one.settings.scope, at=NOW, models=[CARDS]
        )
        one.service.ring.refresh()
        one.client.headers["authorization"] = f"Bearer {key}"
        return (await one.score(rows_of_july(credit_champion)[:1])).status_code

    assert asked(credit_champion, tmp_path, ask) == 403


def test_what_cannot_be_logged_is_not_decided(credit_champion: Rooms, tmp_path: Path) -> None:
    row = rows_of_july(credit_champion)[0]
    log = FakeLog()
    writer = DecisionWriter(log, flush_seconds=0.01, retry_seconds=0.01)

    async def ask(one: Served) -> tuple[int, httpx.Response, httpx.Response, int]:
        log.full.set()
        first = (await one.score([row])).status_code
        loop = asyncio.get_running_loop()
        for _ in range(2):  # the second try begins after the first has failed
            await loop.run_in_executor(None, log.tries.acquire)
        refused, readiness = await one.score([row]), await one.client.get("/readyz")
        log.full.clear()
        while writer.trouble is not None:
            await asyncio.sleep(0.01)
        return first, refused, readiness, (await one.score([row])).status_code

    first, refused, readiness, again = asked(credit_champion, tmp_path, ask, writer=writer)

    assert (first, refused.status_code, again) == (200, 503, 200)
    assert refused.json()["type"] == "urn:finrisk:problem:cannot-log"
    assert readiness.status_code == 503
    assert readiness.json()["decision_log"] == DiskFull("no room to write the part").what
    assert len(log.ids) == 2


def test_lines_and_counters_know_no_customer(
    credit_champion: Rooms, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = rows_of_july(credit_champion)[0] | {"income": 31415.92}

    async def ask(one: Served) -> str:
        document = {"rows": [{"id": "ES91 2100", "features": row}]}
        await one.client.post(f"/v1/models/{CREDIT}/score", json=document)
        await one.client.get("/v1/ES91-2100")
        return (await one.client.get("/metrics")).text + one.key

    with caplog.at_level(logging.INFO):
        text = asked(credit_champion, tmp_path, ask)
    metrics, key = text[:-47], text[-47:]

    lines = [r.getMessage() for r in caplog.records if r.name == "finrisk.serving.access"]
    assert len(lines) == 2
    line = json.loads(lines[0])
    assert (line["route"], line["status"], line["rows"]) == ("/v1/models/{model}/score", 200, 1)
    assert (line["key"], line["version"], line["epoch"]) == ("test", 1, 1)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("finrisk")]
    for told in (metrics, "\n".join(ours)):
        assert "ES91" not in told
        assert "31415" not in told
        assert key not in told
    assert 'finrisk_serving_version{model="credit_risk",tenant="t-scored"} 1.0' in metrics
    assert 'status="200"' in metrics


def test_readiness_says_who_answers(credit_champion: Rooms, tmp_path: Path) -> None:
    async def ask(one: Served) -> tuple[httpx.Response, httpx.Response]:
        return await one.client.get("/readyz"), await one.client.get("/healthz")

    ready, alive = asked(credit_champion, tmp_path, ask)

    assert (ready.status_code, alive.status_code) == (200, 200)
    told = ready.json()["models"][CREDIT]
    assert (told["version"], told["epoch"], told["compiled"]) == (1, 1, True)
    assert told["ledger_answers"] is True
