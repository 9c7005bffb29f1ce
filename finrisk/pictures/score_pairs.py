"""Both models' score of each row, goods apart from bads: who is seen as riskier than before."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from finrisk.metrics.inputs import Floats, labels_and_scores
from finrisk.pictures import palette, style
from finrisk.pictures.densities import density_edges
from finrisk.pictures.versus import FAINTEST, HEXAGONS, LEFT, RIGHT, mark_cutoff

MOST_POINTS = 3_000  # of a class: above it, points hide each other and hexagons are drawn
FAINT, DARK = "#EEF2F5", "#101418"


def score_pairs_picture(
    labels: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    cutoff: float | None = None,
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`score_pairs_figure` as PNG bytes."""
    return style.as_png(
        score_pairs_figure(labels, champion, challenger, names=names, cutoff=cutoff, rows=rows)
    )


def score_pairs_figure(
    labels: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    cutoff: float | None = None,
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw the challenger's score against the champion's, one panel for goods and one for bads.

    Above the diagonal the challenger says more risk. Neither panel is good or bad by itself: a
    challenger that was calibrated to more risk moves both up; one that ranks better moves bads up
    against goods. A class of more than 3,000 rows is drawn as hexagons, darker where rows are many.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    champion, challenger : (n,) array-likes of finite floats
        Risk scores of the same rows, higher = riskier, on one scale.
    names : pair of str
        What to call champion and challenger.
    cutoff : float, optional
        Score at and above which a row is declined; drawn on both axes.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    """
    bad, (before, after) = labels_and_scores(labels, champion, challenger)
    old, new = (style.name_text(name, longest=style.LONGEST_NAME // 2) for name in names)
    figure = style.page(f"Scores of {new} against {old}, by outcome", style.rows_line(rows, bad))
    ends = density_edges((before[bad], before[~bad], after[bad], after[~bad]), cutoff)
    for rectangle, word, members, colour in (
        (LEFT, "goods", ~bad, palette.GOOD_COLOUR),
        (RIGHT, "bads", bad, palette.BAD_COLOUR),
    ):
        axes = style.panel(
            figure,
            rectangle,
            x_label=f"{old} (higher = riskier)",
            y_label=f"{new} (higher = riskier)",
        )
        _draw_class(axes, before[members], after[members], (ends[0], ends[-1]), colour)
        if cutoff is not None:
            mark_cutoff(axes, cutoff)
        riskier = 100 * float(np.mean(after[members] > before[members]))
        axes.set_title(
            f"{word}: {riskier:.1f} % above the line (riskier now)",
            fontsize=style.TEXT_POINTS,
            loc="left",
        )
    return figure


def _draw_class(
    axes: Axes, before: Floats, after: Floats, ends: tuple[float, float], colour: str
) -> None:
    low, high = ends
    if before.size <= MOST_POINTS:
        axes.scatter(
            before.clip(low, high),
            after.clip(low, high),
            s=9,
            color=colour,
            alpha=0.35,
            linewidths=0,
        )
    else:
        shown = (before >= low) & (before <= high) & (after >= low) & (after <= high)
        axes.hexbin(
            before[shown],
            after[shown],
            gridsize=HEXAGONS,
            extent=(low, high, low, high),
            bins="log",
            vmin=FAINTEST,
            mincnt=1,
            cmap=LinearSegmentedColormap.from_list("class", [FAINT, colour, DARK]),
            edgecolors="none",
            linewidths=0,
            antialiased=False,
        )
    for colour_of_line, width in (
        ("white", 2.4),
        (palette.BLACK, 1.0),
    ):  # seen on dark hexagons too
        axes.plot([low, high], [low, high], color=colour_of_line, linewidth=width, linestyle=":")
    axes.set(xlim=(low, high), ylim=(low, high))
