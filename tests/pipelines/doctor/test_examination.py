"""The whole examination, on installations at different ages: it tells, and changes nothing."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.pipelines.doctor.examination import examine
from finrisk.pipelines.doctor.findings import Finding, Health, exit_status
from finrisk.setting_up import initialise
from tests.pipelines.lender import write_spec


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_spec(tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_before_init_it_says_what_to_run_and_makes_nothing(home: Path) -> None:
    before = contents(home)

    findings = list(examine())

    found = by_check(findings)
    assert exit_status(findings) == 6
    assert found["ledger"].remedy == "finrisk init"
    assert "finrisk init" in (found["keys"].remedy or "")
    assert found["MLflow tracking"].outcome is Health.WARN
    assert found["credit_risk"].found == "not checked: the ledger cannot be read"
    assert contents(home) == before


def test_a_fresh_installation_has_no_failure_and_stays_as_it_is(home: Path) -> None:
    initialise(Settings(home=home))
    before = contents(home)

    findings = list(examine())

    found = by_check(findings)
    assert exit_status(findings) == 0, findings
    assert found["MLflow experiment"].outcome is Health.OK
    assert found["clock against the home folder"].outcome is Health.OK
    assert found["credit_risk: versions"].found == "none is registered yet"
    assert contents(home) == before


def test_an_mlflow_database_that_was_never_made_is_not_made_now(home: Path) -> None:
    initialise(Settings(home=home))
    (home / "mlflow.db").unlink()

    findings = list(examine("credit_risk"))

    assert exit_status(findings) == 0, findings
    assert by_check(findings)["MLflow tracking"].outcome is Health.WARN
    assert not (home / "mlflow.db").exists()


def test_every_check_runs_though_the_first_ones_fail(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_LEDGR_URL", "sqlite:///x.db")
    monkeypatch.setenv("FINRISK_REMOTE_RETRIES", "0")
    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    initialise(Settings(home=home))
    (home / "conf" / "models" / "broken.yaml").write_text("name: 3")
    (home / "keys" / "signing.pem").chmod(0o644)

    found = by_check(list(examine()))

    failed = [name for name, finding in found.items() if finding.outcome is Health.FAIL]
    assert failed == ["settings", "spec broken.yaml", "keys", "MLflow tracking"]
    assert found["ledger"].outcome is Health.OK
    assert found["credit_risk: MLflow"].outcome is Health.WARN


def test_a_home_that_is_not_there_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(home / "nowhere"))

    found = by_check(list(examine()))

    assert found["locations"].outcome is Health.FAIL
    assert "clock against the home folder" not in found
    assert not (home / "nowhere").exists()


def test_a_clock_that_is_an_hour_off_fails(home: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)

    found = by_check(list(examine(clock=lambda: ahead)))["clock against the home folder"]

    assert (found.outcome, found.exit_status) == (Health.FAIL, 2)
    assert "ahead" in found.found
