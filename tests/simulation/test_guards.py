from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finrisk.config import SHIPPED_CONF
from finrisk.metrics.calibration import calibration_in_the_large, calibration_slope
from finrisk.simulation.guards import probabilities, shipped_guards
from finrisk.specs.loader import load_spec
from tests.simulation.factories import daily, in_terminals, scored

SETTING = daily()


def test_a_model_against_itself_is_not_blocked() -> None:
    found = scored()

    assert not shipped_guards(SETTING, replace(found, challenger=found.champion), 0.0, seed=1)


def test_a_model_that_is_worse_everywhere_is_blocked_on_every_metric() -> None:
    blocked = shipped_guards(SETTING, scored(-0.1), -0.1, seed=1)

    assert {
        "keeps_ks",
        "keeps_average_precision",
        "keeps_detection_rate_at_fpr_5pct",
        "keeps_brier",
    } <= set(blocked)


def test_a_better_model_passes_on_clustered_rows_too() -> None:
    assert not shipped_guards(SETTING, scored(0.05), 0.05, seed=1)
    assert not shipped_guards(SETTING, scored(0.1, shape=in_terminals()), 0.1, seed=1)


@pytest.mark.parametrize("name", ["credit_risk", "fraud"])
def test_the_guards_of_every_shipped_policy_can_be_simulated(name: str) -> None:
    spec = load_spec(SHIPPED_CONF / f"{name}.yaml")
    setting = daily(policy=spec.gate)

    assert not shipped_guards(setting, scored(0.1, shape=in_terminals()), 0.1, seed=1)


def test_scores_become_calibrated_probabilities() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([1, 0], [4000, 36000]).astype(np.int8)
    score = rng.normal(size=40_000) + labels * 1.19023

    chance = probabilities(score, labels, true_auc=0.80)

    assert calibration_in_the_large(labels, chance) == pytest.approx(0.0, abs=0.06)
    assert calibration_slope(labels, chance) == pytest.approx(1.0, abs=0.05)
