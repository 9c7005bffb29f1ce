from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finrisk.errors import ConfigurationError
from finrisk.gate.budget import z_needed
from finrisk.simulation.plan import alpha_of_a_look
from finrisk.simulation.schedules import setting_of, shipped_settings
from finrisk.specs.loader import load_spec
from finrisk.specs.policy import GatePolicy
from tests.simulation.factories import daily
from tests.specs.factories import CREDIT_RISK

DAILY, MONTHLY = shipped_settings(GatePolicy())


def test_the_shipped_policy_is_simulated_daily_and_monthly() -> None:
    needed = [
        round(z_needed(alpha_of_a_look(setting.policy.error_budget)), 2)
        for setting in (DAILY, MONTHLY)
    ]

    assert needed == [3.70, 2.71]
    assert [setting.looks_in(365) for setting in (DAILY, MONTHLY)] == [365, 12]


def test_a_models_own_policy_and_maturity_are_simulated() -> None:
    spec = load_spec(Path(CREDIT_RISK))

    setting = setting_of(spec)

    assert setting.policy == spec.gate
    assert setting.looks_per_year == 12
    assert setting.maturity_days == pytest.approx(6 * 365 / 12 + 30)


def test_labels_are_known_at_once_until_they_are_delayed() -> None:
    assert DAILY.delay_days == 0.0
    assert DAILY.delayed().delay_days == 7


def test_a_shorter_holdout_has_as_many_rows_a_day() -> None:
    shorter = DAILY.with_holdout_days(15)

    assert shorter.shape.bads_per_block == DAILY.shape.bads_per_block
    assert shorter.shape.bads == 600


def test_too_few_bads_for_the_policy_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"too few bads.*at least the policy's 200; got 50"
    ):
        shipped_settings(GatePolicy(), bads=50)


def test_clusters_may_go_undeclared() -> None:
    setting = daily()

    assert replace(setting.clustered(), declares_clusters=False) == setting.undeclared()
