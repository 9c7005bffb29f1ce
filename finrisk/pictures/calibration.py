"""Calibration: whether one in ten turns bad among the rows that were given 10 %."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from finrisk.metrics.calibration import brier_score
from finrisk.metrics.inputs import Flags, Floats, labels_and_probabilities
from finrisk.pictures import palette, style

BINS = 15  # as the calibration error of the metrics has them, so that the title's figure is theirs
NORMAL_95 = 1.959964
STRIP_BINS = 60
HEADROOM = 1.08
TALLEST_INTERVAL = 1.6  # of the highest point: one wide interval may not flatten all the others


@dataclass(frozen=True, slots=True)
class Reliability:
    """Equal-count bins: mean probability, observed bad rate, and its 95 % Wilson interval."""

    rows: Floats
    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of prediction and observation, weighted by rows, as the metrics have it."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.rows))


def reliability(bad: Flags, probability: Floats, *, bins: int = BINS) -> Reliability:
    """Return the bins of a reliability diagram, lowest probability first.

    Parameters
    ----------
    bad : (n,) array of bool
    probability : (n,) array of float in [0, 1]
        Probability of bad.
    bins : int
        Rows with one probability share a bin, as in the calibration error; so there may be fewer.

    Examples
    --------
    >>> both = reliability(np.array([False, True]), np.array([0.5, 0.5]))
    >>> both.predicted.tolist(), both.observed.tolist()
    ([0.5], [0.5])
    """
    _, position, ties = np.unique(probability, return_inverse=True, return_counts=True)
    twice_middle = 2 * np.cumsum(ties) - ties
    bin_of_row = (bins * twice_middle // (2 * probability.size))[position]
    held = np.bincount(bin_of_row, minlength=bins)
    rows = held[held > 0].astype(np.float64)
    bads = np.bincount(bin_of_row, weights=bad, minlength=bins)[held > 0]
    total = np.bincount(bin_of_row, weights=probability, minlength=bins)[held > 0]
    low, high = wilson_interval(bads, rows)
    return Reliability(rows, predicted=total / rows, observed=bads / rows, low=low, high=high)


def wilson_interval(bads: ArrayLike, rows: ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % score interval of a rate (Wilson 1927, JASA 22:209).

    Unlike the textbook's ± 1.96 standard errors it stays within [0, 1] and is not empty where no
    row, or every row, is bad.

    Examples
    --------
    >>> low, high = wilson_interval([0, 50], [10, 100])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.404], [0.278, 0.596])
    """
    k, n = np.asarray(bads, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    z2 = NORMAL_95**2
    middle = (k + z2 / 2) / (n + z2)
    half = NORMAL_95 * np.sqrt(k * (n - k) / n + z2 / 4) / (n + z2)
    # at the ends the interval touches the rate; in floats it may miss it by a last digit
    return np.minimum(middle - half, k / n).clip(0.0), np.maximum(middle + half, k / n).clip(max=1)


def calibration_picture(
    labels: ArrayLike, probability: ArrayLike, *, name: str, rows: str = style.HOLDOUT
) -> bytes:
    """Return :func:`calibration_figure` as PNG bytes."""
    return style.as_png(calibration_figure(labels, probability, name=name, rows=rows))


def calibration_figure(
    labels: ArrayLike, probability: ArrayLike, *, name: str, rows: str = style.HOLDOUT
) -> Figure:
    """Draw observed bad rates against probabilities in equal-count bins, rows in a strip below.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad.
    name : str
        Whose probabilities.
    rows : str
        Which rows these are, for the title. It also says Brier score and calibration error (ECE).

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    """
    bad, chance = labels_and_probabilities(labels, probability)
    points = reliability(bad, chance)
    brier, ece = brier_score(bad, chance), points.expected_calibration_error
    figure = style.page(
        f"Calibration of {style.name_text(name)}: Brier {brier:.4f}, ECE {ece:.4f}",
        style.rows_line(rows, bad),
    )
    end = axis_end(points)
    _draw_points(figure, points, end)
    _draw_strip(figure, chance, end)
    return figure


def axis_end(*drawn: Reliability) -> float:
    """Return where both axes end: a portfolio with 3 % bads needs no axis up to 100 %."""
    highest = max(float(max(p.predicted.max(), p.observed.max())) for p in drawn)
    tallest = min(max(float(p.high.max()) for p in drawn), TALLEST_INTERVAL * highest)
    return min(1.0, HEADROOM * max(highest, tallest))


def percent_digits(end: float) -> int:
    """Return the digits after the point of a per cent, by the length of the axis."""
    return 0 if end > 0.1 else 1 if end > 0.01 else 2  # noqa: PLR2004 - tenths of the axis


def _draw_points(figure: Figure, points: Reliability, end: float) -> None:
    axes = style.panel(
        figure, (0.10, 0.33, 0.87, 0.52), x_label="", y_label="observed bad rate (95 % interval)"
    )
    axes.plot(
        [0, 1], [0, 1], color=palette.GREY, linewidth=1.0, linestyle=":", label="as predicted"
    )
    axes.errorbar(
        points.predicted,
        points.observed,
        yerr=(points.observed - points.low, points.high - points.observed),
        color=palette.BLUE,
        linewidth=style.LINE_POINTS,
        elinewidth=1.0,
        capsize=2.5,
        marker="o",
        markersize=4.5,
        label="observed; above the line: riskier than predicted",
    )
    axes.set(xlim=(0.0, end), ylim=(0.0, end))
    axes.tick_params(labelbottom=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percent_formatter(percent_digits(end)))
    style.legend(axes, "upper left")


def _draw_strip(figure: Figure, chance: Floats, end: float) -> None:
    beyond = bool((chance > end).any())
    label = "predicted probability of bad (higher = riskier)"
    axes = style.panel(
        figure,
        (0.10, 0.12, 0.87, 0.16),
        x_label=f"{label}; the last bar holds all above" if beyond else label,
        y_label="rows",
    )
    held, edges = np.histogram(np.minimum(chance, end), bins=STRIP_BINS, range=(0.0, end))
    axes.stairs(held, edges, fill=True, color=palette.SKY_BLUE)
    axes.set(xlim=(0.0, end), ylim=(0.0, None))
    axes.locator_params(axis="y", nbins=2)
    axes.xaxis.set_major_formatter(style.percent_formatter(percent_digits(end)))
    axes.yaxis.set_major_formatter(style.counts_formatter())
