from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from finrisk.errors import DataError
from finrisk.pictures.tuning import tuning_figure, tuning_picture
from tests.pictures.factories import legend_texts, size_in_pixels, texts

SCORES = [0.70, None, 0.72, 0.71, math.nan, 0.73]


def line(label: str, **how: Any) -> tuple[list[float], list[float]]:
    (axes,) = tuning_figure(SCORES, name="challenger", **how).axes
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.asarray(found.get_xdata()).tolist(), np.asarray(found.get_ydata()).tolist()


def test_the_same_trials_give_the_same_png() -> None:
    png = tuning_picture(SCORES, name="challenger")

    assert tuning_picture(SCORES, name="challenger") == png
    assert size_in_pixels(png) == (836, 550)


def test_trials_are_drawn_by_number_and_those_without_a_score_are_marked() -> None:
    assert line("trial") == ([1, 3, 4, 6], [0.70, 0.72, 0.71, 0.73])
    assert line("pruned or failed") == ([2, 5], [0.0, 0.0])


@pytest.mark.parametrize(
    ("higher", "best"),
    [
        (True, [0.70, 0.70, 0.72, 0.72, 0.72, 0.73]),
        (False, [0.70, 0.70, 0.70, 0.70, 0.70, 0.70]),
    ],
)
def test_the_best_so_far_never_gets_worse(higher: bool, best: list[float]) -> None:
    assert line("best so far", higher_is_better=higher) == ([1, 2, 3, 4, 5, 6], best)


def test_title_and_axis_say_the_best_trial_and_the_direction() -> None:
    figure = tuning_figure(SCORES, name="challenger", measure="Brier", higher_is_better=False)

    assert "6 trials, 2 of them pruned or failed; best 0.7000 in trial 1" in texts(figure)
    assert figure.axes[0].get_ylabel() == "Brier (lower is better)"


def test_a_first_trial_that_failed_leaves_the_best_open() -> None:
    (axes,) = tuning_figure([None, 0.7], name="x").axes

    best = next(line for line in axes.get_lines() if line.get_label() == "best so far")
    values = np.asarray(best.get_ydata())
    assert np.isnan(values[0])
    assert values[1] == 0.7
    tuning_picture([None, 0.7], name="x")


def test_without_failures_the_legend_does_not_speak_of_them() -> None:
    (axes,) = tuning_figure([0.7], name="x").axes

    assert legend_texts(axes) == ["trial", "best so far"]


@pytest.mark.parametrize("scores", [[], [None], [math.nan, math.inf]])
def test_a_search_without_a_finished_trial_is_an_error_and_no_picture(scores: Any) -> None:
    with pytest.raises(DataError, match="no finished trial to draw"):
        tuning_picture(scores, name="x")
