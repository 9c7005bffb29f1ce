"""What investigators saw of one or two models: fraud caught and missed a day, and precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.alerts import AlertsByDay
from finrisk.metrics.days import Days
from finrisk.metrics.inputs import Floats
from finrisk.pictures import style

MOST_MODELS = 2
HEIGHT_INCHES = 6.2
COUNTS: style.Rectangle = (0.11, 0.48, 0.83, 0.40)
PRECISION: style.Rectangle = (0.11, 0.09, 0.83, 0.30)
ALL_BARS = 0.8  # of a day's width; the rest keeps the days apart
MISSED_ALPHA = 0.3
HEADROOM = 1.4  # for the legend, so that it hides no bar
LOW_PRECISION = 0.05  # below, whole percents would name two heights alike
MOST_MARKED_DAYS = 8


def alerts_picture(
    by_day: Sequence[AlertsByDay],
    *,
    names: Sequence[str] = ("champion", "challenger"),
    k: int,
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`alerts_figure` as PNG bytes."""
    return style.as_png(alerts_figure(by_day, names=names, k=k, rows=rows))


def alerts_figure(
    by_day: Sequence[AlertsByDay],
    *,
    names: Sequence[str] = ("champion", "challenger"),
    k: int,
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw, for each day, the fraud caught within the alert budget, the fraud missed, precision.

    A day is a bar a model, so that two months are about the most that can be told apart.

    Parameters
    ----------
    by_day : one or two AlertsByDay
        Of the same rows: the champion's first.
    names : sequence of str
        What to call each; one a model.
    k : int
        Alerts a day, for the title.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    ConfigurationError
        No model, more than two, or another number of names.
    DataError
        Two models whose days, rows or bads differ.
    """
    _require_alike(by_day, names)
    called = [style.name_text(name) for name in names]
    first = by_day[0]
    bads = int(first.bads.sum())
    figure = style.page(
        f"Fraud caught with an alert budget of {k:,} a day",
        f"{rows}: {first.days.size} days, {int(first.rows.sum()):,} rows, {bads:,} frauds",
        height_inches=HEIGHT_INCHES,
    )
    counts = style.panel(figure, COUNTS, x_label="", y_label="frauds a day\n(pale: missed)")
    precision = style.panel(
        figure,
        PRECISION,
        x_label="day of the transactions",
        y_label="precision\n(higher is better)",
    )
    for series, (of, name) in enumerate(zip(by_day, called, strict=True)):
        _draw_counts(counts, of, name, series, len(by_day))
        _draw_precision(precision, of, name, series)
    _mark_heights(counts, float(first.bads.max()))
    counts.yaxis.set_major_formatter(style.counts_formatter())
    highest = max(float(of.precision.max()) for of in by_day)
    _mark_heights(precision, highest)
    precision.yaxis.set_major_formatter(style.percent_formatter(int(highest < LOW_PRECISION)))
    for axes in (counts, precision):
        _mark_days(axes, first.days)
        style.legend(axes, "upper right")
    return figure


def _require_alike(by_day: Sequence[AlertsByDay], names: Sequence[str]) -> None:
    if not 1 <= len(by_day) <= MOST_MODELS or len(names) != len(by_day):
        raise ConfigurationError(
            "alerts of other than one or two named models",
            expected=f"1 to {MOST_MODELS} models, each with a name",
            got=f"{len(by_day)} models and {len(names)} names",
        )
    parts = [(of.days, of.rows, of.bads) for of in by_day]
    if not all(np.array_equal(a, b) for a, b in zip(parts[0], parts[-1], strict=True)):
        raise DataError(
            "the models' alerts are not of the same rows",
            expected="the same days, rows and frauds",
            got=f"{' and '.join(str(of.days.size) for of in by_day)} days",
        )


def _draw_counts(axes: Axes, of: AlertsByDay, name: str, series: int, models: int) -> None:
    width = ALL_BARS / models
    middles = _places(of) + (series - (models - 1) / 2) * width
    colour, _ = style.look_of(series)
    caught, recall = float(of.bads_caught.sum()), of.at_budget.recall
    label = f"{name}: {caught:,.0f} caught ({100 * recall:.1f} %)"
    missed = of.bads - of.bads_caught
    axes.bar(middles, of.bads_caught, width, color=colour, label=label)
    axes.bar(middles, missed, width, bottom=of.bads_caught, color=colour, alpha=MISSED_ALPHA)


def _draw_precision(axes: Axes, of: AlertsByDay, name: str, series: int) -> None:
    colour, dashes = style.look_of(series)
    axes.plot(
        _places(of),
        of.precision,
        color=colour,
        linestyle=dashes,
        linewidth=style.LINE_POINTS,
        marker="o",
        markersize=3.5,
        label=f"{name}: mean {100 * of.daily_precision:.1f} %",
    )


def _places(of: AlertsByDay) -> Floats:
    return np.arange(of.days.size, dtype=np.float64)


def _mark_days(axes: Axes, days: Days) -> None:
    """Name some days below the axis; days without rows have no place on it."""
    every = -(-days.size // MOST_MARKED_DAYS)
    marked = np.arange(0, days.size, every)
    axes.set_xticks(marked, [str(day) for day in days[marked]])
    axes.set_xlim(-0.5, days.size - 0.5)
    axes.grid(visible=False, axis="x")


def _mark_heights(axes: Axes, highest: float) -> None:
    """Leave room for the legend above the highest mark, but name no heights there."""
    top = highest or 1.0
    ticks = MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(0.0, top)
    axes.set_yticks([tick for tick in ticks if 0.0 <= tick <= top])
    axes.set_ylim(0.0, HEADROOM * top)
