from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.simulation.worlds import (
    CREEP,
    DRIFT,
    DRIFT_LEARNT_LATE,
    EQUAL,
    WORSE,
    TrueModel,
    World,
    better,
)

FIRST = TrueModel(0.80)
LATER = TrueModel(0.78)
DAYS = np.arange(-40.0, 400.0, 7.0)


@pytest.mark.parametrize(
    ("world", "auc"), [(EQUAL, 0.78), (CREEP, 0.779), (WORSE, 0.79), (better(0.01), 0.81)]
)
def test_a_challenger_is_measured_from_the_champion_of_then_or_from_the_first(
    world: World, auc: float
) -> None:
    assert world.challenger(LATER, FIRST, trained_until=0.0).auc == pytest.approx(auc)


def test_a_drifting_champion_loses_nothing_before_day_0_and_a_fixed_amount_a_day_after() -> None:
    champion = DRIFT.first_champion(0.80)

    aucs = DRIFT.auc_on(champion, np.array([-30.0, 0.0, 100.0]))

    assert aucs == pytest.approx([0.80, 0.80, 0.80 - 100 * DRIFT.decay_per_day])


def test_a_challenger_that_sees_all_does_not_decay() -> None:
    challenger = DRIFT.challenger(DRIFT.first_champion(0.80), FIRST, trained_until=-37.0)

    assert (DRIFT.auc_on(challenger, DAYS) == 0.80).all()


@given(st.floats(min_value=-100.0, max_value=400.0))
def test_a_challenger_that_learns_late_is_never_worse_than_the_champion(until: float) -> None:
    world, champion = DRIFT_LEARNT_LATE, DRIFT_LEARNT_LATE.first_champion(0.80)

    gap = world.auc_on(world.challenger(champion, champion, until), DAYS) - world.auc_on(
        champion, DAYS
    )

    assert (gap >= 0.0).all()
    assert gap.max() <= world.decay_per_day * max(0.0, until) + 1e-12
