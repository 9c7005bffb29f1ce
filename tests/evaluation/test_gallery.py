from __future__ import annotations

import numpy as np

from finrisk.evaluation.gallery import contest_pictures
from finrisk.pictures.differences import MOST_METRICS
from tests.evaluation.factories import pair
from tests.pictures.factories import PNG_SIGNATURE, scored_rows

LABELS, CHAMPION, CHALLENGER = scored_rows(600)
NAMES = ("v5", "v7 xgboost")
DIFFERENCES = np.random.default_rng(1).normal(0.02, 0.01, 200)


def test_a_contest_is_shown_whole_what_decides_first() -> None:
    shown = contest_pictures(
        LABELS,
        CHAMPION,
        CHALLENGER,
        names=NAMES,
        cutoff=0.5,
        resampled={"ks": DIFFERENCES},
        figures={"ks": pair(0.3, 0.02, 0.02)},
    )

    assert list(shown) == [
        "champion_and_challenger_roc",
        "champion_and_challenger_scores",
        "champion_and_challenger_calibration",
        "resampled_differences",
        "champion_v_challenger",
        "champion_and_challenger_precision_recall",
    ]
    assert all(png.startswith(PNG_SIGNATURE) for png in shown.values())


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    shown = contest_pictures(LABELS, 9 * CHAMPION, CHALLENGER, names=NAMES, cutoff=0.5)

    assert not {"champion_and_challenger_calibration", "resampled_differences"} & set(shown)


def test_many_metrics_cost_no_picture() -> None:
    many = {f"precision_at_{n}": DIFFERENCES for n in range(1, MOST_METRICS + 5)}

    shown = contest_pictures(LABELS, CHAMPION, CHALLENGER, names=NAMES, cutoff=0.5, resampled=many)

    assert "resampled_differences" in shown
