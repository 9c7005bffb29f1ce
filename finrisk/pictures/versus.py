"""Champion against challenger, row by row: where they disagree, and who changes side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from finrisk.metrics.inputs import Flags, Floats, labels_and_scores
from finrisk.pictures import palette, style
from finrisk.pictures.densities import DENSITY, density_edges, draw_densities

HEXAGONS = 40
FAINTEST = 0.2  # rows that would be white: one row alone is still seen
LEFT: style.Rectangle = (0.09, 0.12, 0.40, 0.68)
RIGHT: style.Rectangle = (0.58, 0.12, 0.40, 0.68)
_CORNER = 0.03


@dataclass(frozen=True, slots=True)
class Flips:
    """Shares of all rows that the challenger decides otherwise than the champion."""

    newly_declined: float
    newly_approved: float

    @property
    def share(self) -> float:
        """Share of rows on another side of the cut-off, in [0, 1]."""
        return self.newly_declined + self.newly_approved


def flips(champion: Floats, challenger: Floats, cutoff: float) -> Flips:
    """Count the rows that change side at a cut-off.

    Parameters
    ----------
    champion, challenger : (n,) arrays of float
        Risk scores of the same rows, higher = riskier, on one scale.
    cutoff : float
        A row at or above it is declined.

    Examples
    --------
    >>> flips(np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.6, 0.2, 0.4, 0.8]), 0.5)
    Flips(newly_declined=0.25, newly_approved=0.25)
    """
    before, after = champion >= cutoff, challenger >= cutoff
    return Flips(
        newly_declined=float(np.mean(after & ~before)),
        newly_approved=float(np.mean(before & ~after)),
    )


def versus_picture(
    labels: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    cutoff: float | None = None,
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`versus_figure` as PNG bytes."""
    return style.as_png(
        versus_figure(labels, champion, challenger, names=names, cutoff=cutoff, rows=rows)
    )


def versus_figure(
    labels: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    cutoff: float | None = None,
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw both models' scores of each row, and challenger − champion by outcome.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    champion, challenger : (n,) array-likes of finite floats
        Risk scores of the same rows, higher = riskier, on one scale.
    names : pair of str
        What to call champion and challenger.
    cutoff : float, optional
        Score at and above which a row is declined; the picture then says who changes side.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    """
    bad, (before, after) = labels_and_scores(labels, champion, challenger)
    old, new = (style.name_text(name, longest=style.LONGEST_NAME // 2) for name in names)
    subtitle = style.rows_line(rows, bad)
    if cutoff is not None:
        changed = flips(before, after, cutoff)
        subtitle += f"; {100 * changed.share:.1f} % change side at cut-off {cutoff:.3g}"
    figure = style.page(f"Risk scores of {new} against {old}", subtitle)
    axes = style.panel(
        figure, LEFT, x_label=f"{old} (higher = riskier)", y_label=f"{new} (higher = riskier)"
    )
    _draw_hexagons(axes, before, after, cutoff)
    if cutoff is not None:
        _draw_sides(axes, cutoff, changed)
    _draw_differences(figure, bad, after - before)
    return figure


def _draw_hexagons(axes: Axes, before: Floats, after: Floats, cutoff: float | None) -> None:
    ends = density_edges((before, after), cutoff)
    low, high = float(ends[0]), float(ends[-1])
    shown = (before >= low) & (before <= high) & (after >= low) & (after <= high)
    axes.hexbin(
        before[shown],
        after[shown],
        gridsize=HEXAGONS,
        extent=(low, high, low, high),
        bins="log",
        vmin=FAINTEST,
        mincnt=1,
        cmap="Blues",
        edgecolors="none",
        linewidths=0,
        antialiased=False,  # a third of the bytes
    )
    axes.plot([low, high], [low, high], color=palette.GREY, linewidth=1.0, linestyle=":")
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set_title("each row (darker: more rows)", fontsize=style.TEXT_POINTS, loc="left")


def mark_cutoff(axes: Axes, cutoff: float) -> None:
    """Draw the score at which a row is declined on both axes."""
    for line in (axes.axvline, axes.axhline):
        line(cutoff, color=palette.BLACK, linewidth=1.0, linestyle="--")


def _draw_sides(axes: Axes, cutoff: float, changed: Flips) -> None:
    """Mark the cut-off on both axes and say what lies in the two corners of disagreement."""
    mark_cutoff(axes, cutoff)
    for x, y, across, up, text in (
        (
            _CORNER,
            1 - _CORNER,
            "left",
            "top",
            f"newly declined {100 * changed.newly_declined:.1f} %",
        ),
        (
            1 - _CORNER,
            _CORNER,
            "right",
            "bottom",
            f"newly approved {100 * changed.newly_approved:.1f} %",
        ),
    ):
        axes.text(
            x,
            y,
            text,
            transform=axes.transAxes,
            horizontalalignment=across,
            verticalalignment=up,
            fontsize=style.SMALL_POINTS,
            color=palette.BLACK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )


def _draw_differences(figure: Figure, bad: Flags, difference: Floats) -> None:
    axes = style.panel(
        figure, RIGHT, x_label="challenger − champion (above 0: riskier now)", y_label=DENSITY
    )
    by_class = {
        "good": (difference[~bad], palette.GOOD_COLOUR),
        "bad": (difference[bad], palette.BAD_COLOUR),
    }
    draw_densities(axes, by_class, 0.0)
    axes.axvline(0.0, color=palette.GREY, linewidth=1.0, linestyle=":")
    axes.set_title("difference, by outcome", fontsize=style.TEXT_POINTS, loc="left")
    style.legend(axes, "upper right")
