"""`finrisk freeze` and `finrisk missed` as a person meets them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import load_settings
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from tests.clock import today
from tests.ledger.factories import AT, digest, night_decision

RUN = CliRunner()


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout


def answer(*arguments: str, status: int = 0) -> Any:
    return json.loads(finrisk(*arguments, "--json", status=status))


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_ACTOR", "anna")
    migrate(load_settings().ledger_url.get_secret_value())


def test_a_freeze_is_made_shown_and_lifted() -> None:
    until = str(today() + timedelta(days=9))
    assert finrisk("freeze", "credit_risk") == "credit_risk: no change freeze\n"

    made = answer("freeze", "credit_risk", "--until", until, "--reason", "year-end")

    assert (made["frozen_today"], made["today"]) == (True, str(today()))
    assert made["freeze"] | {"at": ""} == {
        "model": "credit_risk",
        "number": 1,
        "until": until,
        "reason": "year-end",
        "actor": "anna",
        "at": "",
    }
    assert f"is frozen today, {today()}: change freeze until {until} by anna: year-end" in finrisk(
        "freeze", "credit_risk"
    )
    lifted = finrisk("freeze", "credit_risk", "--lift", "--reason", "all clear", "--actor", "ben")
    assert f"is not frozen today, {today()}: change freeze lifted by ben: all clear" in lifted
    assert f"change freeze until {until} by anna: year-end" in lifted.splitlines()[1]
    shown = answer("freeze", "credit_risk")
    assert (shown["frozen_today"], len(shown["freezes"])) == (False, 2)


def test_a_mistyped_year_does_not_end_the_freeze_that_holds() -> None:
    answer("freeze", "credit_risk", "--until", str(today()), "--reason", "year-end")
    yesterday = str(today() - timedelta(days=1))

    error = answer("freeze", "credit_risk", "--until", yesterday, "--reason", "longer", status=2)

    assert f"expected {today()} or a later day" in error["error"]
    assert "to end the freeze that holds: --lift" in error["error"]
    assert answer("freeze", "credit_risk")["frozen_today"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reason", "year-end"], "expected --until DATE or --lift"),
        (["--actor", "ben"], "expected --until DATE or --lift"),
        (["--until", "9999-01-06"], "--reason is missing"),
        (["--lift", "--reason", "all clear"], "no change freeze to lift"),
        (["--until", "soon", "--reason", "x"], "expected a date such as"),
        (["--until", "9999-01-06", "--lift", "--reason", "x"], "exclude each other"),
    ],
)
def test_a_freeze_that_makes_no_sense_is_a_usage_error(arguments: list[str], said: str) -> None:
    result = RUN.invoke(app, ["freeze", "credit_risk", *arguments])

    assert result.exit_code == 2
    assert said in result.stderr
    assert finrisk("freeze", "credit_risk") == "credit_risk: no change freeze\n"


def record(as_of: date) -> None:
    with Ledger.open(load_settings()) as ledger:
        ledger.record_night(
            night_decision(as_of),
            snapshot_sha256=None,
            spec_sha256=digest("spec"),
            holdout_sha256=None,
            at=AT,
        )


def test_missed_nights_are_listed_with_the_last_that_was_recorded() -> None:
    last = today() - timedelta(days=4)
    record(last)

    shown = finrisk("missed", "credit_risk", "--grace-hours", "24")
    found = answer("missed", "credit_risk", "--grace-hours", "24")

    nights = [last + timedelta(days=n) for n in range(1, len(found["nights"]) + 1)]
    assert found["nights"] == [str(night) for night in nights]
    assert len(nights) in (2, 3)  # before or after two in the morning
    assert found["last_night"] == str(last)
    assert f"the last record is of {last}" in shown
    assert f"no record of {len(nights)} nights, {nights[0]} to {nights[-1]}" in shown
    assert f"without Airflow: `finrisk retrain credit_risk --as-of {nights[-1]}`" in shown
    assert len(shown.splitlines()) == 2


def test_nothing_missed_is_said_and_another_scope_asked() -> None:
    record(today())

    assert "is on record, or a later one" in finrisk("missed", "credit_risk")
    other = finrisk("missed", "credit_risk", "--scope", "drill")
    assert "no night was ever recorded" in other
    assert len(other.splitlines()) == 2
