from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from finrisk.errors import ConfigurationError, DataError, LabelError
from finrisk.metrics.ranking import ranking_metrics
from finrisk.pictures.curves import (
    MOST_POINTS,
    precision_recall_figure,
    precision_recall_picture,
    roc_figure,
    roc_picture,
)
from tests.pictures.factories import legend_texts, scored_rows, size_in_pixels, texts

Builder = Callable[..., Figure]
LABELS, CHAMPION, CHALLENGER = scored_rows()
BOTH = {"champion v3": CHAMPION, "challenger v4": CHALLENGER}


def curve(figure: Figure, place: int) -> tuple[Any, Any]:
    """Return a series' points; the chance line comes first."""
    line = figure.axes[0].get_lines()[1 + place]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


@pytest.mark.parametrize("picture", [roc_picture, precision_recall_picture])
def test_the_same_rows_give_the_same_png(picture: Callable[..., bytes]) -> None:
    png = picture(LABELS, BOTH)

    assert size_in_pixels(png) == (836, 550)
    assert picture(LABELS, BOTH) == png
    assert len(png) < 120_000


def test_the_roc_legend_says_each_auc_as_the_metrics_have_it() -> None:
    figure = roc_figure(LABELS, BOTH)

    assert legend_texts(figure.axes[0]) == [
        "chance",
        f"AUC {ranking_metrics(LABELS, CHAMPION).auc:.3f}: champion v3",
        f"AUC {ranking_metrics(LABELS, CHALLENGER).auc:.3f}: challenger v4",
    ]


def test_the_precision_recall_legend_says_each_average_precision() -> None:
    figure = precision_recall_figure(LABELS, BOTH)

    assert legend_texts(figure.axes[0]) == [
        "bad rate of all rows",
        f"AP {ranking_metrics(LABELS, CHAMPION).average_precision:.3f}: champion v3",
        f"AP {ranking_metrics(LABELS, CHALLENGER).average_precision:.3f}: challenger v4",
    ]


@pytest.mark.parametrize("builder", [roc_figure, precision_recall_figure])
def test_title_and_axes_say_the_rows_and_the_direction(builder: Builder) -> None:
    figure = builder(LABELS, BOTH, rows="development")

    bads = int(LABELS.sum())
    assert f"development: 2,000 rows, {bads} bads ({bads / 20:.1f} %)" in texts(figure)
    assert "better" in figure.axes[0].get_xlabel()
    assert "higher is better" in figure.axes[0].get_ylabel()


def test_the_roc_curve_runs_from_nobody_to_everybody() -> None:
    x, y = curve(roc_figure(LABELS, BOTH), 1)

    assert (x[0], y[0], x[-1], y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()


@pytest.mark.parametrize("levels", [None, 7])
def test_the_roc_curve_is_that_of_scikit_learn(levels: int | None) -> None:
    labels, _, score = scored_rows(300)
    score = score if levels is None else np.round(score * levels)

    x, y = curve(roc_figure(labels, {"score": score}), 0)

    fpr, tpr, _ = roc_curve(labels, score, drop_intermediate=False)
    assert x == pytest.approx(fpr)
    assert y == pytest.approx(tpr)


def test_the_precision_recall_curve_ends_at_the_bad_rate() -> None:
    figure = precision_recall_figure(LABELS, BOTH)
    x, y = curve(figure, 0)

    assert (x[0], x[-1]) == (0.0, 1.0)
    assert y[0] == y[1]  # a step to the left of the first cut-off
    assert y[-1] == pytest.approx(LABELS.mean())
    assert np.asarray(figure.axes[0].get_lines()[0].get_ydata())[0] == LABELS.mean()


def test_a_thinned_curve_is_nowhere_further_than_a_thousandth_from_the_whole_one() -> None:
    labels, _, score = scored_rows(100_000)

    x, y = curve(roc_figure(labels, {"score": score}), 0)

    fpr, tpr, _ = roc_curve(labels, score, drop_intermediate=False)
    assert len(x) <= MOST_POINTS
    assert np.abs(np.interp(fpr, x, y) - tpr).max() < 0.0025
    assert np.diff(x).max() < 0.0025
    assert np.diff(y).max() < 0.0025


def test_a_hundred_thousand_rows_take_a_few_columns_of_memory() -> None:
    labels, champion, challenger = scored_rows(100_000)
    roc_picture(labels, {"warm": champion})  # fonts and caches
    tracemalloc.start()
    try:
        roc_picture(labels, {"champion": champion, "challenger": challenger})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 20 * labels.nbytes  # 16 MB


def test_equal_scores_are_one_cutoff_whatever_the_order_of_the_rows() -> None:
    figure = roc_figure([0, 1, 0, 1], {"constant": [0.5] * 4})

    x, y = curve(figure, 0)

    assert (x.tolist(), y.tolist()) == ([0.0, 1.0], [0.0, 1.0])
    assert "AUC 0.500: constant" in legend_texts(figure.axes[0])


def test_a_name_that_matplotlib_would_hide_is_in_the_legend() -> None:
    figure = roc_figure(LABELS, {"_nolegend_": CHAMPION})

    assert legend_texts(figure.axes[0])[1].endswith(": _nolegend_")


@pytest.mark.parametrize("builder", [roc_figure, precision_recall_figure])
@pytest.mark.parametrize(
    ("labels", "scores", "error"),
    [
        ([0, 0], {"score": [0.1, 0.2]}, LabelError),
        ([1, 1], {"score": [0.1, 0.2]}, LabelError),
        ([], {"score": []}, DataError),
        ([0, 1], {"score": [0.1]}, DataError),
        ([0, 1], {"score": [0.1, np.nan]}, DataError),
        ([0, 1], {}, ConfigurationError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    builder: Builder, labels: Any, scores: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        builder(labels, scores)
