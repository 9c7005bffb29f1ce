from __future__ import annotations

import math

import pytest

from finrisk.errors import DataError
from finrisk.pictures import palette
from finrisk.pictures.importance import MOST_BARS, importance_figure, importance_picture
from tests.pictures.factories import size_in_pixels, texts

FEW = {"income": 0.5, "age": -0.7, "home": 0.1}
MANY = {f"feature_{place:02}": float(place) for place in range(1, 31)}


def bars(importance: dict[str, float]) -> list[float]:
    """Return the bars' lengths from the top of the picture to its foot."""
    (axes,) = importance_figure(importance, name="x", measure="gain").axes
    low, high = axes.get_ylim()
    assert low > high
    return [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]


def test_the_same_features_give_the_same_png() -> None:
    png = importance_picture(MANY, name="challenger v4", measure="gain")

    assert importance_picture(MANY, name="challenger v4", measure="gain") == png
    assert size_in_pixels(png)[0] == 836
    assert len(png) < 120_000


def test_more_features_make_a_higher_picture_up_to_twenty() -> None:
    heights = [
        size_in_pixels(importance_picture(dict(list(MANY.items())[:n]), name="x", measure="gain"))[
            1
        ]
        for n in (3, 10, 20, 30)
    ]

    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_the_longest_bar_is_on_top_whatever_its_sign() -> None:
    assert bars(FEW) == [-0.7, 0.5, 0.1]


def test_only_the_twenty_most_important_are_drawn_and_the_title_says_so() -> None:
    figure = importance_figure(MANY, name="challenger v4", measure="gain", rows="hold-out")

    found = texts(figure)
    assert bars(MANY) == [float(place) for place in range(30, 30 - MOST_BARS, -1)]
    assert "hold-out: 20 of 30 features" in found
    assert "feature_11" in found
    assert "feature_10" not in found


def test_the_axis_says_what_a_bar_measures() -> None:
    (axes,) = importance_figure(FEW, name="x", measure="gain (share of all splits)").axes

    assert axes.get_xlabel() == "gain (share of all splits) (longer = matters more)"


def test_a_negative_importance_has_a_colour_of_its_own() -> None:
    (axes,) = importance_figure(FEW, name="x", measure="gain").axes

    negative, positive, _ = (bar.get_facecolor() for bar in axes.patches)
    assert negative != positive
    assert palette.BLUE != palette.VERMILION


def test_equals_are_ordered_by_name() -> None:
    one_way = importance_picture({"a": 1.0, "b": 1.0}, name="x", measure="gain")

    assert importance_picture({"b": 1.0, "a": 1.0}, name="x", measure="gain") == one_way


@pytest.mark.parametrize(
    ("importance", "says"),
    [
        ({}, "no importances"),
        ({"income": math.nan, "age": 1.0}, "got 1 of 2 NaN or infinite"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    importance: dict[str, float], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        importance_picture(importance, name="x", measure="gain")
