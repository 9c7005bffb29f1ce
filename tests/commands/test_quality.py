"""`finrisk quality` as a person meets it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.data.quality import QualityParts, QualityReport
from finrisk.data.quality_store import QualityStore

RUN = CliRunner()


def a_report(day: int, score: float) -> QualityReport:
    return QualityReport(
        model="credit_risk",
        as_of=date(2024, 7, day),
        result="warn" if score else "block",
        rows=41_000 if score else 0,
        quarantined=3,
        missing_share=0.0125 if score else None,
        score=score,
        parts=QualityParts(score, score, score, score),
        checks_run=62,
        failed=(),
        problems=() if score else ("nothing landed",),
        vintages=(),
        columns=(),
        dtypes={},
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


def keep(home: Path, *reports: QualityReport, scope: str = "live") -> None:
    store = QualityStore(home / "store" / "data_quality", scope, "credit_risk", "Retail")
    for report in reports:
        store.keep(report)


def quality(*arguments: str) -> str:
    result = RUN.invoke(app, ["quality", "credit_risk", *arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_the_nights_are_listed_newest_first_with_their_pages(home: Path) -> None:
    keep(home, a_report(1, 0.99999), a_report(2, 0.0))

    shown = quality()

    lines = [line for line in shown.splitlines() if "2024-07" in line]
    assert [cell.strip() for cell in lines[0].split("│")[1:-1]] == [
        *("2024-07-02", "block", "0", "3", "–", "1 block", "0.0000"),
    ]
    assert [cell.strip() for cell in lines[1].split("│")[1:-1]] == [
        *("2024-07-01", "warn", "41,000", "3", "1.25%", "none", "0.9999"),
    ]
    assert f"pages: {home}/store/data_quality/live/credit_risk/index.html" in shown


def test_as_json_there_are_figures_to_compute_with(home: Path) -> None:
    keep(home, *(a_report(day, 0.9) for day in (1, 2, 3)), scope="replay")

    answer = json.loads(quality("--scope", "replay", "--limit", "2", "--json"))

    assert [night["as_of"] for night in answer["nights"]] == ["2024-07-03", "2024-07-02"]
    assert answer["nights"][0]["score"] == 0.9
    assert Path(answer["pages"]).name == "index.html"


def test_a_model_without_a_night_yet_is_told_so(home: Path) -> None:
    assert "no report of credit_risk in scope live; a night makes one" in quality()
    assert json.loads(quality("--json")) == {
        "model": "credit_risk",
        "scope": "live",
        "pages": None,
        "nights": [],
    }


def test_a_model_that_nobody_declared_is_one_clear_error(home: Path) -> None:
    result = RUN.invoke(app, ["quality", "credit_rsk"])

    assert result.exit_code == 2
    assert "did you mean credit_risk?" in result.stderr
