"""A model that was registered by hand is reached by its name, without a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import Settings, load_settings
from finrisk.errors import ConfigurationError, SettingsError, UnknownModel
from finrisk.ledger.store import Ledger
from finrisk.pipelines.doctor.examination import examine
from finrisk.pipelines.named_model import NamedModel, without_spec
from finrisk.records import PromotionKind
from finrisk.setting_up import initialise
from tests.ledger.factories import AT, version
from tests.pipelines.lender import write_spec

MINE = "card_model"
RUN = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the shipped spec, and two versions of a model that has none."""
    write_spec(tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_ACTOR", "anna")
    initialise(Settings(home=tmp_path))
    with Ledger.open(load_settings()) as ledger:
        for number in (1, 2):
            ledger.remember_version(version(number).replace(model=MINE))
    return tmp_path


def promoted(number: int, epoch: int) -> None:
    with Ledger.open(load_settings()) as ledger:
        ledger.promote(
            MINE,
            version(number).replace(model=MINE),
            epoch or None,
            epoch,
            f"key {number}",
            kind=PromotionKind.FORCED,
            evidence_sha256=None,
            actor="anna",
            reason="a test",
            as_of=None,
            at=AT,
        )


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout + result.stderr


def answer(*arguments: str) -> Any:
    return json.loads(RUN.invoke(app, [*arguments, "--json"]).stdout)


def test_the_ledger_opens_in_the_scope_asked_for() -> None:
    assert NamedModel.open("credit_risk").ledger.scope == "live"
    assert NamedModel.open("credit_risk", "backtest").ledger.scope == "backtest"
    with pytest.raises(SettingsError, match="no scope"):
        NamedModel.open("credit_risk", "Back Test")


def test_without_a_spec_the_name_is_the_registered_one_and_days_are_those_of_utc() -> None:
    found = NamedModel.open(MINE)

    assert (found.registered_name, found.has_nights) == (MINE, False)
    assert found.day() == found.local_now().date() == found.now().date()
    assert NamedModel.open("credit_risk").has_nights
    with pytest.raises(ConfigurationError, match=r"2199-01-01 has not come yet.*UTC"):
        found.day(found.day().replace(year=2199, month=1, day=1))


def test_a_name_that_neither_a_spec_nor_the_ledger_knows_is_unknown() -> None:
    with pytest.raises(UnknownModel, match="no model 'nobodys'"):
        NamedModel.open("nobodys")
    with pytest.raises(UnknownModel):
        NamedModel.open(MINE, "another-scope")
    assert list(without_spec(load_settings())) == [MINE]


def test_a_broken_spec_that_may_be_the_models_own_is_told_instead(home: Path) -> None:
    (home / "conf" / "models" / "broken.yaml").write_text("{")

    with pytest.raises(ConfigurationError, match="broken"):
        NamedModel.open(MINE)
    assert list(without_spec(load_settings())) == []


def test_history_as_of_freeze_and_sign_take_the_name() -> None:
    promoted(1, 0)

    assert "v1 is champion (epoch 1, forced, by anna)" in finrisk("history", MINE)
    assert "card_model v1 decided" in finrisk("as-of", MINE, "2026-03-02")
    assert "v1 signed by anna" in finrisk("sign", MINE, "1", "--reason", "reviewed")
    until = ("--until", "2199-01-06", "--reason", "audit")
    assert answer("freeze", MINE, *until)["frozen_today"] is True


def test_a_promotion_without_evidence_says_that_no_night_will_judge_it() -> None:
    said = finrisk("promote", MINE, "2", "--reason", "better", status=5)

    assert "no night judges a model without a spec: force it" in said
    assert "or write a spec" in said


def test_force_and_rollback_reach_the_registry_under_the_same_name() -> None:
    promoted(1, 0)
    promoted(2, 1)

    for command in (["promote", MINE, "1", "--force"], ["rollback", MINE]):
        said = finrisk(*command, "--reason", "a drill", status=5 if "rollback" in command else 4)
        assert "no model" not in said
        assert MINE in said


def test_the_doctor_looks_at_it_as_well_but_asks_for_no_night() -> None:
    promoted(1, 0)

    every = {finding.check: finding for finding in examine()}
    alone = {finding.check for finding in examine(MINE)}

    assert every["card_model: champion"].found == "version 1 at epoch 1"
    assert every["card_model: chain in scope live"].found == "1 promotion, each as it was sealed"
    assert {"card_model: champion", "card_model: versions"} <= alone
    assert "card_model: last night" not in every
    assert "credit_risk: champion" not in alone
    assert "credit_risk: last night" in every
