"""`finrisk gate self-test` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.errors import ConfigurationError
from tests.specs.factories import CREDIT_RISK

RUN = CliRunner()
QUICK = (
    *("--years", "1", "--nights", "31", "--bads", "200", "--size-looks", "5"),
    *("--workers", "1", "--gate", "shipped"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_CONF", str(CREDIT_RISK))


def self_test(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, ["gate", "self-test", *arguments])
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout


def test_a_models_own_policy_is_tested_and_told_as_json() -> None:
    report = json.loads(self_test("credit_risk", *QUICK, "--json"))

    assert report["schedule"] == "credit_risk"
    assert report["assumptions"]["z_needed"] == pytest.approx(2.713, abs=1e-3)
    assert report["equal"]["false_promotions_per_year"] == 0.0


def test_without_json_it_is_a_table_and_progress_is_apart() -> None:
    shown = self_test("--schedule", "monthly", *QUICK)

    assert shown.startswith("### monthly: 12 looks a year, z needed 2.71")
    assert "pieces of work" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gate", "coin"), "no such gate"),
        (("--schedule", "weekly"), "no such schedule; expected daily or monthly; got weekly"),
        (("--bads", "50"), "too few bads"),
        (("nobody",), "nobody"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(arguments: tuple[str, ...], message: str) -> None:
    result = RUN.invoke(app, ["gate", "self-test", *QUICK, *arguments])

    assert result.exit_code == ConfigurationError.exit_status
    assert message in result.stderr
