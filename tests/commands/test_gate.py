"""`finrisk gate explain` as a person meets it, on a real ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.data.spec_archive import SPECS, SpecArchive
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.records import Champion, NightStatus
from finrisk.specs.loader import load_spec
from tests.evaluation.factories import evidence, facts
from tests.ledger.factories import AT, BUDGET, MODEL, force, night_decision, request, version
from tests.specs.factories import CREDIT_RISK

RUN = CliRunner()
FIRST, SECOND, BLOCKED = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ledger") / "migrated.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def ledger(home: Path, migrated_file: Path) -> Iterator[Ledger]:
    shutil.copy(migrated_file, home / "ledger.db")
    with Ledger(f"sqlite:///{home / 'ledger.db'}", "live") as opened:
        yield opened


def explain(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, ["gate", "explain", MODEL, *arguments])
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout if status == 0 else result.stderr


def champion_of(ledger: Ledger) -> Champion:
    if ledger.champion(MODEL) is None:
        force(ledger, version(1))
    champion = ledger.champion(MODEL)
    assert champion is not None
    return champion


def decide(ledger: Ledger, night: date, **changes: Any) -> str:
    """Spend the night's look on v2 and record the night with its evidence."""
    champion = champion_of(ledger)
    grant = ledger.spend_look(request(night, champion=champion), BUDGET, AT)
    found = evidence(facts(as_of=night), look=grant.look, challenger=version(2), **changes)
    sha256 = ledger.save_evidence(found, AT)
    record(
        ledger,
        night,
        decision=found.verdict.decision,
        reasons=found.verdict.reasons,
        champion_version=champion.version,
        challenger=version(2),
        candidate="xgboost",
        comparison=found.facts.comparison,
        evidence_sha256=sha256,
    )
    return sha256


def block(ledger: Ledger, night: date) -> None:
    record(ledger, night, status=NightStatus.BLOCKED, reasons=("incomes out of range",))


def record(ledger: Ledger, night: date, **changes: Any) -> None:
    ledger.record_night(
        night_decision(night, **changes),
        snapshot_sha256=None,
        spec_sha256="s",
        holdout_sha256=None,
        at=AT,
    )


def test_a_night_is_explained_as_markdown_where_nobody_watches(ledger: Ledger) -> None:
    sha256 = decide(ledger, SECOND)

    shown = explain("--night", str(SECOND))

    assert shown.startswith("# Evidence: ")
    assert "**PROMOTE.** v2 xgboost replaces v1: AUC +0.0312 (z 4.10, 2.72 needed)" in shown
    assert "| KS | 0.3021 | 0.3431 |" in shown
    assert f"- Evidence: {sha256}" in shown


def test_without_a_night_the_newest_with_evidence_is_explained(ledger: Ledger) -> None:
    decide(ledger, FIRST)
    decide(ledger, SECOND)
    block(ledger, BLOCKED)

    assert f"night as of {SECOND}" in explain()
    assert f"night as of {FIRST}" in explain("--night", str(FIRST))


def test_a_night_that_did_not_come_to_the_gate_says_why(ledger: Ledger) -> None:
    decide(ledger, SECOND)
    block(ledger, BLOCKED)

    shown = explain("--night", str(BLOCKED))

    assert "HOLD as of 2026-03-01: the night did not come to the gate" in shown
    assert "- incomes out of range" in shown


def test_where_no_night_has_evidence_the_newest_says_why(ledger: Ledger) -> None:
    block(ledger, BLOCKED)

    assert "incomes out of range" in explain()
    assert json.loads(explain("--json"))["evidence"] is None


def test_json_holds_the_evidence_whole(ledger: Ledger) -> None:
    sha256 = decide(ledger, SECOND)

    told = json.loads(explain("--json"))

    stored = ledger.evidence(sha256)
    assert stored is not None
    assert told["evidence"] == stored.to_json()
    assert told["night"]["as_of"] == "2026-02-01"
    assert (told["model"], told["scope"], told["page"]) == (MODEL, "live", None)


def test_the_page_is_written_where_asked_and_the_kept_one_is_named(
    ledger: Ledger, home: Path
) -> None:
    decide(ledger, SECOND)
    kept = home / "store" / "evidence" / "live" / MODEL / f"{SECOND}.html"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")

    shown = explain()
    told = json.loads(explain("--html", str(home / "page.html"), "--json"))

    assert told["page"] == str(kept)
    assert "v2 xgboost replaces v1" in (home / "page.html").read_text()
    assert f"Page with its pictures: {kept}" in shown


def test_a_spec_that_changed_since_is_said_unless_that_nights_was_kept(
    ledger: Ledger, home: Path
) -> None:
    decide(ledger, FIRST)
    spec = load_spec(CREDIT_RISK)
    then = spec.model_copy(update={"title": "Loans of then"})
    SpecArchive(home / "store" / SPECS).keep(then)
    decide(ledger, SECOND, policy_sha256=then.sha256)

    assert "The spec of that night was not kept" in explain("--night", str(FIRST))
    assert explain("--night", str(SECOND)).startswith("# Evidence: Loans of then, night")


def test_another_scope_is_another_ledger(ledger: Ledger) -> None:
    decide(ledger, SECOND)

    told = explain("--scope", "replay", status=2)

    assert f"no night of {MODEL} in scope replay" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--night", "2026-05-05"), "no night as of 2026-05-05"), (("--night", "May"), "a date")],
)
def test_a_night_that_was_not_is_one_clear_error(
    ledger: Ledger, arguments: tuple[str, ...], said: str
) -> None:
    decide(ledger, SECOND)

    assert said in explain(*arguments, status=2)


def test_a_ledger_that_was_never_set_up_is_one_clear_error(home: Path) -> None:
    assert "finrisk init" in explain(status=6)
