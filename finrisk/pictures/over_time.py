"""What monitors read day by day: drift against its limit, performance against what was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from finrisk.pictures import palette, style

DAY = "day that was read (as of)"
PSI = "population stability index (0 = as in the reference)"
MARKER_POINTS = 3.5
FAINT = 0.18
HEADROOM = 1.15
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """One figure by day; None is unknown, and leaves a gap.

    ``values``, ``low``, ``high`` and ``limits`` are as long as ``days``, which ascend.
    """

    days: Sequence[date]
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    limits: Sequence[float | None] = ()


def drift_picture(
    tracks: Mapping[str, Track], *, least: float, model: str, about: str = ""
) -> bytes:
    """Return :func:`drift_figure` as PNG bytes."""
    return style.as_png(drift_figure(tracks, least=least, model=model, about=about))


def drift_figure(
    tracks: Mapping[str, Track], *, least: float, model: str, about: str = ""
) -> Figure:
    """Draw the PSI of the score, and of features, by day, each with its own limit of an alarm.

    Parameters
    ----------
    tracks : mapping of str to Track
        1 to 7, the score first.
    least : float
        The PSI below which no drift matters.
    model : str
    about : str
        What is compared, for the line below the title.

    Raises
    ------
    ConfigurationError
        No track, or more than can be told apart.
    """
    style.require_drawable(tracks)
    figure = style.page(f"Drift of {style.name_text(model)}, day by day", about)
    axes = style.panel(figure, x_label=DAY, y_label=PSI)
    for place, (name, track) in enumerate(tracks.items()):
        colour, _ = style.look_of(place)
        shown = style.name_text(name)
        _line(axes, track, track.values, colour=colour, label=shown)
        if any(limit is not None for limit in track.limits):
            label = f"alarm limit of {shown}" if place == 0 else None
            _line(axes, track, track.limits, colour=colour, dashes="--", label=label, marker=None)
    axes.axhline(
        least, color=palette.GREY, linewidth=1.0, linestyle=":", label="least that matters"
    )
    every = [v for t in tracks.values() for v in t.values if v is not None]
    axes.set_ylim(0.0, HEADROOM * max([*every, 2.0 * least]))
    _dates(axes)
    style.legend(axes, "upper left")
    return figure


def performance_picture(
    matured: Track,
    estimated: Track,
    *,
    metric: str,
    model: str,
    least: float | None = None,
    about: str = "",
) -> bytes:
    """Return :func:`performance_figure` as PNG bytes."""
    return style.as_png(
        performance_figure(matured, estimated, metric=metric, model=model, least=least, about=about)
    )


def performance_figure(
    matured: Track,
    estimated: Track,
    *,
    metric: str,
    model: str,
    least: float | None = None,
    about: str = "",
) -> Figure:
    """Draw a metric on matured labels with its 95 % interval, and the estimate before, dashed.

    Parameters
    ----------
    matured, estimated : Track
        By the day on which each was read.
    metric : str
        Its name; higher is better.
    least : float, optional
        What it may fall to before it counts.
    """
    figure = style.page(f"{style.name_text(metric)} of {style.name_text(model)}, day by day", about)
    axes = style.panel(
        figure, x_label=DAY, y_label=f"{style.name_text(metric)} (share, higher is better)"
    )
    _band(axes, matured, palette.BLUE)
    _line(axes, matured, matured.values, colour=palette.BLUE, label="on matured labels, 95 %")
    _line(
        axes,
        estimated,
        estimated.values,
        colour=palette.VERMILION,
        dashes="--",
        label="estimate: no label seen, scores taken for right",
    )
    if least is not None:
        axes.axhline(least, color=palette.GREY, linewidth=1.0, linestyle=":", label="least")
    _dates(axes)
    style.legend(axes, "lower right")
    return figure


def _line(
    axes: Axes,
    track: Track,
    values: Sequence[float | None],
    *,
    colour: str,
    label: str | None,
    dashes: str = "-",
    marker: str | None = "o",
) -> None:
    axes.plot(
        _numbers_of(track.days),
        _floats(values),
        color=colour,
        linestyle=dashes,
        linewidth=style.LINE_POINTS,
        marker=marker,
        markersize=MARKER_POINTS,
        label=label,
    )


def _band(axes: Axes, track: Track, colour: str) -> None:
    if track.low and track.high:
        low, high = _floats(track.low), _floats(track.high)
        axes.fill_between(
            _numbers_of(track.days), low, high, color=colour, alpha=FAINT, linewidth=0.0
        )


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _numbers_of(days: Sequence[date]) -> Floats:
    return np.array([date2num(day) for day in days], dtype=np.float64)  # type: ignore[no-untyped-call]


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
