from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.alerts import AlertsByDay, alerts_by_day
from finrisk.pictures import style
from finrisk.pictures.alerts import MISSED_ALPHA, MOST_MARKED_DAYS, alerts_figure, alerts_picture
from tests.pictures.factories import legend_texts, scored_rows, size_in_pixels, texts

LABELS, A, B = scored_rows()
DAYS = np.datetime64("2024-02-25") + (np.arange(2_000) % 10).astype("timedelta64[D]")
CHAMPION, CHALLENGER = (alerts_by_day(LABELS, score, DAYS, k=20) for score in (A, B))
BOTH = (CHAMPION, CHALLENGER)


def bars(axes: Axes, colour: str, *, pale: bool) -> list[Rectangle]:
    alpha = MISSED_ALPHA if pale else None
    return [
        bar
        for bar in axes.patches
        if isinstance(bar, Rectangle)
        and bar.get_facecolor()[:3] == to_rgb(colour)
        and bar.get_alpha() == alpha
    ]


def test_the_same_days_give_the_same_png() -> None:
    png = alerts_picture(BOTH, k=20)

    width, _ = size_in_pixels(png)
    assert width == 836
    assert alerts_picture(BOTH, k=20) == png
    assert len(png) < 120_000


@pytest.mark.parametrize("series", [0, 1])
def test_each_day_stacks_what_was_missed_on_what_was_caught(series: int) -> None:
    counts, _ = alerts_figure(BOTH, k=20).axes

    colour, _ = style.look_of(series)
    caught, missed = (bars(counts, colour, pale=pale) for pale in (False, True))
    assert [bar.get_height() for bar in caught] == BOTH[series].bads_caught.tolist()
    tops = [bar.get_y() + bar.get_height() for bar in missed]
    assert tops == pytest.approx(CHAMPION.bads.tolist())


def test_precision_is_a_line_a_model() -> None:
    _, precision = alerts_figure(BOTH, k=20).axes

    lines = precision.get_lines()
    assert [line.get_linestyle() for line in lines] == ["-", "--"]
    for line, of in zip(lines, BOTH, strict=True):
        assert list(line.get_ydata()) == of.precision.tolist()  # type: ignore[arg-type]


def test_titles_axes_and_legends_say_budget_rows_direction_and_means() -> None:
    figure = alerts_figure(BOTH, names=("v3", "v4 xgb"), k=20)
    counts, precision = figure.axes

    found = texts(figure)
    assert "Fraud caught with an alert budget of 20 a day" in found
    assert f"hold-out: 10 days, 2,000 rows, {LABELS.sum():,} frauds" in found
    assert counts.get_ylabel() == "frauds a day\n(pale: missed)"
    assert precision.get_ylabel() == "precision\n(higher is better)"
    share = 100 * CHAMPION.at_budget.recall
    assert legend_texts(counts)[0] == f"v3: {CHAMPION.bads_caught.sum():.0f} caught ({share:.1f} %)"
    assert legend_texts(precision)[1] == f"v4 xgb: mean {100 * CHALLENGER.daily_precision:.1f} %"


def test_one_model_is_drawn_alone() -> None:
    counts, precision = alerts_figure([CHAMPION], names=["champion"], k=20).axes

    assert len(legend_texts(counts)) == len(legend_texts(precision)) == 1


def test_the_legends_hide_no_bar_and_no_point() -> None:
    for axes in alerts_figure(BOTH, k=20).axes:
        assert axes.figure is not None
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
        legend = axes.get_legend()
        assert legend is not None
        lowest = axes.transData.inverted().transform(legend.get_window_extent().p0)[1]
        tops = [p.get_y() + p.get_height() for p in axes.patches if isinstance(p, Rectangle)]
        points = [float(y) for line in axes.get_lines() for y in np.asarray(line.get_ydata())]
        assert lowest > max(tops + points)


@pytest.mark.parametrize("days", [1, 2, 9, 31, 60])
def test_some_days_are_named_however_many_there_are(days: int) -> None:
    day = np.datetime64("2024-01-30") + (np.arange(2_000) % days).astype("timedelta64[D]")
    of = alerts_by_day(LABELS, A, day, k=20)

    counts, _ = alerts_figure([of], names=["champion"], k=20).axes

    named = [label.get_text() for label in counts.get_xticklabels()]
    assert named[0] == "2024-01-30"
    assert min(days, MOST_MARKED_DAYS // 2) <= len(named) <= MOST_MARKED_DAYS


def test_nothing_caught_is_drawn_and_no_precision_is_marked_above_one() -> None:
    labels, days = [1, 0, 0, 1], [1, 1, 2, 2]
    perfect = alerts_by_day(labels, [0.9, 0.1, 0.1, 0.9], days, k=1)
    useless = alerts_by_day(labels, [0.1, 0.9, 0.9, 0.1], days, k=1)

    alerts_picture([useless], names=["useless"], k=1)
    _, precision = alerts_figure([perfect, useless], k=1).axes

    assert max(precision.get_yticks()) == pytest.approx(1.0)


def test_heights_of_a_low_precision_are_told_apart() -> None:
    labels = np.repeat([0, 1, 0], [199, 1, 200])
    of = alerts_by_day(labels, np.arange(400) % 200, np.repeat([1, 2], 200), k=100)
    figure = alerts_figure([of], names=["champion"], k=100)

    texts(figure)  # ticks get their labels when drawn
    named = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert len(set(named)) == len(named) >= 3


@pytest.mark.parametrize(
    ("by_day", "names", "error"),
    [
        ([], [], ConfigurationError),
        ([CHAMPION] * 3, ["a", "b", "c"], ConfigurationError),
        ([CHAMPION], ["a", "b"], ConfigurationError),
        ([CHAMPION, replace(CHALLENGER, days=CHALLENGER.days + 1)], ["a", "b"], DataError),
        ([CHAMPION, replace(CHALLENGER, bads=CHALLENGER.bads + 1)], ["a", "b"], DataError),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_no_picture(
    by_day: list[AlertsByDay], names: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        alerts_picture(by_day, names=names, k=20)
