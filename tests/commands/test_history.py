"""`finrisk history` tells what happened to a champion beside its promotions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.ledger.events import EventKind
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.records import JsonObject
from tests.ledger.factories import AT, MODEL, force, version

RUN = CliRunner()
FIRST = date(2026, 1, 2)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    with Ledger(url, "live") as opened:
        force(opened, version(1))
        yield opened


def record(ledger: Ledger, kind: EventKind, as_of: date | None, document: JsonObject) -> None:
    key = f"{kind} {as_of}"
    ledger.record_event(MODEL, kind=kind, key=key, as_of=as_of, document=document, at=AT)


def history(*arguments: str) -> str:
    result = RUN.invoke(app, ["history", MODEL, *arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_events_are_told_oldest_first_each_in_a_sentence(ledger: Ledger) -> None:
    record(ledger, EventKind.BAKE, FIRST, {"sentence": "v2 on 480 rows: quiet"})
    record(ledger, EventKind.REALISED, FIRST + timedelta(days=9), {"sentence": "confirmed"})
    record(ledger, EventKind.REPAIR, None, {"epoch": 1, "aliases": []})

    lines = history().splitlines()[-3:]

    assert lines == [
        "2026-01-02 bake: v2 on 480 rows: quiet",
        "2026-01-11 realised: confirmed",
        f"{AT.date()} repair: repair None",
    ]
    events = json.loads(history("--json"))["events"]
    assert [event["kind"] for event in events] == ["bake", "realised", "repair"]
    assert events[0]["document"] == {"sentence": "v2 on 480 rows: quiet"}


def test_without_an_event_there_is_none(ledger: Ledger) -> None:
    assert json.loads(history("--json"))["events"] == []
