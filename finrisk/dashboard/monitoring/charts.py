"""What monitors read, as pictures over days: drift, performance, calibration, volume, age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import altair as alt

from finrisk.dashboard import day_charts as days
from finrisk.dashboard.monitoring.grids import rules_of
from finrisk.dashboard.monitoring.queries import Change
from finrisk.gate.figures import label
from finrisk.ledger.reading_history import Point
from finrisk.pictures.palette import BLUE, GREEN, GREY, PURPLE, VERMILION

PSI = "PSI (0 = no change)"
ALARM_LIMIT = "alarm limit"
MATURED, ESTIMATE = "on matured labels, 95 %", "estimate: no label seen"
SHOWN = "shown on the hold-out"
SMALL = 240

Picture = alt.LayerChart


def psi_picture(
    points: Sequence[Point],
    changes: Sequence[Change],
    least: float,
    span: tuple[date, date],
    *,
    small: bool = False,
) -> Picture:
    """Draw one PSI by day, its alarm limit, and the least PSI that matters."""
    x = days.days_axis(*span)
    y = alt.Y("value:Q", title=PSI, scale=alt.Scale(domainMin=0, nice=True))
    looks = {"PSI": (BLUE, "solid"), ALARM_LIMIT: (VERMILION, "dashed")}
    series = [("PSI", "value"), (ALARM_LIMIT, "threshold")]
    rows = _series(points, series)
    return days.layered(
        [
            days.level(least),
            days.lines(rows, x, y, looks),
            _marks(points, x, y, legend=not small),
            *_short_lines(rows, x, y, looks),
            *rules_of(changes, x, span),
        ],
        height=SMALL if small else days.HEIGHT,
    )


def performance_picture(
    matured: Sequence[Point],
    estimated: Sequence[Point],
    name: str,
    changes: Sequence[Change],
    span: tuple[date, date],
) -> Picture:
    """Draw a metric on matured labels, what was shown, its limit; the estimate before, dashed."""
    x = days.days_axis(*span)
    y = alt.Y("value:Q", title=f"{label(name)} (higher = better)", scale=alt.Scale(zero=False))
    looks = {
        MATURED: (BLUE, "solid"),
        SHOWN: (GREEN, "dotted"),
        ALARM_LIMIT: (VERMILION, "dashed"),
        ESTIMATE: (PURPLE, "dashed"),
    }
    rows = _series(matured, [(MATURED, "value"), (ALARM_LIMIT, "threshold"), (SHOWN, "shown")])
    rows += _series(estimated, [(ESTIMATE, "value")])
    return days.layered(
        [
            days.interval(_known(matured), x, y),
            days.lines(rows, x, y, looks),
            _marks(matured, x, y),
            *_short_lines(rows, x, y, looks),
            *rules_of(changes, x, span),
        ]
    )


def offset_picture(
    points: Sequence[Point], changes: Sequence[Change], span: tuple[date, date]
) -> Picture:
    """Draw the offset in logits with its interval, between the limits on both sides of 0."""
    x = days.days_axis(*span)
    y = alt.Y("value:Q", title="offset in logits (0 = right)")
    looks = {"offset, 95 %": (BLUE, "solid"), ALARM_LIMIT: (VERMILION, "dashed")}
    rows = _series(points, [("offset, 95 %", "value"), (ALARM_LIMIT, "threshold")])
    beneath = [
        row | {"value": None if row["value"] is None else -row["value"], "version": -1}
        for row in rows
        if row["series"] == ALARM_LIMIT
    ]
    return days.layered(
        [
            days.level(0.0),
            days.interval(_known(points), x, y),
            days.lines(rows + beneath, x, y, looks),
            _marks(points, x, y),
            *_short_lines(rows + beneath, x, y, looks),
            *rules_of(changes, x, span),
        ]
    )


def pair_picture(
    points: Sequence[Point],
    pair: tuple[tuple[str, str], tuple[str, str]],
    title: str,
    changes: Sequence[Change],
    span: tuple[date, date],
    *,
    share: bool = False,
) -> Picture:
    """Draw what was seen against what was expected.

    Parameters
    ----------
    pair : two of (str, str)
        Name and detail of the seen, then of the expected.
    """
    x = days.days_axis(*span)
    axis = alt.Axis(format=".1%") if share else alt.Axis()
    y = alt.Y("value:Q", title=title, axis=axis, scale=alt.Scale(zero=True))
    looks = {pair[0][0]: (BLUE, "solid"), pair[1][0]: (PURPLE, "dashed")}
    rows = _series(points, pair)
    seen = [row | {"value": of.told.get(pair[0][1])} for row, of in _with(points)]
    every = len(points) <= days.FEW_DAYS
    return days.layered(
        [
            days.lines(rows, x, y, looks),
            days.marks(seen, x, y, _told(), every=every),
            *_short_lines(rows, x, y, looks),
            *rules_of(changes, x, span),
        ]
    )


def age_picture(points: Sequence[Point], span: tuple[date, date]) -> Picture:
    """Draw how old the newest is of decisions, landed rows and labels; limits dashed."""
    x = days.days_axis(*span)
    y = alt.Y("value:Q", title="age of the newest, days", scale=alt.Scale(domainMin=0))
    colours = dict(zip(("decisions", "landing", "labels"), (BLUE, GREEN, PURPLE), strict=True))
    looks: dict[str, tuple[str, str]] = {}
    rows: list[dict[str, Any]] = []
    for subject in sorted({point.subject for point in points}):
        of = [point for point in points if point.subject == subject]
        colour = colours.get(subject, GREY)
        looks |= {subject: (colour, "solid"), f"limit of {subject}": (colour, "dashed")}
        rows += _series(of, [(subject, "value"), (f"limit of {subject}", "threshold")])
    every = len(points) <= days.FEW_DAYS
    return days.layered(
        [
            days.lines(rows, x, y, looks),
            days.marks([row for row, _ in _with(points)], x, y, _told(), every=every),
            *_short_lines(rows, x, y, looks),
        ]
    )


def _series(points: Sequence[Point], series: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return one row a day and series; the series' figure is a field of the point, or told."""
    return [
        {
            "day": of.as_of,
            "series": name,
            "version": of.version,
            "value": of.told[field] if field in of.told else getattr(of, field),
        }
        for name, field in series
        for of in points
    ]


def _with(points: Sequence[Point]) -> list[tuple[dict[str, Any], Point]]:
    return [
        (
            {
                "day": of.as_of,
                "subject": of.subject,
                "value": of.value,
                "low": of.low,
                "high": of.high,
                "limit": of.threshold,
                "state": of.state.value,
                "version": of.version,
            },
            of,
        )
        for of in points
    ]


def _known(points: Sequence[Point]) -> list[dict[str, Any]]:
    return [row for row, of in _with(points) if of.low is not None and of.high is not None]


def _marks(points: Sequence[Point], x: alt.X, y: alt.Y, *, legend: bool = True) -> alt.Chart:
    rows = [row for row, _ in _with(points)]
    every = len(rows) <= days.FEW_DAYS
    return days.marks(rows, x, y, _told(), every=every, legend=legend)


def _told() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("day:T", title="as of"),
        alt.Tooltip("value:Q", title="figure", format=".4f"),
        alt.Tooltip("low:Q", title="95 % from", format=".4f"),
        alt.Tooltip("high:Q", title="95 % to", format=".4f"),
        alt.Tooltip("limit:Q", title="alarm limit", format=".4f"),
        alt.Tooltip("state:N", title="reading"),
        alt.Tooltip("version:N", title="champion version"),
    ]


def _short_lines(
    rows: Sequence[Mapping[str, Any]],
    x: alt.X,
    y: alt.Y,
    looks: Mapping[str, tuple[str, str]],
) -> list[alt.Chart]:
    """Return a dash for each figure of a day that no line joins: one day makes no line."""
    if len({row["day"] for row in rows}) > 1:
        return []
    stroke = alt.Color(
        "series:N",
        legend=None,
        scale=alt.Scale(domain=list(looks), range=[colour for colour, _ in looks.values()]),
    )
    base = alt.Chart(days.frame(rows)).mark_tick(thickness=2, size=40, orient="horizontal")
    return [base.encode(x=x, y=y, color=stroke, tooltip=["series:N", "value:Q"])]
