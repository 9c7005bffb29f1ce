from __future__ import annotations

import pytest

from finrisk.config import Settings
from finrisk.errors import SettingsError, UnknownModel
from finrisk.pipelines.rooms import Rooms, open_ledger


def test_a_scope_has_its_own_registered_name(rooms: Rooms) -> None:
    assert rooms.registered_name == f"credit-risk-{rooms.settings.scope}"


def test_the_register_of_landed_files_is_of_one_scope_and_model(rooms: Rooms) -> None:
    scope = rooms.settings.scope

    assert rooms.landing_register == rooms.settings.store / "landing" / scope / "credit_risk.json"


def test_the_clock_knows_its_zone(rooms: Rooms) -> None:
    assert rooms.now().tzinfo is not None


def test_a_model_nobody_declared_opens_nothing(shared: Settings) -> None:
    with pytest.raises(UnknownModel, match="credit_risk"):
        Rooms.open("credit_rsk", shared)


def test_the_ledger_alone_opens_in_the_scope_asked_for(
    shared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(shared.home))

    assert open_ledger("credit_risk").scope == "live"
    assert open_ledger("credit_risk", "backtest").scope == "backtest"
    with pytest.raises(SettingsError, match="no scope"):
        open_ledger("credit_risk", "Back Test")
