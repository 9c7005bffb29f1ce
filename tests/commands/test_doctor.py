from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from tests.pipelines.lender import write_spec

RUN = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_spec(tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


def test_a_table_a_summary_and_the_worst_status() -> None:
    result = RUN.invoke(app, ["doctor"])

    assert result.exit_code == 6
    assert "finrisk init" in result.stdout
    assert "result" in result.stdout
    assert result.stderr == ""  # its progress is for a terminal
    last = result.stdout.strip().splitlines()[-1]
    assert last.endswith("fail")
    assert "2 fail" in last


def test_json_holds_every_finding_and_the_status() -> None:
    result = RUN.invoke(app, ["doctor", "credit_risk", "--json"])

    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_status"] == 6
    ledger = next(finding for finding in told["findings"] if finding["check"] == "ledger")
    assert ledger["outcome"] == "fail"
    assert ledger["remedy"] == "finrisk init"
    assert told["summary"].endswith("2 fail")


def test_a_model_nobody_declared_is_a_finding() -> None:
    result = RUN.invoke(app, ["doctor", "credit_rsk", "--json"])

    found = [f for f in json.loads(result.stdout)["findings"] if f["check"] == "specs"]
    assert "did you mean credit_risk?" in found[-1]["remedy"]
