"""Early signals: figures of each model by hand, and unknown where there is too little."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.evaluation.early_signals import Scoring, alert_volume, early_signals
from finrisk.gate.bake import Signal
from finrisk.metrics.calibration import calibration_in_the_large
from finrisk.specs.bake import Bake

RNG = np.random.default_rng(7)
BEFORE, FRESH = RNG.beta(1, 9, size=4000), RNG.beta(1, 9, size=1000)
MATURED = RNG.beta(1, 9, size=3000)
LABELS = (RNG.random(3000) < MATURED).astype(np.int8)
NOTHING = np.zeros(0)


def scoring(**changes: Any) -> Scoring:
    sound = {"before": BEFORE, "fresh": FRESH, "matured": MATURED, "gives_probability": True}
    return Scoring(**{**sound, **changes})


def measured(champion: Scoring | None, labels: Any = LABELS) -> dict[str, float | None]:
    signals = early_signals(champion, scoring(), labels, Bake(), 0.3)
    return {signal.name: signal.champion for signal in signals}


def test_a_sound_model_shows_no_signal() -> None:
    found = measured(scoring())

    assert found["error_rate"] == 0.0
    assert found["score_psi"] is not None
    assert found["score_psi"] < 0.05
    assert found["alert_volume"] == pytest.approx(1.0, abs=0.3)
    assert found["calibration"] == calibration_in_the_large(LABELS, MATURED)


def test_scores_that_moved_show_in_each_signal() -> None:
    odds = 8.0 * FRESH / (1.0 - FRESH)
    lost = FRESH.copy()
    lost[:50] = np.nan

    moved = measured(scoring(fresh=odds / (1.0 + odds), matured=np.sqrt(MATURED)))

    assert (moved["score_psi"] or 0.0) > 1.0
    assert (moved["alert_volume"] or 0.0) > 3.0
    assert (moved["calibration"] or 0.0) < -1.0
    assert measured(scoring(fresh=lost))["error_rate"] == 0.05


@pytest.mark.parametrize(
    ("champion", "labels", "unknown"),
    [
        (None, LABELS, {"score_psi", "calibration", "alert_volume", "error_rate"}),
        (
            scoring(fresh=FRESH[:199]),
            LABELS,
            {"score_psi", "calibration", "alert_volume", "error_rate"},
        ),
        (scoring(gives_probability=False), LABELS, {"calibration", "alert_volume"}),
        (scoring(before=NOTHING), LABELS, {"score_psi", "alert_volume"}),
        (scoring(fresh=np.full(1000, np.nan)), LABELS, {"score_psi", "alert_volume"}),
        (scoring(), np.zeros(3000, dtype=np.int8), {"calibration"}),
        (scoring(matured=NOTHING), np.zeros(0, dtype=np.int8), {"calibration"}),
        (scoring(matured=np.where(MATURED > 0.5, np.nan, MATURED)), LABELS, {"calibration"}),
    ],
)
def test_what_cannot_be_measured_is_unknown(
    champion: Scoring | None, labels: Any, unknown: set[str]
) -> None:
    found = measured(champion, labels)

    assert {name for name, figure in found.items() if figure is None} == unknown


def test_beside_a_detector_a_model_is_not_asked_for_probabilities() -> None:
    signals = early_signals(scoring(), scoring(gives_probability=False), LABELS, Bake(), 0.3)

    known = {s.name for s in signals if s.champion is not None and s.predecessor is not None}
    assert known == {"score_psi", "error_rate"}
    assert [s.champion for s in signals if s.name in ("calibration", "alert_volume")] == [None] * 2


def test_each_signal_holds_both_models_and_the_policy_s_limit() -> None:
    policy = Bake(score_psi=0.3)

    signals = early_signals(scoring(), None, LABELS, policy, 0.3)

    assert signals[0] == Signal("score_psi", signals[0].champion, None, 0.3)
    assert all(signal.predecessor is None for signal in signals)


@pytest.mark.parametrize(
    ("before", "alerts", "rows", "ratio"),
    [
        (0.0, 0, 1000, 1.0),
        (0.0, 20, 1000, 2.0),
        (0.001, 4, 1000, 24 / 21),  # four times one alert is no news
        (0.1, 0, 1000, 20 / 120),
        (0.1, 220, 1000, 2.0),
    ],
)
def test_a_ratio_of_few_alerts_says_little(
    before: float, alerts: int, rows: int, ratio: float
) -> None:
    old = (np.arange(10_000) < before * 10_000).astype(float)
    new = (np.arange(rows) < alerts).astype(float)

    assert alert_volume(old, new, 0.5) == pytest.approx(ratio)
