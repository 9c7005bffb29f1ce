"""Resampled differences of champion and challenger: what chance alone does to each metric's Δ."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError, DataError
from finrisk.evidence import PairedFigure
from finrisk.gate.figures import known, label
from finrisk.metrics.inputs import Floats
from finrisk.pictures import palette, style

ACROSS = 3
MOST_METRICS = 12
PANEL_INCHES = 2.20
TOP_INCHES, TITLE_INCHES, BOTTOM_INCHES = 0.70, 0.45, 0.62
WIDTH, GAP, MARGIN = 0.29, 0.035, 0.03
BINS = 48
LOWER_IS_BETTER = frozenset({"brier"})
WORSE_COLOUR, BETTER_COLOUR = palette.VERMILION, palette.SKY_BLUE


def differences_picture(
    resampled: Mapping[str, ArrayLike],
    figures: Mapping[str, PairedFigure],
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    lower_is_better: Collection[str] = LOWER_IS_BETTER,
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`differences_figure` as PNG bytes."""
    return style.as_png(
        differences_figure(
            resampled, figures, names=names, lower_is_better=lower_is_better, rows=rows
        )
    )


def differences_figure(
    resampled: Mapping[str, ArrayLike],
    figures: Mapping[str, PairedFigure],
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    lower_is_better: Collection[str] = LOWER_IS_BETTER,
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw each metric's resampled differences, challenger − champion, in a panel of its own.

    The solid line is 0, the dashed ones are the bounds, the dotted one is Δ itself. What lies on
    the worse side of 0 has another colour, and its share is said.

    Parameters
    ----------
    resampled : mapping of a metric's name to a (B,) array-like of floats
        One difference a replicate; those that are not finite are left out and counted. 1 to 12
        metrics.
    figures : mapping of a metric's name to PairedFigure
        Δ and its bounds; a metric without them has no lines.
    names : pair of str
        What to call champion and challenger.
    lower_is_better : collection of str
        The metrics for which a difference above 0 is the worse one.
    rows : str
        Which rows were resampled, for the title.

    Raises
    ------
    ConfigurationError
        No metric, or more than 12.
    DataError
        A metric without one finite difference.
    """
    if not 1 <= len(resampled) <= MOST_METRICS:
        raise ConfigurationError(
            "a picture cannot hold so many metrics",
            expected=f"1 to {MOST_METRICS}",
            got=len(resampled),
        )
    old, new = (style.name_text(name, longest=style.LONGEST_NAME // 2) for name in names)
    down = math.ceil(len(resampled) / ACROSS)
    height = TOP_INCHES + down * PANEL_INCHES
    figure = style.page(
        f"What chance does to the differences of {new} and {old}",
        f"{rows}, resampled. Solid: 0. Dashed: bounds. Dotted: Δ. Orange: the worse side of 0.",
        height_inches=height,
    )
    for place, (metric, differences) in enumerate(resampled.items()):
        row, column = divmod(place, ACROSS)
        bottom = (height - TOP_INCHES - (row + 1) * PANEL_INCHES + BOTTOM_INCHES) / height
        rectangle = (
            MARGIN + column * (WIDTH + GAP),
            bottom,
            WIDTH,
            (PANEL_INCHES - TITLE_INCHES - BOTTOM_INCHES) / height,
        )
        lower_wins = metric in lower_is_better
        axes = style.panel(
            figure,
            rectangle,
            x_label=f"Δ, {'below' if lower_wins else 'above'} 0 is better",
            y_label="",
        )
        _draw_metric(axes, metric, _finite(metric, differences), figures.get(metric), lower_wins)
    return figure


def worse_share(differences: Floats, *, lower_is_better: bool) -> float:
    """Return the share of replicates in which the challenger is the worse one, in [0, 1].

    Examples
    --------
    >>> worse_share(np.array([-0.1, 0.0, 0.1, 0.2]), lower_is_better=False)
    0.25
    """
    worse = differences > 0.0 if lower_is_better else differences < 0.0
    return float(np.mean(worse))


def _finite(metric: str, differences: ArrayLike) -> Floats:
    values = np.asarray(differences, dtype=np.float64).ravel()
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise DataError(
            f"no difference of {metric} to draw",
            expected="one finite difference a replicate",
            got=f"{values.size} values, none finite",
        )
    return finite


def _draw_metric(
    axes: Axes, metric: str, differences: Floats, figure: PairedFigure | None, lower_wins: bool
) -> None:
    marks = [] if figure is None else [known(figure.lower), known(figure.upper)]
    bounds = [bound for bound in marks if bound is not None]
    edges = _edges(differences, bounds)
    held, _ = np.histogram(differences, bins=edges)
    middles = 0.5 * (edges[:-1] + edges[1:])
    worse = middles > 0.0 if lower_wins else middles < 0.0
    for members, colour in ((worse, WORSE_COLOUR), (~worse, BETTER_COLOUR)):
        axes.stairs(np.where(members, held, 0), edges, fill=True, color=colour)
    axes.axvline(0.0, color=palette.BLACK, linewidth=1.4)
    for bound in bounds:
        axes.axvline(bound, color=palette.BLACK, linewidth=1.0, linestyle="--")
    if figure is not None:
        axes.axvline(figure.difference, color=palette.BLACK, linewidth=1.2, linestyle=":")
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0.0, 1.08 * held.max()), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    share = 100 * worse_share(differences, lower_is_better=lower_wins)
    title = style.name_text(label(metric))
    axes.set_title(f"{title}\nworse in {share:.1f} %", fontsize=style.TEXT_POINTS, loc="left")


def _edges(differences: Floats, bounds: Collection[float]) -> Floats:
    """Return equal bins that show 0 and the bounds; 0 is an edge, so no bar is on both sides."""
    ends = (*bounds, 0.0, float(differences.min()), float(differences.max()))
    width = (max(ends) - min(ends)) / BINS or 0.001
    first, last = math.floor(min(ends) / width) - 1, math.ceil(max(ends) / width) + 1
    return width * np.arange(first, last + 1, dtype=np.float64)
