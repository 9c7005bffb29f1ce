"""Data quality over the nights, as pictures: score, rows, gaps, what failed when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt

from finrisk.dashboard import day_charts as days
from finrisk.dashboard.quality.queries import Night
from finrisk.dashboard.quality.words import named
from finrisk.data.quality import VintageQuality
from finrisk.pictures.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION

NIGHT = "night (as of)"
VERDICTS = ("pass", "warn", "block")
VERDICT_SHAPES = ("circle", "diamond", "square")
VERDICT_COLOURS = (BLUE, ORANGE, VERMILION)
PARTS = {
    "score": (BLUE, "solid"),
    "completeness": (GREEN, "dashed"),
    "validity": (PURPLE, "dotted"),
    "uniqueness": (ORANGE, "dashed"),
    "timeliness": (GREY, "dotted"),
}
SMALL = 260
HEADROOM, LEAST_SHARE = 1.1, 0.01
ROW_HEIGHT, AROUND = 22, 130

Picture = alt.LayerChart


def score_picture(nights: Sequence[Night]) -> Picture:
    """Draw the score and its parts by night; the mark says the verdict."""
    x = _nights_axis(nights)
    y = alt.Y("value:Q", title="share (1 = best)", scale=alt.Scale(zero=False, domainMax=1.0))
    rows = [
        {"day": of.line.as_of, "series": part, "version": 0, "value": _part(of, part)}
        for part in PARTS
        for of in nights
        if _part(of, part) is not None
    ]
    there = {part: look for part, look in PARTS.items() if any(r["series"] == part for r in rows)}
    return days.layered(
        [
            days.lines(rows, x, y, there),
            _verdicts([_row(of, of.line.score) for of in nights], x, y, ".4f"),
        ]
    )


def figure_picture(
    nights: Sequence[Night],
    figures: Sequence[float | None],
    title: str,
    *,
    share: bool,
    limit: float | None = None,
) -> Picture:
    """Draw one figure by night; a limit is dotted.

    Parameters
    ----------
    figures : sequence of float or None
        One a night; None is unknown, and leaves a gap.
    """
    x = _nights_axis(nights)
    written = ".2%" if share else ",.0f"
    highest = max((n for n in (*figures, limit) if n), default=LEAST_SHARE if share else 1.0)
    top = HEADROOM * highest
    scale = alt.Scale(domain=[0, min(top, 1.0) if share else top])  # no share is above 100 %
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format=written), scale=scale)
    rows = [_row(of, value) for of, value in zip(nights, figures, strict=True)]
    line: alt.Chart = (
        alt.Chart(days.frame(rows)).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
    )
    limits = [] if limit is None else [days.level(limit)]
    return days.layered([*limits, line, _verdicts(rows, x, y, written)], height=SMALL)


def failures_picture(nights: Sequence[Night], names: Sequence[str]) -> Picture:
    """Draw which check failed in which night."""
    x = _nights_axis(nights)
    rows = [
        {
            "day": night.line.as_of,
            "check": named(of),
            "severity": of.severity,
            "failing": of.failing,
        }
        for night in nights
        for of in night.failed
        if named(of) in names
    ]
    scale = alt.Scale(domain=VERDICTS[1:], range=VERDICT_COLOURS[1:])
    shapes = alt.Scale(domain=VERDICTS[1:], range=VERDICT_SHAPES[1:])
    legend = alt.Legend(orient="bottom", title=None)
    drawn: alt.Chart = (
        alt.Chart(days.frame(rows))
        .mark_point(filled=True, size=80, opacity=1.0)
        .encode(
            x=x,
            y=alt.Y(
                "check:N", title=None, sort=list(names), axis=alt.Axis(labelLimit=320, grid=True)
            ),
            shape=alt.Shape("severity:N", scale=shapes, legend=legend),
            color=alt.Color("severity:N", scale=scale, legend=legend),
            tooltip=[
                alt.Tooltip("day:T", title="night"),
                "check:N",
                "severity:N",
                alt.Tooltip("failing:Q", title="failing", format=","),
            ],
        )
    )
    return days.layered([drawn], height=ROW_HEIGHT * len(names) + AROUND)


def vintages_picture(vintages: Sequence[VintageQuality]) -> alt.Chart:
    """Draw the bad rate of the vintages of which it is known."""
    rows = [
        {"vintage": of.vintage, "bad rate": of.bad_rate, "rows": of.rows}
        for of in vintages
        if of.bad_rate is not None
    ]
    drawn: alt.Chart = (
        alt.Chart(days.frame(rows))
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("vintage:O", title="vintage", axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("bad rate:Q", title="bad rate", axis=alt.Axis(format=".1%")),
            tooltip=["vintage:O", alt.Tooltip("bad rate:Q", format=".2%"), "rows:Q"],
        )
        .properties(height=SMALL)
    )
    return drawn


def _nights_axis(nights: Sequence[Night]) -> alt.X:
    first, last = _span(nights)
    return days.days_axis(first, last, title=NIGHT)


def _span(nights: Sequence[Night]) -> tuple[date, date]:
    return nights[0].line.as_of, nights[-1].line.as_of


def _part(of: Night, part: str) -> float | None:
    value: float | None = of.line.score if part == "score" else getattr(of.parts, part)
    return value


def _row(of: Night, value: float | None) -> dict[str, Any]:
    return {"day": of.line.as_of, "value": value, "verdict": of.line.result}


def _verdicts(rows: Sequence[dict[str, Any]], x: alt.X, y: alt.Y, written: str) -> alt.Chart:
    legend = alt.Legend(orient="bottom", title=None)
    colours = alt.Scale(domain=VERDICTS, range=VERDICT_COLOURS)
    shapes = alt.Scale(domain=VERDICTS, range=VERDICT_SHAPES)
    drawn: alt.Chart = (
        alt.Chart(days.frame(rows))
        .mark_point(filled=True, size=80, opacity=1.0)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("verdict:N", scale=shapes, legend=legend),
            color=alt.Color("verdict:N", scale=colours, legend=legend),
            tooltip=[
                alt.Tooltip("day:T", title="night"),
                alt.Tooltip("value:Q", title="figure", format=written),
                "verdict:N",
            ],
        )
    )
    return drawn
