"""A class's values as an outline of area 1, so that few bads are seen beside many goods."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes

from finrisk.metrics.inputs import Floats
from finrisk.pictures import style

FEWEST_BINS, MOST_BINS = 10, 60
TAIL = 0.005
"""Share of a class beyond either end of the axis, held by the outermost bars: a few odd values
would squeeze all the others into one bar."""
HEADROOM = 1.25  # for the legend, so that it hides no peak

DENSITY = "density within the class"
TAILS = "outermost bars hold the tails"


def density_edges(classes: Collection[Floats], within: float | None = None) -> Floats:
    """Return the edges of equal bins over all but the tails of every class.

    There are 10 to 60 of them, twice the root of the smallest class: in a bin a row, a few bads
    would be a comb.

    Parameters
    ----------
    classes : (n,) arrays of finite float, n ≥ 1 in each
    within : float, optional
        A value that the axis has to show as well, a cut-off for instance.

    Examples
    --------
    >>> density_edges([np.array([0.2, 0.2]), np.array([0.6, 0.6])], 0.0)[[0, -1]].tolist()
    [0.0, 0.6]
    """
    ends = [end for values in classes for end in np.quantile(values, (TAIL, 1.0 - TAIL)).tolist()]
    if within is not None:
        ends.append(within)
    low, high = min(ends), max(ends)
    if high <= low:  # values that are all the same still have a place on the axis
        margin = 0.01 * max(abs(low), 1.0)
        low, high = low - margin, high + margin
    smallest = min(values.size for values in classes)
    bins = min(max(int(2 * math.sqrt(smallest)), FEWEST_BINS), MOST_BINS)
    return np.linspace(low, high, bins + 1)


def draw_densities(
    axes: Axes, classes: Mapping[str, tuple[Floats, str]], within: float | None = None
) -> None:
    """Draw each class with its rows and mean in the legend; the outermost bars hold the tails.

    Parameters
    ----------
    axes : Axes
    classes : mapping of what the legend calls a class to its values and its colour
        Values: (n,) array of finite float, n ≥ 1.
    within : float, optional
        A value that the axis has to show as well.
    """
    edges = density_edges([values for values, _ in classes.values()], within)
    highest = 0.0
    for word, (values, colour) in classes.items():
        density, _ = np.histogram(values.clip(edges[0], edges[-1]), bins=edges, density=True)
        highest = max(highest, float(density.max()))
        axes.stairs(density, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(
            density,
            edges,
            color=colour,
            linewidth=style.LINE_POINTS,
            label=f"{word}: {values.size:,} rows, mean {values.mean():.3g}",
        )
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0.0, HEADROOM * highest))
