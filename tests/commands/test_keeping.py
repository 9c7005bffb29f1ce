from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

import finrisk.pipelines.reproducing
import finrisk.pipelines.retention
from finrisk.cli import app
from finrisk.config import Settings
from finrisk.errors import NotReproduced
from finrisk.pipelines.reproducing import Reproduction
from finrisk.pipelines.retention_report import Removed, RetentionReport
from finrisk.pipelines.rooms import Rooms
from tests.pipelines.lender import write_spec

RUN = CliRunner()
REPORT = RetentionReport(
    models=("credit_risk",),
    keep_days=90,
    older_than=datetime(2026, 1, 1, 5, 0, tzinfo=UTC),
    dry_run=False,
    removed={"candidates": Removed(3, 5 * 1024 * 1024)},
    kept={"candidates": {"an alias points at it": 2}, "snapshots": {"younger than the limit": 4}},
    left=("models/m-1 could not be removed: Permission denied",),
)
OUTCOME = Reproduction(
    model="credit_risk",
    version=3,
    candidate="xgboost",
    identical=True,
    largest_difference=0.0,
    tolerance=1e-6,
    development_rows=8000,
    holdout_rows=900,
    threads=2,
    threads_recorded=True,
    libraries={},
    same_parameters=True,
    seconds=1.25,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_spec(tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def collect(settings: Settings, models: list[str], **options: Any) -> RetentionReport:
        calls.append((models, options["keep_days"], options["dry_run"], options["take_nobodys"]))
        return REPORT.replace(dry_run=options["dry_run"])

    monkeypatch.setattr(finrisk.pipelines.retention, "collect", collect)
    return calls


def answered(monkeypatch: pytest.MonkeyPatch, outcome: Reproduction | Exception) -> list[str]:
    scopes: list[str] = []

    def reproduce(rooms: str, version: int) -> Reproduction:
        scopes.append(rooms)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(Rooms, "open", lambda _, settings: settings.scope)
    monkeypatch.setattr(finrisk.pipelines.reproducing, "reproduce", reproduce)
    return scopes


def test_one_model_keeps_ninety_days_unless_told_otherwise(asked: list[Any]) -> None:
    assert RUN.invoke(app, ["gc", "credit_risk"]).exit_code == 0
    assert RUN.invoke(app, ["gc", "credit_risk", "--keep", "7", "--dry-run"]).exit_code == 0

    assert asked == [(["credit_risk"], 90, False, False), (["credit_risk"], 7, True, False)]


def test_all_means_every_model_and_what_is_nobodys(asked: list[Any]) -> None:
    RUN.invoke(app, ["gc", "--all"])

    assert asked == [(["credit_risk"], 90, False, True)]


@pytest.mark.parametrize(
    "arguments", [[], ["credit_risk", "--all"], ["credit_risk", "--keep", "0"]]
)
def test_a_removal_nobody_meant_is_a_usage_error(asked: list[Any], arguments: list[str]) -> None:
    assert RUN.invoke(app, ["gc", *arguments]).exit_code == 2
    assert asked == []


def test_a_removal_of_no_model_names_the_two_commands(asked: list[Any]) -> None:
    said = " ".join(RUN.invoke(app, ["gc", "--keep", "30"]).stderr.replace("│", " ").split())

    assert "`finrisk gc credit_risk --keep 30`" in said
    assert "`finrisk gc --all --keep 30`" in said
    assert asked == []


def test_the_report_says_what_went_what_stays_and_what_could_not(asked: list[Any]) -> None:
    shown = RUN.invoke(app, ["gc", "credit_risk"]).stdout

    assert "(counted over the whole store, every model's)" in shown
    assert "credit_risk: older than 90 days (before 2026-01-01 05:00 UTC)" in shown
    assert "candidates    3 removed, 5.0 MiB" in shown
    assert "2 kept: an alias points at it" in shown
    assert "snapshots     0 removed" in shown
    assert "left: models/m-1 could not be removed" in shown
    assert "3 would go, 5.0 MiB" in RUN.invoke(app, ["gc", "credit_risk", "--dry-run"]).stdout


def test_the_report_as_json_is_the_record(asked: list[Any]) -> None:
    told = json.loads(RUN.invoke(app, ["gc", "credit_risk", "--json"]).stdout)

    assert RetentionReport.from_json(told) == REPORT


def test_an_identical_version_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = answered(monkeypatch, OUTCOME)

    shown = RUN.invoke(app, ["reproduce", "credit_risk", "3"]).stdout

    assert "credit_risk v3 (xgboost): identical, bit for bit" in shown
    assert "8000 development rows, 900 hold-out rows; fitted in 1.2 s" in shown
    assert scopes == ["live"]


def test_a_version_within_the_tolerance_says_by_how_much_and_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = {"identical": False, "largest_difference": 2e-5, "tolerance": 1e-3}
    answered(
        monkeypatch,
        OUTCOME.replace(**other, threads_recorded=False, libraries={"numpy": "1, is 2"}),
    )

    shown = RUN.invoke(app, ["reproduce", "credit_risk", "3"]).stdout

    assert "within 0.001: the largest difference is 2e-05" in shown
    assert "numpy was 1, is 2" in shown
    assert "its threads were not recorded; fitted again with 2" in shown


def test_a_version_of_another_scope_is_asked_for_by_its_scope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scopes = answered(monkeypatch, OUTCOME)

    told = RUN.invoke(app, ["reproduce", "credit_risk", "3", "--scope", "replay", "--json"]).stdout

    assert Reproduction.from_json(json.loads(told)) == OUTCOME
    assert scopes == ["replay"]


def test_a_version_that_is_not_reproduced_has_the_status_of_integrity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered(monkeypatch, NotReproduced("scores differently", got=0.5))

    result = RUN.invoke(app, ["reproduce", "credit_risk", "3", "--json"])

    assert result.exit_code == 4
    assert json.loads(result.stdout)["kind"] == "NotReproduced"
