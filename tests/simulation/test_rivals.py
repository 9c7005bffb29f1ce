from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finrisk.metrics.ranking import ranking_metrics
from finrisk.simulation.rivals import RIVALS, LoggedMetric, ScoredHoldout, _auc
from tests.simulation.factories import scored


def separated(champion: float, challenger: float) -> ScoredHoldout:
    """Scores of which exactly these shares of bads outrank all goods, the others none."""
    labels = np.repeat(np.array([1, 0], dtype=np.int8), 1000)
    goods = np.linspace(0.4, 0.6, 1000)

    def score(auc: float) -> np.ndarray:
        bads = np.where(np.arange(1000) < round(1000 * auc), 0.9, 0.1)
        return np.concatenate([bads + np.linspace(0.0, 0.01, 1000), goods])

    return ScoredHoldout(labels, score(champion), score(challenger))


@pytest.mark.parametrize(
    ("name", "gain", "promotes"),
    [
        ("higher", 0.001, True),
        ("higher", 0.0, False),
        ("higher_by_0.005", 0.006, True),
        ("higher_by_0.005", 0.004, False),
        ("nightly_delong", 0.006, True),
        ("nightly_delong", 0.001, False),
        ("non_inferiority", 0.0, True),
        ("non_inferiority", -0.02, False),
    ],
)
def test_a_rival_promotes_by_its_own_rule(name: str, gain: float, promotes: bool) -> None:
    assert RIVALS[name]().promotes(separated(0.80, 0.80 + gain)) is promotes


def test_the_logged_metric_is_of_another_night() -> None:
    gate = LoggedMetric()

    assert not gate.promotes(separated(champion=0.80, challenger=0.79))
    assert not gate.promotes(separated(champion=0.70, challenger=0.80))
    assert gate.promotes(separated(champion=0.85, challenger=0.81))
    assert not gate.promotes(separated(champion=0.70, challenger=0.81))


def test_the_quick_auc_is_the_kernels() -> None:
    found = scored()

    kernels = ranking_metrics(found.labels, found.champion).auc

    assert _auc(found.labels, found.champion) == pytest.approx(kernels, abs=1e-12)


@pytest.mark.parametrize("name", sorted(RIVALS))
def test_no_rival_promotes_a_model_that_ranks_backwards(name: str) -> None:
    found = scored()

    assert not RIVALS[name]().promotes(replace(found, challenger=-found.challenger))
