"""One simulated year of one gate in one world, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finrisk.simulation.holdout import MovingHoldout, OwnPart
from finrisk.simulation.rivals import RIVALS, NightlyGate, ScoredHoldout
from finrisk.simulation.schedules import Setting
from finrisk.simulation.shipped_gate import ShippedGate
from finrisk.simulation.worlds import EQUAL, TrueModel, World

SHIPPED = "shipped"
WARM_UP_HOLDOUTS = 2
GATES = (*RIVALS, SHIPPED)


@dataclass(frozen=True, slots=True)
class YearOutcome:
    """What a gate did in a year.

    ``promoted_on`` are nights counted from the year's day 0; ``auc_change`` is the true AUC of the
    last champion less the first one's, whatever decayed; ``looks`` were taken.
    """

    promoted_on: tuple[float, ...]
    auc_change: float
    looks: int


@dataclass(slots=True)
class _Contender:
    truth: TrueModel
    own: OwnPart


def gate_named(name: str, setting: Setting) -> NightlyGate:
    """Return a gate that begins its first year."""
    return ShippedGate(setting) if name == SHIPPED else RIVALS[name]()


def simulate_year(
    setting: Setting,
    world: World,
    new_gate: Callable[[Setting], NightlyGate],
    rng: np.random.Generator,
) -> YearOutcome:
    """Run a year of looks.

    Two lengths of the hold-out of looks between equals go before and are not counted, so that the
    champion is as lucky as this gate's champions are. In a world that drifts, the drift begins on
    event day 0, and looks go on until a year after a gate could first see it.

    Parameters
    ----------
    setting : Setting
        Schedule, policy, rows and delay.
    world : World
        How good champion and challengers truly are.
    new_gate : callable
        Setting → a gate without memory.
    rng : numpy Generator
        All chance comes from here: the same for two gates, the same challengers for both.
    """
    gate = new_gate(setting)
    holdout = MovingHoldout(setting.shape, rng)
    first = world.first_champion(setting.true_auc)
    champion = _Contender(first, holdout.new_model())
    promoted_on: list[float] = []
    looks = setting.looks_in(setting.nights + _blind_days(setting, world))
    for look in range(1 - WARM_UP_HOLDOUTS * setting.shape.blocks, looks + 1):
        counted = look > 0
        night = look * setting.days_per_look
        tonight = world if counted else EQUAL
        truth = tonight.challenger(champion.truth, first, _trained_until(setting, night))
        challenger = _Contender(truth, holdout.new_model())
        if gate.promotes(_scored(setting, world, holdout, champion, challenger, night)):
            champion = challenger if counted else _Contender(first, challenger.own)
            promoted_on += [night] * counted
        if promoted_on and world.ends_with_promotion:
            break
        holdout.advance(champion.own)
    return YearOutcome(tuple(promoted_on), champion.truth.auc - first.auc, look)


def _trained_until(setting: Setting, night: float) -> float:
    embargo = setting.policy.holdout.embargo_days
    return night - setting.delay_days - setting.holdout_days - embargo


def _blind_days(setting: Setting, world: World) -> float:
    """Days from the drift's first event day to the first night on which a challenger is better."""
    if not world.decay_per_day:
        return 0.0
    if world.challengers_see == "all":
        return setting.delay_days
    return -_trained_until(setting, 0.0)


def _scored(
    setting: Setting,
    world: World,
    holdout: MovingHoldout,
    champion: _Contender,
    challenger: _Contender,
    night: float,
) -> ScoredHoldout:
    newest = night - setting.delay_days  # the end of the newest block
    age = holdout.block_numbers.max() - holdout.block_numbers + 0.5
    event_days = newest - age * setting.shape.days_per_block
    return ScoredHoldout(
        labels=holdout.labels,
        champion=holdout.scores(champion.own, world.auc_on(champion.truth, event_days)),
        challenger=holdout.scores(challenger.own, world.auc_on(challenger.truth, event_days)),
        clusters=holdout.clusters if setting.declares_clusters else None,
    )
