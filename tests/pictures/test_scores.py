from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from finrisk.errors import DataError, LabelError
from finrisk.pictures import palette
from finrisk.pictures.densities import FEWEST_BINS, MOST_BINS, density_edges
from finrisk.pictures.scores import (
    anomaly_figure,
    anomaly_picture,
    score_distribution_figure,
    score_distribution_picture,
)
from tests.pictures.factories import legend_texts, scored_rows, size_in_pixels, texts

LABELS, _, SCORE = scored_rows()
BADS, GOODS = int(LABELS.sum()), int((LABELS == 0).sum())


def outlines(axes: Axes) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return heights and edges of each labelled outline."""
    found = []
    for patch in axes.patches:
        if patch.get_label():
            data = patch.get_data()  # type: ignore[attr-defined]
            found.append((data.values, data.edges))
    return found


def test_the_same_rows_give_the_same_png() -> None:
    png = score_distribution_picture(LABELS, SCORE, name="challenger v4", cutoff=0.3)

    assert size_in_pixels(png) == (836, 550)
    assert score_distribution_picture(LABELS, SCORE, name="challenger v4", cutoff=0.3) == png
    assert len(png) < 120_000


def test_each_class_has_area_one_however_few_its_rows() -> None:
    (axes,) = score_distribution_figure(LABELS, SCORE, name="challenger v4").axes

    areas = [float(np.sum(density * np.diff(edges))) for density, edges in outlines(axes)]

    assert areas == pytest.approx([1.0, 1.0])


def test_legend_axis_and_title_say_classes_cutoff_direction_and_rows() -> None:
    figure = score_distribution_figure(LABELS, SCORE, name="challenger v4", cutoff=0.3)
    (axes,) = figure.axes

    declined = 100 * np.mean(SCORE >= 0.3)
    assert legend_texts(axes) == [
        f"good: {GOODS:,} rows, mean {SCORE[LABELS == 0].mean():.3g}",
        f"bad: {BADS:,} rows, mean {SCORE[LABELS == 1].mean():.3g}",
        f"cut-off 0.3: {declined:.1f} % declined",
    ]
    assert axes.get_xlabel().startswith("risk score (higher = riskier)")
    assert f"hold-out: 2,000 rows, {BADS} bads ({BADS / 20:.1f} %)" in texts(figure)


def test_the_cutoff_is_a_line_at_the_cutoff_and_on_the_axis() -> None:
    (axes,) = score_distribution_figure(LABELS, SCORE, name="x", cutoff=1.5).axes

    (line,) = axes.get_lines()
    assert list(line.get_xdata()) == [1.5, 1.5]  # type: ignore[arg-type]
    assert axes.get_xlim()[1] == 1.5


def test_classes_are_called_what_the_caller_calls_them() -> None:
    (axes,) = score_distribution_figure(LABELS, SCORE, name="x", classes=("genuine", "fraud")).axes

    assert [text.split(":")[0] for text in legend_texts(axes)] == ["genuine", "fraud"]


def test_one_odd_score_does_not_squeeze_the_others() -> None:
    odd = SCORE.copy()
    odd[0] = 1e9

    (axes,) = score_distribution_figure(LABELS, odd, name="x").axes

    assert axes.get_xlim()[1] <= 1.0
    (goods, edges), _ = outlines(axes)
    assert np.sum(goods * np.diff(edges)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fewest", "bins"), [(1, FEWEST_BINS), (100, 20), (900, MOST_BINS), (90_000, MOST_BINS)]
)
def test_the_smallest_class_decides_how_fine_the_bins_are(fewest: int, bins: int) -> None:
    edges = density_edges([np.linspace(0.0, 1.0, 100_000), np.linspace(0.0, 1.0, fewest)])

    assert edges.size == bins + 1


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e12])
def test_a_constant_score_is_drawn(value: float) -> None:
    edges = density_edges([np.full(10, value)])

    assert edges[0] < value < edges[-1]
    score_distribution_picture([0, 1] * 5, [value] * 10, name="constant")


@pytest.mark.parametrize(
    ("labels", "score", "error"),
    [
        ([0, 0], [0.1, 0.2], LabelError),
        ([], [], DataError),
        ([0, 1], [0.1, np.inf], DataError),
    ],
)
def test_scores_without_both_classes_are_an_error_and_no_picture(
    labels: Any, score: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        score_distribution_picture(labels, score, name="x")


def test_anomaly_scores_of_the_same_rows_give_the_same_png() -> None:
    png = anomaly_picture(SCORE, LABELS, name="isolation forest")

    assert size_in_pixels(png) == (836, 550)
    assert anomaly_picture(SCORE, LABELS, name="isolation forest") == png


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, ["label not known"]),
        ([0, 1, 1, 0], ["genuine", "fraud"]),
        ([0, np.nan, 1, np.nan], ["label not known", "genuine", "fraud"]),
        ([0, None, 0, 0], ["label not known", "genuine"]),
        (pd.Series([1, 1, pd.NA, 1], dtype="Int8"), ["label not known", "fraud"]),
    ],
    ids=["none", "all", "some", "one class", "nullable"],
)
def test_anomaly_scores_are_drawn_apart_for_each_class_that_is_known(
    labels: Any, words: list[str]
) -> None:
    figure = anomaly_figure([0.1, 0.2, 0.9, 0.4], labels, name="isolation forest")
    (axes,) = figure.axes

    assert [text.split(":")[0] for text in legend_texts(axes)] == words
    assert axes.get_xlabel().startswith("anomaly score (higher = stranger)")
    known = 0 if labels is None else int(pd.Series(labels).notna().sum())
    assert f"hold-out: 4 rows, {known} with a known label" in texts(figure)


def test_unknown_labels_are_grey() -> None:
    (axes,) = anomaly_figure([0.1, 0.2], name="x").axes

    assert axes.patches[0].get_facecolor()[:3] == to_rgb(palette.GREY)


@pytest.mark.parametrize(
    ("score", "labels", "error", "says"),
    [
        ([], None, DataError, "no column of numbers"),
        ([[0.1]], None, DataError, r"got shape \(1, 1\)"),
        (["a"], None, DataError, "no column of numbers"),
        ([0.1, np.nan], None, DataError, "got 1 of 2 NaN or infinite"),
        ([0.1, 0.2], [1], DataError, "expected 2 labels; got 1"),
        ([0.1, 0.2], [1, 2], LabelError, "expected 0, 1 or missing; got 1 of 2 others"),
        ([0.1, 0.2], ["good", "bad"], LabelError, "labels are no numbers"),
    ],
)
def test_unsound_anomaly_scores_are_an_error_and_no_picture(
    score: Any, labels: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        anomaly_picture(score, labels, name="x")
