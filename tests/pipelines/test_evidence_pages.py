"""The report of a night: kept for people, and never a reason to lose a decision."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import LedgerCorrupted, Unreachable
from finrisk.pipelines.evidence_pages import (
    night_to_explain,
    page_path,
    report_of,
    show_evidence,
)
from finrisk.specs.loader import load_spec
from tests.evaluation.factories import evidence, version
from tests.ledger.factories import MODEL, night_decision
from tests.specs.factories import CREDIT_RISK

SHA256 = "e" * 64
NIGHT = date(2026, 2, 1)
DECISION = night_decision(
    NIGHT, run_id="run", evidence_sha256=SHA256, challenger=version(7), candidate="xgboost"
)
PNG = {"roc": b"\x89PNG"}


class Tracker:
    """Remembers the pages it was given; ``away`` is an MLflow that does not answer."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.pages: list[str] = []

    def log_evidence_page(self, run_id: str, page: str) -> None:
        if self.away:
            raise Unreachable("MLflow does not answer")
        self.pages.append(page)


def rooms(home: Path, tracker: Tracker | None = None) -> Any:
    return SimpleNamespace(
        settings=Settings(home=home), spec=load_spec(CREDIT_RISK), tracker=tracker or Tracker()
    )


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return page_path(Settings(home=tmp_path), MODEL, NIGHT)


def test_the_page_is_kept_on_disk_and_beside_the_night(tmp_path: Path, kept: Path) -> None:
    tracker = Tracker()

    show_evidence(evidence(), DECISION, PNG, rooms(tmp_path, tracker))

    assert kept == tmp_path / "store" / "evidence" / "live" / MODEL / "2026-02-01.html"
    assert tracker.pages == [kept.read_text()]
    assert "data:image/png" in tracker.pages[0]
    assert "v7 xgboost replaces v5" in tracker.pages[0]


def test_a_rerun_without_pictures_leaves_the_page_of_the_same_evidence(
    tmp_path: Path, kept: Path
) -> None:
    show_evidence(evidence(), DECISION, PNG, rooms(tmp_path))

    show_evidence(evidence(), DECISION, {}, rooms(tmp_path))

    assert "data:image/png" in kept.read_text()


def test_other_evidence_takes_the_place_of_a_page(tmp_path: Path, kept: Path) -> None:
    show_evidence(evidence(), DECISION, PNG, rooms(tmp_path))

    show_evidence(evidence(), DECISION.replace(evidence_sha256="f" * 64), {}, rooms(tmp_path))

    assert "f" * 64 in kept.read_text()


@pytest.mark.parametrize("missing", ["run_id", "evidence_sha256"])
def test_a_rerun_that_came_too_late_leaves_the_page_of_what_stands(
    tmp_path: Path, kept: Path, missing: str
) -> None:
    show_evidence(evidence(), DECISION.replace(**{missing: None}), PNG, rooms(tmp_path))

    assert not kept.exists()


def test_an_mlflow_that_is_away_loses_neither_page_nor_decision(
    tmp_path: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    show_evidence(evidence(), DECISION, PNG, rooms(tmp_path, Tracker(away=True)))

    assert kept.exists()
    assert "could not be kept" in caplog.text


def test_a_report_that_cannot_be_written_is_told_and_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ValueError("no ink")

    monkeypatch.setattr("finrisk.pipelines.evidence_pages.evidence_markdown", broken)

    assert report_of(evidence(), DECISION, rooms(tmp_path)) is None
    assert "has no report" in caplog.text


def test_a_report_names_the_ledgers_digest(tmp_path: Path) -> None:
    assert SHA256 in (report_of(evidence(), DECISION, rooms(tmp_path)) or "")


def test_evidence_that_is_gone_is_a_broken_ledger() -> None:
    ledger: Any = SimpleNamespace(
        scope="live", nights=lambda _: [DECISION], evidence=lambda _: None
    )

    with pytest.raises(LedgerCorrupted, match="is gone"):
        night_to_explain(ledger, MODEL, None)
