"""Features then and now: small multiples, development against hold-out.

All multiples stand on one pair of axes, each in a cell of its own: twelve axes with their ticks
take half a second to draw, twelve cells a fifth of that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.columns import Columns
from finrisk.metrics.inputs import Floats
from finrisk.pictures import palette, style
from finrisk.pictures.shares import FeatureShares, feature_shares

MOST_FEATURES = 12
COLUMNS = 4
SAMPLED_ROWS = 20_000
"""Rows drawn of either part: a share is then off by 0.7 points at most, a line's width."""

HEAD_INCHES, LINE_INCHES = 0.75, 1.40
CELL_WIDTH, CELL_HEIGHT, TITLE_HEIGHT = 0.88, 0.58, 0.18  # of a feature's unit square
LONGEST_TITLE = 24


def feature_picture(
    development: Columns, holdout: Columns, *, features: Sequence[str] | None = None
) -> bytes:
    """Return :func:`feature_figure` as PNG bytes."""
    return style.as_png(feature_figure(development, holdout, features=features))


def feature_figure(
    development: Columns, holdout: Columns, *, features: Sequence[str] | None = None
) -> Figure:
    """Draw how each feature is spread over development and hold-out rows.

    Parameters
    ----------
    development, holdout : tables of n and m rows and k columns
        Features, at least one row each. A number is drawn between the 1 % and 99 % quantiles of the
        development rows; a category by rank of its size there, without its name.
    features : sequence of str, optional
        Which features, in order, 12 at most; else the first 12.

    Raises
    ------
    DataError
        No rows or no features, or one that either part lacks.
    ConfigurationError
        More than 12 features are named.
    """
    names = _names(development, holdout, features)
    lines = math.ceil(len(names) / COLUMNS)
    height = HEAD_INCHES + LINE_INCHES * lines
    figure = style.page(
        "Features: development and hold-out",
        f"{len(development):,} development rows, {len(holdout):,} hold-out rows; "
        f"{len(names)} of {len(development.columns)} features; "
        "numbers between 1 % and 99 % quantiles",
        height_inches=height,
    )
    axes = figure.add_axes((0.02, 0.0, 0.98, 1.0 - HEAD_INCHES / height))
    axes.set_axis_off()
    axes.set(xlim=(0.0, COLUMNS), ylim=(lines, 0.0))
    missing: dict[str, tuple[float, float]] = {}
    cells: dict[str, FeatureShares] = {}
    for name in names:
        before, after = development[name], holdout[name]
        missing[name] = (float(before.isna().mean()), float(after.isna().mean()))
        cells[name] = feature_shares(_sample(before), _sample(after))
    _draw_cells(axes, cells.values())
    for place, name in enumerate(names):
        _write(axes, place, (name, *cells[name].ends, _missing_text(*missing[name])))
    _add_key(figure)
    return figure


def _add_key(figure: Figure) -> None:
    """Say on the page's upper right which part looks how."""
    figure.legend(
        handles=[
            Patch(color=style.DEVELOPMENT_COLOUR, alpha=0.6, label="development"),
            Line2D([], [], color=style.HOLDOUT_COLOUR, linewidth=1.2, label="hold-out"),
        ],
        loc="upper right",
        fontsize=style.SMALL_POINTS,
        ncols=2,
        frameon=False,
    )


def _names(development: Columns, holdout: Columns, features: Sequence[str] | None) -> list[str]:
    names = list(development.columns[:MOST_FEATURES] if features is None else features)
    if len(names) > MOST_FEATURES:
        raise ConfigurationError(
            "too many features for one picture",
            expected=f"at most {MOST_FEATURES}",
            got=len(names),
        )
    if not (names and len(development) and len(holdout)):
        raise DataError(
            "no features to draw",
            expected="features with development and hold-out rows",
            got=f"{len(names)} features, {len(development)} and {len(holdout)} rows",
        )
    lacking = [n for n in names if n not in development.columns or n not in holdout.columns]
    if lacking:
        raise DataError(
            "a part of the rows lacks features",
            expected="the same features in development and hold-out",
            got=f"{len(lacking)} lacking: {', '.join(lacking[:5])}",
        )
    return names


def _sample(column: pd.Series) -> pd.Series:
    """Take rows at random, the same ones each time: rows in time order may hide a rhythm."""
    if len(column) <= SAMPLED_ROWS:
        return column
    chance = np.random.default_rng(0)
    return column.take(np.sort(chance.choice(len(column), SAMPLED_ROWS, replace=False)))


def _missing_text(before: float, after: float) -> str:
    """Say how many rows miss the value; nothing where none does."""
    return f"missing {_percent(before)} → {_percent(after)} %" if before or after else ""


def _percent(share: float) -> str:
    """Write a share as a per cent that is 0 only where nothing is missing."""
    return f"{100 * share:.0f}" if share == 0 or share >= 0.005 else "<1"  # noqa: PLR2004


def _corner(place: int) -> tuple[int, float]:
    """Return where a cell's left end and its floor are; y grows downwards."""
    return place % COLUMNS, place // COLUMNS + TITLE_HEIGHT + CELL_HEIGHT


def _draw_cells(axes: Axes, cells: Iterable[FeatureShares]) -> None:
    """Draw all histograms as three collections: one patch each would take ten times as long."""
    before: list[Floats] = []
    after: list[Floats] = []
    floors: list[Floats] = []
    for place, cell in enumerate(cells):
        left, floor = _corner(place)
        tallest = max(float(cell.development.max()), float(cell.holdout.max())) or 1.0
        x = left + CELL_WIDTH * np.repeat(cell.edges, 2)
        for outlines, shares in ((before, cell.development), (after, cell.holdout)):
            y = floor - CELL_HEIGHT * np.repeat(shares / tallest, 2)
            outlines.append(np.column_stack((x, np.concatenate(([floor], y, [floor])))))
        floors.append(np.array([(left, floor), (left + CELL_WIDTH, floor)]))
    development, holdout = style.DEVELOPMENT_COLOUR, style.HOLDOUT_COLOUR
    axes.add_collection(PolyCollection(before, facecolors=development, alpha=0.6), autolim=False)
    axes.add_collection(LineCollection(after, colors=holdout, linewidths=1.2), autolim=False)
    axes.add_collection(LineCollection(floors, colors=palette.GREY, linewidths=0.8), autolim=False)


def _write(axes: Axes, place: int, texts: tuple[str, str, str, str]) -> None:
    """Write the name above a cell; below it both ends of its axis, and what is missing."""
    name, first, last, missing = texts
    left, floor = _corner(place)
    axes.text(
        left,
        floor - CELL_HEIGHT - 0.05,
        style.name_text(name, longest=LONGEST_TITLE),
        fontsize=style.SMALL_POINTS,
        fontweight="bold",
        color=palette.BLACK,
    )
    for x, across, text in ((0.0, "left", first), (0.5, "center", missing), (1.0, "right", last)):
        axes.text(
            left + CELL_WIDTH * x,
            floor + 0.12,
            text,
            fontsize=style.SMALL_POINTS - 1,
            horizontalalignment=across,
            color=palette.BLACK,
        )
