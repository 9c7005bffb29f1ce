from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from finrisk.errors import ConfigurationError, DataError
from finrisk.evidence import PairedFigure
from finrisk.pictures.differences import (
    WORSE_COLOUR,
    differences_figure,
    differences_picture,
    worse_share,
)
from tests.pictures.factories import size_in_pixels, texts

CHANCE = np.random.default_rng(1)
RESAMPLED = {
    "ks": CHANCE.normal(0.04, 0.012, 2000),
    "detection_rate_at_fpr_5pct": CHANCE.normal(-0.02, 0.01, 2000),
    "brier": CHANCE.normal(-0.001, 0.0008, 2000),
}
FIGURES = {
    name: PairedFigure(0.3, 0.3, float(v.mean()), *(float(q) for q in np.quantile(v, (0.05, 0.95))))
    for name, v in RESAMPLED.items()
}


def lines(axes: Axes) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"-": [], "--": [], ":": []}
    for line in axes.get_lines():
        found[str(line.get_linestyle())].append(float(line.get_xdata()[0]))  # type: ignore[index]
    return found


def counted(axes: Axes, *, worse: bool) -> float:
    return sum(
        float(np.sum(patch.get_data().values))  # type: ignore[attr-defined]
        for patch in axes.patches
        if (patch.get_facecolor() == to_rgba(WORSE_COLOUR)) is worse
    )


def test_the_same_differences_give_the_same_png() -> None:
    png = differences_picture(RESAMPLED, FIGURES)

    width, _ = size_in_pixels(png)
    assert width == 836
    assert differences_picture(RESAMPLED, FIGURES) == png
    assert len(png) < 80_000


def test_zero_the_bounds_and_the_difference_are_marked() -> None:
    ks = differences_figure(RESAMPLED, FIGURES).axes[0]

    found, figure = lines(ks), FIGURES["ks"]
    assert found["-"] == [0.0]
    assert found["--"] == [figure.lower, figure.upper]
    assert found[":"] == [figure.difference]


def test_each_panel_says_which_side_is_better_and_how_often_it_was_worse() -> None:
    ks, rate, brier = differences_figure(RESAMPLED, FIGURES).axes

    assert ks.get_xlabel() == rate.get_xlabel() == "Δ, above 0 is better"
    assert brier.get_xlabel() == "Δ, below 0 is better"
    worse = 100 * np.mean(RESAMPLED["detection_rate_at_fpr_5pct"] < 0)
    assert rate.get_title(loc="left") == f"detection rate at FPR 5 %\nworse in {worse:.1f} %"


def test_every_replicate_is_drawn_on_its_side_of_zero() -> None:
    axes = differences_figure(RESAMPLED, FIGURES).axes

    for panel, (name, values) in zip(axes, RESAMPLED.items(), strict=True):
        worse = values > 0 if name == "brier" else values < 0
        assert counted(panel, worse=True) == worse.sum()
        assert counted(panel, worse=False) == (~worse).sum()


def test_more_metrics_make_a_taller_picture() -> None:
    two_rows = {f"lift_top_{n}pct": RESAMPLED["ks"] for n in range(1, 5)}

    assert (
        size_in_pixels(differences_picture(two_rows, {}))[1]
        > size_in_pixels(differences_picture(RESAMPLED, {}))[1]
    )


def test_a_metric_that_never_differs_is_drawn() -> None:
    differences_picture({"ks": np.zeros(200)}, {})


def test_replicates_without_a_figure_are_left_out() -> None:
    values = np.array([0.1, np.nan, 0.2, np.inf])

    (axes,) = differences_figure({"ks": values}, {}).axes

    assert counted(axes, worse=False) == 2


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_swapping_the_models_swaps_the_sides(values: list[float]) -> None:
    differences = np.array(values)

    one = worse_share(differences, lower_is_better=False)
    other = worse_share(-differences, lower_is_better=False)

    assert one == worse_share(-differences, lower_is_better=True)
    assert one + other == pytest.approx(np.mean(differences != 0))


@pytest.mark.parametrize(
    ("resampled", "error"),
    [
        ({}, ConfigurationError),
        ({f"m{n}": [0.1] for n in range(13)}, ConfigurationError),
        ({"ks": []}, DataError),
        ({"ks": [np.nan]}, DataError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    resampled: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        differences_picture(resampled, {})


def test_the_title_names_both_models_and_the_rows() -> None:
    found = texts(differences_figure(RESAMPLED, FIGURES, names=("v3", "v4 xgb")))

    assert "What chance does to the differences of v4 xgb and v3" in found
    assert any(text.startswith("hold-out, resampled.") for text in found)
