"""One look for every picture: palette, sizes, titles, and the way from a figure to PNG bytes.

Only matplotlib's objects (``Figure`` on an Agg canvas), never ``pyplot``: that keeps a global list
of figures, which leaks in a long process and is shared between threads. Colours of the page, the
axes and the text are set here and not left to ``rcParams``, which any library may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from finrisk.errors import ConfigurationError
from finrisk.pictures.palette import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
)

SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK)
DASHES = ("-", "--", "-.", ":")
"""Beside the colour, so that a print in grey tells the series apart too."""

DEVELOPMENT_COLOUR, HOLDOUT_COLOUR = SKY_BLUE, VERMILION

WIDTH_INCHES, HEIGHT_INCHES = 7.6, 5.0
DOTS_PER_INCH = 110
TITLE_POINTS, TEXT_POINTS, SMALL_POINTS = 12.0, 9.0, 8.0
LINE_POINTS = 1.8
LONGEST_NAME = 32

RISK_SCORE = "risk score (higher = riskier)"
HOLDOUT = "hold-out"

Rectangle = tuple[float, float, float, float]
"""Left, bottom, width and height as shares of the page."""

Corner = Literal["upper left", "upper right", "lower right"]

HALF_PAGE = 0.5

WHOLE_PAGE: Rectangle = (0.10, 0.12, 0.87, 0.73)


def page(title: str, subtitle: str, *, height_inches: float = HEIGHT_INCHES) -> Figure:
    """Return an empty page with its two lines of title: what it shows, and on which rows."""
    figure = Figure(
        figsize=(WIDTH_INCHES, height_inches),
        dpi=DOTS_PER_INCH,
        facecolor="white",
        edgecolor="white",
    )
    FigureCanvasAgg(figure)
    for text, inches_down, points, weight in (
        (title, 0.30, TITLE_POINTS, "bold"),
        (subtitle, 0.54, TEXT_POINTS, "normal"),
    ):
        y = 1.0 - inches_down / height_inches
        figure.text(0.02, y, text, fontsize=points, fontweight=weight, color=BLACK)
    return figure


def panel(figure: Figure, rectangle: Rectangle = WHOLE_PAGE, *, x_label: str, y_label: str) -> Axes:
    """Add axes in the house's look; every axis says what it measures."""
    axes = figure.add_axes(rectangle, facecolor="white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    # ticks and their labels are most of what a picture costs
    axes.locator_params(nbins=6 if rectangle[2] > HALF_PAGE else 5)
    axes.tick_params(colors=BLACK, labelsize=SMALL_POINTS, length=3)
    axes.set_xlabel(x_label, fontsize=TEXT_POINTS, color=BLACK)
    axes.set_ylabel(y_label, fontsize=TEXT_POINTS, color=BLACK)
    return axes


def legend(axes: Axes, where: Corner) -> Legend:
    """Add the legend of everything on the axes that has a label."""
    return axes.legend(
        loc=where, fontsize=SMALL_POINTS, labelcolor=BLACK, framealpha=0.9, edgecolor="#DDDDDD"
    )


def look_of(series: int) -> tuple[str, str]:
    """Return the colour and the dashes of a series by its place, from 0."""
    return SERIES[series], DASHES[series % len(DASHES)]


def require_drawable(series: Mapping[str, object]) -> None:
    """Refuse no series, and more of them than there are colours.

    Raises
    ------
    ConfigurationError
        Fewer than 1 or more than 7.
    """
    if not 1 <= len(series) <= len(SERIES):
        raise ConfigurationError(
            "a picture cannot tell so many series apart",
            expected=f"1 to {len(SERIES)} named series",
            got=len(series),
        )


def rows_line(rows: str, bad: NDArray[np.bool_]) -> str:
    """Say which rows a picture shows.

    Examples
    --------
    >>> rows_line("hold-out", np.array([True, False, False, False]))
    'hold-out: 4 rows, 1 bad (25.0 %)'
    """
    bads = int(bad.sum())
    word = "bad" if bads == 1 else "bads"
    return f"{rows}: {bad.size:,} rows, {bads:,} {word} ({100 * bads / bad.size:.1f} %)"


def name_text(name: str, *, longest: int = LONGEST_NAME) -> str:
    r"""Return a given name as a picture may show it: one short line, nothing in it a command.

    A dollar sign would start a formula; a character that the font lacks is a warning and a box.

    Examples
    --------
    >>> print(name_text("fee\n$"), name_text("late_payments_in_12_months", longest=16))
    fee \$ late_paym…months
    """
    known = "".join(c if _has_glyph(c) else "?" for c in " ".join(name.split()))
    tail = longest * 2 // 5  # names of one family often differ at their end: _12_months, _24_months
    short = known if len(known) <= longest else f"{known[: longest - tail - 1]}…{known[-tail:]}"
    return short.replace("$", r"\$")


def counts_formatter() -> FuncFormatter:
    """Return a tick formatter that writes 12000 as 12,000, and never as a power of ten."""
    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def percent_formatter(digits: int = 0) -> FuncFormatter:
    """Return a tick formatter that writes 0.25 as 25 %."""
    return FuncFormatter(lambda value, _: f"{100 * value:.{digits}f} %")


def as_png(figure: Figure) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    png = BytesIO()
    # without the metadata, the bytes do not change with matplotlib's version number alone
    canvas = FigureCanvasAgg(figure)
    canvas.print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return png.getvalue()


@cache
def _has_glyph(character: str) -> bool:
    font = get_font(findfont(FontProperties()))
    return character == " " or bool(font.get_char_index(ord(character)))
