"""Calibration of champion and challenger on the same rows, in one picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from finrisk.metrics.calibration import brier_score
from finrisk.metrics.inputs import Floats, labels_and_probabilities
from finrisk.pictures import palette, style
from finrisk.pictures.calibration import (
    STRIP_BINS,
    Reliability,
    axis_end,
    percent_digits,
    reliability,
)

POINTS: style.Rectangle = (0.10, 0.33, 0.87, 0.52)
STRIP: style.Rectangle = (0.10, 0.12, 0.87, 0.16)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def calibrations_picture(
    labels: ArrayLike, probabilities: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> bytes:
    """Return :func:`calibrations_figure` as PNG bytes."""
    return style.as_png(calibrations_figure(labels, probabilities, rows=rows))


def calibrations_figure(
    labels: ArrayLike, probabilities: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> Figure:
    """Draw observed bad rates against probabilities for each model, rows in a strip below.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probabilities : mapping of a model's name to an (n,) array-like of floats in [0, 1]
        Probability of bad on the same rows, 1 to 7 models; the legend says each one's Brier score
        and calibration error (ECE), of both of which lower is better.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    ConfigurationError
        No model, or more than 7.
    """
    style.require_drawable(probabilities)
    bads = {name: labels_and_probabilities(labels, p) for name, p in probabilities.items()}
    drawn = {name: reliability(bad, chance) for name, (bad, chance) in bads.items()}
    scores = {name: brier_score(bad, chance) for name, (bad, chance) in bads.items()}
    bad = next(iter(bads.values()))[0]
    end = axis_end(*drawn.values())
    called = " and ".join(style.name_text(name, longest=18) for name in probabilities)
    figure = style.page(f"Calibration of {called}", style.rows_line(rows, bad))
    _draw_points(figure, drawn, scores, end)
    _draw_strip(figure, {name: chance for name, (_, chance) in bads.items()}, end)
    return figure


def _draw_points(
    figure: Figure, drawn: Mapping[str, Reliability], scores: Mapping[str, float], end: float
) -> None:
    axes = style.panel(figure, POINTS, x_label="", y_label="observed bad rate (95 % interval)")
    axes.plot(
        [0, 1],
        [0, 1],
        color=palette.GREY,
        linewidth=1.0,
        linestyle=":",
        label="as predicted; above it: riskier than predicted",
    )
    for place, (name, points) in enumerate(drawn.items()):
        colour, dashes = style.look_of(place)
        ece = points.expected_calibration_error
        axes.errorbar(
            points.predicted,
            points.observed,
            yerr=(points.observed - points.low, points.high - points.observed),
            color=colour,
            linestyle=dashes,
            linewidth=style.LINE_POINTS,
            elinewidth=0.9,
            capsize=2.5,
            marker=MARKERS[place],
            markersize=4.5,
            label=f"Brier {scores[name]:.4f}, ECE {ece:.4f}: {style.name_text(name)}",
        )
    axes.set(xlim=(0.0, end), ylim=(0.0, end))
    axes.tick_params(labelbottom=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percent_formatter(percent_digits(end)))
    style.legend(axes, "upper left")


def _draw_strip(figure: Figure, chances: Mapping[str, Floats], end: float) -> None:
    beyond = any(bool((chance > end).any()) for chance in chances.values())
    label = "predicted probability of bad (higher = riskier)"
    axes = style.panel(
        figure,
        STRIP,
        x_label=f"{label}; the last step holds all above" if beyond else label,
        y_label="rows",
    )
    for place, chance in enumerate(chances.values()):
        colour, dashes = style.look_of(place)
        held, edges = np.histogram(np.minimum(chance, end), bins=STRIP_BINS, range=(0.0, end))
        axes.stairs(held, edges, color=colour, linestyle=dashes, linewidth=1.2)
    axes.set(xlim=(0.0, end), ylim=(0.0, None))
    axes.locator_params(axis="y", nbins=2)
    axes.xaxis.set_major_formatter(style.percent_formatter(percent_digits(end)))
    axes.yaxis.set_major_formatter(style.counts_formatter())
