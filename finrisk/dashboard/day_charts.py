"""Pictures over days: one axis of days, states as shapes, new champions as vertical rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd

from finrisk.pictures.palette import BLUE, GREY, ORANGE, VERMILION

DAY_READ = "day that was read (as of)"
HEIGHT = 380  # the legend and the axis are within
FAINT = 0.2
DAYS = ("day", "last", "last day")
"""The columns that hold days."""
FEW_DAYS = 45
"""Up to here every interval is a bar and every day a point; beyond, a band and a line."""
A_MONTH, YEARS = 92, 730
LEAST_SPAN = timedelta(days=3)
STATES = ("quiet", "warn", "alarm", "unknown")
STATE_COLOURS = (BLUE, ORANGE, VERMILION, GREY)
STATE_SHAPES = ("circle", "diamond", "triangle-up", "cross")
LINES: Mapping[str, list[int]] = {"solid": [1, 0], "dashed": [7, 4], "dotted": [2, 3]}

Row = Mapping[str, Any]


def days_axis(first: date, last: date, *, title: str = DAY_READ, field: str = "day") -> alt.X:
    """Return an axis of whole days, however few there are."""
    if last - first < 2 * LEAST_SPAN:
        first, last = first - LEAST_SPAN, last + LEAST_SPAN
    span = (last - first).days
    if span > A_MONTH:
        every: dict[str, Any] = {"interval": "month", "step": 1 if span <= YEARS else 3}
        written = "%b %Y" if span > YEARS else "%d %b %y"
    else:
        every = {"interval": "day", "step": max(1, span // 8)}
        written = "%d %b %y"
    return alt.X(
        f"{field}:T",
        title=title,
        scale=alt.Scale(domain=[_moment(first), _moment(last)]),
        axis=alt.Axis(format=written, tickCount=every, labelOverlap=True),
    )


def lines(
    rows: Sequence[Row], x: alt.X, y: alt.Y, looks: Mapping[str, tuple[str, str]]
) -> alt.Chart:
    """Return lines by their ``series``, told apart by colour and by dashes; a champion's own each.

    Parameters
    ----------
    rows : sequence of mappings
        With ``day``, ``value``, ``series`` and ``version``.
    looks : mapping of str to (str, str)
        Colour and one of ``LINES`` by series, in the order of the legend.
    """
    legend = alt.Legend(orient="bottom", title=None, symbolType="stroke", labelLimit=0)
    drawn: alt.Chart = (
        alt.Chart(frame(rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=y,
            detail="version:N",
            color=alt.Color(
                "series:N",
                legend=legend,
                scale=alt.Scale(domain=list(looks), range=[colour for colour, _ in looks.values()]),
            ),
            strokeDash=alt.StrokeDash(
                "series:N",
                legend=legend,
                scale=alt.Scale(
                    domain=list(looks), range=[LINES[dashes] for _, dashes in looks.values()]
                ),
            ),
        )
    )
    return drawn


def marks(
    rows: Sequence[Row],
    x: alt.X,
    y: alt.Y,
    told: Sequence[alt.Tooltip],
    *,
    every: bool,
    legend: bool = True,
) -> alt.Chart:
    """Return points whose shape and colour say the state; quiet ones only where few are drawn."""
    shown = [row for row in rows if every or row["state"] != "quiet"]
    base = alt.Chart(frame(shown, like=rows)).mark_point(filled=True, size=70, opacity=1.0)
    drawn: alt.Chart = base.encode(
        x=x,
        y=y,
        shape=state_shape(legend=legend),
        color=state_colour(legend=legend),
        tooltip=list(told),
    )
    return drawn


def state_shape(*, legend: bool = True) -> alt.Shape:
    """Return how a state looks to who sees no colours."""
    scale = alt.Scale(domain=STATES, range=STATE_SHAPES)
    return alt.Shape("state:N", legend=_state_legend() if legend else None, scale=scale)


def state_colour(*, legend: bool = True) -> alt.Color:
    """Return a state's colour."""
    scale = alt.Scale(domain=STATES, range=STATE_COLOURS)
    return alt.Color("state:N", legend=_state_legend() if legend else None, scale=scale)


def _state_legend() -> alt.Legend:
    return alt.Legend(orient="bottom", title=None, symbolStrokeWidth=0)


def interval(rows: Sequence[Row], x: alt.X, y: alt.Y, *, colour: str = BLUE) -> alt.Chart:
    """Return 95 % intervals from ``low`` to ``high``: bars where they are few, else a band."""
    base, low = alt.Chart(frame(rows)), y.copy()
    low["shorthand"] = "low:Q"
    if len(rows) <= FEW_DAYS:
        drawn = base.mark_rule(color=colour, strokeWidth=2, opacity=0.6)
    else:
        drawn = base.mark_area(color=colour, opacity=FAINT, line=False)
    whole: alt.Chart = drawn.encode(x=x, y=low, y2=alt.Y2("high:Q"), detail="version:N")
    return whole


def level(value: float, *, dashes: str = "dotted") -> alt.Chart:
    """Return a level line that needs no legend: the text beside the picture names it."""
    at = alt.Chart(pd.DataFrame({"value": [value]}))
    drawn: alt.Chart = at.mark_rule(color=GREY, strokeDash=LINES[dashes]).encode(y="value:Q")
    return drawn


def rules(changes: Sequence[tuple[date, str, str]], x: alt.X) -> list[alt.Chart]:
    """Return a vertical rule for each change, its name, and how it came where one points."""
    if not changes:
        return []
    base = alt.Chart(frame([dict(zip(("day", "label", "how"), of, strict=True)) for of in changes]))
    named = base.mark_text(align="left", baseline="top", dx=4, color=GREY, fontSize=11)
    return [
        base.mark_rule(color=GREY, strokeDash=LINES["dashed"], strokeWidth=1.5).encode(
            x=x, tooltip=[alt.Tooltip("day:T", title="champion since"), "label:N", "how:N"]
        ),
        named.encode(x=x, y=alt.value(2), text="label:N"),
    ]


def layered(layers: Sequence[alt.Chart], *, height: int = HEIGHT) -> alt.LayerChart:
    """Return layers as one picture; a line's colour is not a state's."""
    together = alt.layer(*layers).properties(height=height)
    drawn: alt.LayerChart = together.resolve_scale(
        color="independent", shape="independent", strokeDash="independent"
    )
    return drawn


def frame(rows: Sequence[Row], *, like: Sequence[Row] = ()) -> pd.DataFrame:
    """Return rows as a frame whose days are moments; of no row, with the columns of ``like``."""
    names = list((rows or like or [{}])[0])
    table = pd.DataFrame(list(rows), columns=names)
    for name in DAYS:
        if name in table:
            table[name] = pd.to_datetime(table[name])
    return table


def _moment(day: date) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day)
