"""Notices over real sockets: a mail server, a web server, and Airflow's connections."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from dags.finrisk_notices import (
    post_json,
    post_to_slack,
    send_mail,
    senders,
    tell_failed,
    tell_late,
)
from finrisk.config import load_settings
from finrisk.errors import SettingsError, Unreachable
from finrisk.ledger.events import EventKind
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.monitoring.notices import NoticeKind, Severity, notice
from tests.dags.conftest import DAGS, REPOSITORY
from tests.dags.post_office import mail_server, web_server
from tests.ledger.factories import force, version

HELD = notice(
    NoticeKind.HELD,
    "credit_risk",
    "live",
    "30 since 2026-01-01",
    "no promotion on 30 nights",
    "- Δ AUC +0.001 <!channel>\n.\n- z 0.4",
    Severity.WARNING,
)
Connect = Callable[..., None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Give Airflow a connection."""

    def add(name: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))

    return add


def mail_to(port: int, **extra: Any) -> dict[str, Any]:
    plain = {"disable_ssl": True, "disable_tls": True}
    sender = {"from_email": "finrisk@lender.example", "to": "risk@lender.example, b@x.example"}
    return {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "extra": plain | sender | extra,
    }


def test_a_mail_arrives_whole_at_every_recipient(connect: Connect) -> None:
    with mail_server() as box:
        connect("risk_mail", **mail_to(box.port))
        send_mail("risk_mail", HELD)

    (mail,) = box.mails
    assert box.recipients == ["risk@lender.example", "b@x.example"]
    assert mail["Subject"] == "FinRisk credit_risk: no promotion on 30 nights"
    assert mail["From"] == "finrisk@lender.example"
    assert mail["X-FinRisk-Severity"] == "warning"
    assert mail.get_content().splitlines() == HELD.text.splitlines()


def test_json_arrives_with_the_connections_token(connect: Connect) -> None:
    with web_server() as box:
        connect(
            "desk", conn_type="http", host=f"http://127.0.0.1:{box.port}/hook", password="s3cret"
        )
        post_json("desk", HELD)

    assert box.posts == [HELD.to_json()]
    assert (box.paths, box.tokens) == (["/hook"], ["Bearer s3cret"])


def test_an_address_may_be_in_parts(connect: Connect) -> None:
    with web_server() as box:
        connect(
            "desk",
            conn_type="http",
            host="127.0.0.1",
            port=box.port,
            schema="http",
            extra={"path": "/in/finrisk"},
        )
        post_json("desk", HELD)

    assert (box.paths, box.tokens) == (["/in/finrisk"], [None])


def test_slack_gets_text_in_which_nobody_is_mentioned(connect: Connect) -> None:
    with web_server() as box:
        host = f"http://127.0.0.1:{box.port}/services"
        connect("risk_room", conn_type="slackwebhook", host=host, password="T1/B2/secret")
        post_to_slack("risk_room", HELD)

    assert box.paths == ["/services/T1/B2/secret"]
    (post,) = box.posts
    assert post["text"].startswith("*FinRisk credit_risk: no promotion on 30 nights* (warning)\n")
    assert "&lt;!channel&gt;" in post["text"]
    assert "<" not in post["text"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_address_that_does_not_take_it_is_unreachable_and_its_name_a_secret(
    connect: Connect, status: int
) -> None:
    with web_server(status) as box:
        host = f"http://127.0.0.1:{box.port}/services"
        connect("risk_room", conn_type="slackwebhook", host=host, password="T1/B2/secret")
        with pytest.raises(Unreachable, match=f"'risk_room' answered {status}") as caught:
            post_to_slack("risk_room", HELD)

    assert "secret" not in str(caught.value)
    assert box.paths == ["/services/T1/B2/secret"], "a redirect is not followed"


def test_a_server_that_is_away_is_unreachable(connect: Connect) -> None:
    with web_server() as box:
        gone = box.port
    connect("desk", conn_type="http", host=f"http://127.0.0.1:{gone}/hook/secret")
    connect("risk_mail", **mail_to(gone))

    with pytest.raises(Unreachable, match="'desk': ConnectError") as caught:
        post_json("desk", HELD)
    with pytest.raises(Unreachable, match="'risk_mail': ConnectionRefusedError"):
        send_mail("risk_mail", HELD)
    assert "secret" not in str(caught.value)


def test_a_mail_server_that_refuses_is_unreachable(connect: Connect) -> None:
    with mail_server(refuses=True) as box:
        connect("risk_mail", **mail_to(box.port))
        with pytest.raises(Unreachable, match="'risk_mail': SMTPConnectError"):
            send_mail("risk_mail", HELD)

    assert box.mails == []


@pytest.mark.parametrize(
    ("send", "fields", "why"),
    [
        pytest.param(send_mail, None, "which Airflow does not have", id="no connection"),
        pytest.param(
            send_mail, mail_to(25, to=""), "expected the extras from_email and to", id="to nobody"
        ),
        pytest.param(
            send_mail,
            mail_to(25) | {"host": "mail.lender.example", "login": "a", "password": "b"},
            "would travel in the clear",
            id="a mail password in the clear",
        ),
        pytest.param(post_json, {"conn_type": "http"}, "expected an address", id="no address"),
        pytest.param(
            post_json,
            {"conn_type": "http", "host": "http://desk.lender.example/x", "password": "b"},
            "would travel in the clear",
            id="a token in the clear",
        ),
        pytest.param(
            post_to_slack,
            {"conn_type": "slackwebhook", "host": "http://chat.lender.example", "password": "b"},
            "would travel in the clear",
            id="a webhook in the clear",
        ),
        pytest.param(
            post_to_slack,
            {"conn_type": "slackwebhook", "password": "http://chat.lender.example/b"},
            "would travel in the clear",
            id="a whole address in the clear",
        ),
        pytest.param(
            post_to_slack, {"conn_type": "slackwebhook"}, "secret as its password", id="no secret"
        ),
    ],
)
def test_a_connection_that_cannot_carry_notices_is_refused(
    connect: Connect, send: Callable[..., None], fields: dict[str, Any] | None, why: str
) -> None:
    if fields is not None:
        connect("c", **fields)

    with pytest.raises(SettingsError, match=why):
        send("c", HELD)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the shipped specs and an empty ledger."""
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_CONF", str(REPOSITORY / "conf" / "models"))
    migrate(load_settings().ledger_url.get_secret_value())
    return tmp_path


def test_each_channel_has_a_sender_and_without_any_nothing_is_sent(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert senders() == {}
    monkeypatch.setenv("FINRISK_NOTIFY", "smtp:risk_mail, webhook:desk, slack:risk_room")

    assert list(senders()) == ["smtp:risk_mail", "webhook:desk", "slack:risk_room"]


@pytest.mark.parametrize(
    "told", ["pager:x", "smtp", "smtp:", "smtp:a b", "slack:https://hooks", "smtp:a, smtp:a"]
)
def test_a_channel_that_is_none_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_NOTIFY", told)

    with pytest.raises(SettingsError, match="FINRISK_NOTIFY"):
        load_settings()


def test_callbacks_tell_of_a_failed_and_a_late_run_once(
    installed: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_NOTIFY", "webhook:desk")
    dag = DagBag(str(DAGS)).dags["credit_risk_retraining"]
    run = {"dag_id": dag.dag_id, "dag_run_id": "scheduled__1"}
    with web_server() as box:
        connect("desk", conn_type="http", host=f"http://127.0.0.1:{box.port}/hook")
        for _ in range(2):
            tell_failed("credit_risk", {"dag": dag, "run_id": "scheduled__1", "reason": "x"})
            tell_late("credit_risk", 4.0, {"dag_run": run})

    assert [post["kind"] for post in box.posts] == ["failed", "late"]
    assert box.posts[0]["text"] == "Run scheduled__1 failed in no task. The champion stays."


def test_without_channels_a_dag_has_no_callbacks_to_call(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = DagBag(str(DAGS)).dags["credit_risk_retraining"]
    monkeypatch.setenv("FINRISK_NOTIFY", "slack:risk_room")
    telling = DagBag(str(DAGS)).dags["credit_risk_retraining"]

    assert (silent.deadline, silent.on_failure_callback) == (None, None)
    (deadline,) = telling.deadline
    assert deadline.interval == timedelta(hours=4)
    assert deadline.callback.path == "finrisk_notices.tell_late"
    assert deadline.callback.kwargs == {"model": "credit_risk", "hours": 4.0}
    assert telling.on_failure_callback is not None


def test_the_watch_tells_of_a_missed_night_and_of_what_was_done_by_hand(
    installed: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_NOTIFY", "webhook:desk")
    with Ledger.open(load_settings()) as ledger:
        force(ledger, version(1), at=datetime.now(UTC))
    with web_server() as box:
        connect("desk", conn_type="http", host=f"http://127.0.0.1:{box.port}/hook")
        for _ in range(2):
            DagBag(str(DAGS)).dags["finrisk_night_watch"].test()

    told = {(post["model"], post["kind"]) for post in box.posts}
    assert told == {("credit_risk", "promotion"), ("credit_risk", "missed"), ("fraud", "missed")}
    assert len(box.posts) == len(told), "the second hour tells nothing anew"


def test_a_channel_that_is_down_costs_the_watch_nothing_and_is_on_record(
    installed: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_NOTIFY", "webhook:desk")
    connect("desk", conn_type="http", host="http://127.0.0.1:1/hook")
    dag = DagBag(str(DAGS)).dags["credit_risk_retraining"]

    tell_failed("credit_risk", {"dag": dag, "run_id": "r"})

    with Ledger.open(load_settings()) as ledger:
        _, failed = ledger.events("credit_risk", EventKind.NOTICE)
    assert "'desk': ConnectError" in failed.document["failed"]
