"""Small simulated hold-outs: a sixth of the rows, a third of the days."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from finrisk.simulation.holdout import HoldoutShape, MovingHoldout, Terminals
from finrisk.simulation.rivals import ScoredHoldout
from finrisk.simulation.schedules import Setting, shipped_settings
from finrisk.specs.policy import GatePolicy

SMALL = HoldoutShape(bads=200, goods=1000, blocks=10)


def daily(**changes: Any) -> Setting:
    """The shipped policy looking every day at a small hold-out, with these changes."""
    setting, _ = shipped_settings(GatePolicy(), bads=200)
    return replace(setting, **{"shape": SMALL, **changes})


def in_terminals(**changes: Any) -> HoldoutShape:
    """The small shape with rows that come from terminals."""
    return replace(SMALL, terminals=Terminals(**changes))


def scored(gain: float = 0.0, seed: int = 0, shape: HoldoutShape = SMALL) -> ScoredHoldout:
    """Two models on one hold-out, the challenger truly better by ``gain``."""
    holdout = MovingHoldout(shape, np.random.default_rng(seed))
    auc = np.full(shape.blocks, 0.80)
    return ScoredHoldout(
        holdout.labels,
        champion=holdout.scores(holdout.new_model(), auc),
        challenger=holdout.scores(holdout.new_model(), auc + gain),
        clusters=holdout.clusters,
    )
