"""``finrisk monitor``: a table for a person, one document for a program."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines import monitoring
from finrisk.pipelines.monitoring import MonitoringReport

DAY = date(2026, 3, 10)


def reading(monitor: str, subject: str, state: State, **changes: Any) -> Reading:
    good: dict[str, Any] = dict.fromkeys(("value", "low", "high", "threshold"))
    detail = changes.pop("detail", {})
    return Reading(
        "loans", DAY, monitor, subject, 3, **(good | changes), state=state, detail=detail
    )


REPORT = MonitoringReport(
    model="loans",
    scope="live",
    as_of=DAY,
    version=3,
    states={"quiet": 1, "warn": 0, "alarm": 1, "unknown": 1},
    readings=(
        reading("score_drift", "", State.ALARM, value=0.31, threshold=0.12),
        reading("feature_drift", "income", State.QUIET, value=0.02, threshold=0.1),
        reading("performance", "auc", State.UNKNOWN, detail={"reason": "nothing has matured"}),
    ),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []

    def answer(model: str, **how: Any) -> MonitoringReport:
        calls.append({"model": model, **{k: v for k, v in how.items() if k != "tell"}})
        return REPORT

    monkeypatch.setattr(monitoring, "monitor", answer)
    return calls


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["monitor", *arguments])


def test_it_lists_what_is_not_quiet_and_why(asked: list[dict[str, Any]]) -> None:
    done = run("loans", "--as-of", "2026-03-10")

    assert done.exit_code == 0
    assert asked == [{"model": "loans", "as_of": DAY, "asks": True}]
    assert "score_drift" in done.stdout
    assert "nothing has matured" in done.stdout
    assert "income" not in done.stdout
    assert "loans v3 as of 2026-03-10: 1 quiet, 1 alarm, 1 unknown" in done.stdout


def test_all_lists_quiet_features_too(asked: list[dict[str, Any]]) -> None:
    assert "income" in run("loans", "--all").stdout


def test_tell_only_asks_for_nothing(asked: list[dict[str, Any]]) -> None:
    run("loans", "--tell-only")

    assert asked == [{"model": "loans", "as_of": None, "asks": False}]


def test_json_is_the_whole_report(asked: list[dict[str, Any]]) -> None:
    done = run("loans", "--json")

    assert MonitoringReport.from_json(json.loads(done.stdout)) == REPORT


def test_a_day_is_a_day(asked: list[dict[str, Any]]) -> None:
    assert run("loans", "--as-of", "March").exit_code == 2
    assert asked == []
