"""Which features move the score most."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from finrisk.errors import DataError
from finrisk.pictures import palette, style

MOST_BARS = 20
LONGEST_NAME = 40
INCHES_A_BAR = 0.21
HEAD_INCHES, FOOT_INCHES = 0.75, 0.60
FEWEST_BARS_OF_HEIGHT = 5


def importance_picture(
    importance: Mapping[str, float], *, name: str, measure: str, rows: str | None = None
) -> bytes:
    """Return :func:`importance_figure` as PNG bytes."""
    return style.as_png(importance_figure(importance, name=name, measure=measure, rows=rows))


def importance_figure(
    importance: Mapping[str, float], *, name: str, measure: str, rows: str | None = None
) -> Figure:
    """Draw a horizontal bar for each feature, most important on top, 20 at most.

    Parameters
    ----------
    importance : mapping of a feature's name to a finite float
        Bars are ordered by size without sign; a negative one has a colour of its own.
    name : str
        Whose importances.
    measure : str
        What a bar measures, with its unit: "gain (share of all splits)".
    rows : str, optional
        Which rows it was measured on.

    Raises
    ------
    DataError
        No features, or a value that is not finite.
    """
    largest = _largest(importance)
    shown = f"{len(largest)} of {len(importance)} features"
    height = _height(len(largest))
    figure = style.page(
        f"Importance of features for {style.name_text(name)}",
        shown if rows is None else f"{rows}: {shown}",
        height_inches=height,
    )
    bottom = FOOT_INCHES / height
    axes = style.panel(
        figure,
        (0.34, bottom, 0.63, 1.0 - bottom - HEAD_INCHES / height),
        x_label=f"{measure} (longer = matters more)",
        y_label="",
    )
    places = range(len(largest))
    axes.barh(
        places,
        list(largest.values()),
        height=0.7,
        color=[palette.BLUE if value >= 0 else palette.VERMILION for value in largest.values()],
    )
    axes.set_ylim(len(largest) - 0.4, -0.6)  # most important on top
    axes.set_yticks([])  # a tick with its label takes thrice the time of a text
    for place, feature in zip(places, largest, strict=True):
        axes.text(
            -0.01,
            place,
            style.name_text(feature, longest=LONGEST_NAME),
            transform=axes.get_yaxis_transform(),
            fontsize=style.SMALL_POINTS,
            color=palette.BLACK,
            horizontalalignment="right",
            verticalalignment="center",
        )
    return figure


def _largest(importance: Mapping[str, float]) -> dict[str, float]:
    if not importance:
        raise DataError("no importances to draw", expected="at least one feature")
    if strange := sum(not math.isfinite(value) for value in importance.values()):
        raise DataError(
            "importances are not finite",
            expected="finite numbers",
            got=f"{strange} of {len(importance)} NaN or infinite",
        )
    in_order = sorted(importance.items(), key=lambda item: (-abs(item[1]), item[0]))
    return {feature: float(value) for feature, value in in_order[:MOST_BARS]}


def _height(bars: int) -> float:
    inches = HEAD_INCHES + FOOT_INCHES + INCHES_A_BAR * max(bars, FEWEST_BARS_OF_HEIGHT)
    return round(inches * style.DOTS_PER_INCH) / style.DOTS_PER_INCH  # whole pixels
