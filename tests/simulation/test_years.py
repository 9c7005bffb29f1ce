from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from finrisk.simulation.rivals import ScoredHoldout
from finrisk.simulation.schedules import Setting
from finrisk.simulation.worlds import CREEP, DRIFT, DRIFT_LEARNT_LATE, EQUAL, World, better
from finrisk.simulation.years import YearOutcome, simulate_year
from tests.simulation.factories import daily

SHORT = daily(nights=40)


class Promoting:
    """A gate that promotes as it is told, and keeps what it saw."""

    def __init__(self, when: Callable[[int], bool]) -> None:
        self.seen: list[ScoredHoldout] = []
        self._when = when

    def promotes(self, scored: ScoredHoldout) -> bool:
        self.seen.append(scored)
        return self._when(len(self.seen))


def year(
    gate: Promoting, world: World = EQUAL, setting: Setting = SHORT, seed: int = 3
) -> YearOutcome:
    return simulate_year(setting, world, lambda _: gate, np.random.default_rng(seed))


def always(_: int) -> bool:
    return True


def never(_: int) -> bool:
    return False


def test_losses_of_a_creeping_champion_add_up_and_the_warm_up_does_not_count() -> None:
    outcome = year(Promoting(always), CREEP)

    assert len(outcome.promoted_on) == 40
    assert outcome.auc_change == pytest.approx(40 * CREEP.gain)


def test_without_promotions_nothing_changes() -> None:
    assert year(Promoting(never), CREEP) == YearOutcome((), 0.0, 40)


def test_looks_between_equals_go_before_the_first_night() -> None:
    gate = Promoting(never)

    year(gate)

    assert len(gate.seen) == 2 * SHORT.shape.blocks + 40


def test_a_world_that_ends_with_a_promotion_ends_with_the_first_counted_one() -> None:
    outcome = year(Promoting(always), better(0.01))

    assert outcome.promoted_on == (1.0,)
    assert outcome.looks == 1


@pytest.mark.parametrize(
    ("world", "setting", "looks"),
    [
        (DRIFT, SHORT, 40),
        (DRIFT, SHORT.delayed(), 47),
        (DRIFT_LEARNT_LATE, SHORT.delayed(), 58),
    ],
)
def test_a_year_of_drift_lasts_until_a_year_after_it_can_be_seen(
    world: World, setting: Setting, looks: int
) -> None:
    assert year(Promoting(never), world, setting).looks == looks


def gap_of_bads(gate: Promoting) -> list[float]:
    """How far the challenger's bads stand above the champion's, each look."""
    return [float((s.challenger - s.champion)[:200].mean()) for s in gate.seen]


@pytest.mark.parametrize(("setting", "first_seen"), [(SHORT, 0), (SHORT.delayed(), 7)])
def test_the_drift_is_seen_only_as_labels_mature(setting: Setting, first_seen: int) -> None:
    drift, equal = Promoting(never), Promoting(never)
    year(drift, replace(DRIFT, decay_per_day=0.01, ends_with_promotion=False), setting)
    year(equal, EQUAL, setting)

    pairs = zip(gap_of_bads(drift), gap_of_bads(equal), strict=False)
    differs = [a - b > 1e-9 for a, b in pairs][2 * setting.shape.blocks :]
    assert differs.index(True) == first_seen


def test_a_promoted_challenger_keeps_its_luck_on_the_rows_that_stay() -> None:
    gate = Promoting(lambda look: look == 1)

    year(gate)

    staying = slice(20, 200)  # all bads but those of the block that left
    assert (gate.seen[0].challenger[staying] == gate.seen[1].champion[staying]).all()


def test_the_same_seed_gives_two_gates_the_same_challengers_until_one_promotes() -> None:
    one, other = Promoting(never), Promoting(lambda look: look == 5)
    year(one)
    year(other)

    for look in range(5):
        assert (one.seen[look].challenger == other.seen[look].challenger).all()
