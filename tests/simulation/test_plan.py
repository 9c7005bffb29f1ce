from __future__ import annotations

from collections import Counter

import pytest

from finrisk.errors import ConfigurationError
from finrisk.simulation.plan import VARIANTS, Extent, Gains, alpha_of_a_look, plan
from finrisk.specs.policy import ErrorBudget
from tests.simulation.factories import daily

EXTENT = Extent(years=3, size_looks=7, gates=("higher",))


def test_a_looks_alpha_is_the_budgets() -> None:
    assert alpha_of_a_look(ErrorBudget(looks_per_year=12)) == pytest.approx(0.04 / 12)


def test_a_policy_without_scheduled_looks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the policy grants no scheduled look"):
        alpha_of_a_look(ErrorBudget(scheduled_share=0.0))


def test_the_shipped_gate_takes_part_whichever_gates_are_asked_for() -> None:
    keys = [piece.key for piece in plan(daily(), Gains(0.02, 0.03), EXTENT, guards=())]

    assert {key.gate for key in keys if key.figure == "equal"} == {"higher", "shipped"}


def test_each_gate_meets_each_world_for_as_many_years() -> None:
    keys = Counter(piece.key for piece in plan(daily(), Gains(0.02, 0.03), EXTENT, guards=()))

    years = {key: n for key, n in keys.items() if key.figure in ("equal", "creep", "drift")}
    assert set(years.values()) == {3}
    assert {key.variant for key in years} == {"", *VARIANTS}


def test_clusters_make_the_detectable_difference_larger() -> None:
    gains = Gains.of(daily(), Extent(size_looks=20))

    assert gains.clustered > gains.independent > 0.0
