"""The bake's policy: closed, safe by default, and never one that could not act."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from finrisk.specs.bake import Bake
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.policy import GatePolicy
from finrisk.specs.policy_text import policy_text
from tests.specs.factories import CREDIT_RISK, changed


def test_a_spec_that_says_nothing_bakes_ten_readings() -> None:
    bake = GatePolicy().bake

    assert (bake.enabled, bake.readings, bake.breaches, bake.last) == (True, 10, 3, 5)


def test_a_spec_says_otherwise_in_its_yaml() -> None:
    document = changed("gate", {"bake": {"enabled": False, "score_psi": 0.4}})

    bake = ModelSpec.model_validate(document).gate.bake

    assert (bake.enabled, bake.score_psi, bake.readings) == (False, 0.4, 10)


@pytest.mark.parametrize(
    "values",
    [
        {"psi": 0.25},
        {"breaches": 6},  # of the last 5
        {"breaches": 3, "readings": 2},  # passes before a third reading
        {"alert_volume": 1.0},
        {"score_psi": 0.0},
        {"error_rate": 1.5},
        {"release": 0.0},
        {"release": 1.1},
        {"margin": -0.1},
        {"cool_down_days": -1},
        {"min_rows": 5},
    ],
)
def test_a_policy_that_could_not_act_or_is_not_known_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Bake.model_validate(values)


def test_monthly_loans_are_read_less_often_and_sooner_judged() -> None:
    bake = load_spec(CREDIT_RISK).gate.bake

    assert (bake.readings, bake.breaches, bake.last) == (3, 2, 3)


def test_every_figure_stands_in_the_policy_s_text() -> None:
    shown = policy_text(GatePolicy())

    for name in Bake.model_fields:
        assert f"\n    {name}: " in shown
