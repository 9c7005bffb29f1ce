"""Many monitors, or many features, at once: a row each, a column a day or a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import altair as alt

from finrisk.dashboard import day_charts as days
from finrisk.dashboard.monitoring.queries import Change, HeatCell
from finrisk.dashboard.monitoring.reading_words import TITLES
from finrisk.dashboard.monitoring.words import worst_of
from finrisk.ledger.reading_history import DayState
from finrisk.pictures.palette import BLUE

FULL_PSI = 0.25  # what is usually called a major shift
ROW_HEIGHT, AROUND = 22, 130
QUIET_AREA = {True: 40, False: 12}  # of a mark, in few days and in many: below a rule 12 is lost

Picture = alt.LayerChart


def heat_picture(cells: Sequence[HeatCell], span: tuple[date, date]) -> Picture:
    """Draw the PSI of features by day or week: the fuller, the higher; a triangle alarms."""
    rows = [
        {
            "feature": cell.feature,
            "day": cell.first,
            "middle": _middle(cell),
            "last": cell.last + timedelta(days=1),
            "last day": cell.last,
            "psi": cell.psi,
            "limit": cell.limit,
            "state": cell.state.value,
        }
        for cell in cells
    ]
    names = list(dict.fromkeys(cell.feature for cell in cells))
    x = days.days_axis(*span)
    middle = days.days_axis(*span, field="middle")
    y = alt.Y("feature:N", title=None, sort=names, axis=alt.Axis(labelLimit=220))
    told = [
        alt.Tooltip("feature:N"),
        alt.Tooltip("day:T", title="from"),
        alt.Tooltip("last day:T", title="to"),
        alt.Tooltip("psi:Q", title="highest PSI", format=".3f"),
        alt.Tooltip("limit:Q", title="its alarm limit", format=".3f"),
        alt.Tooltip("state:N", title="worst reading"),
    ]
    full = alt.Opacity(
        "psi:Q",
        title=f"PSI, {FULL_PSI} and more is full",
        scale=alt.Scale(domain=[0, FULL_PSI], range=[0.04, 1.0], clamp=True),
        legend=alt.Legend(orient="bottom", symbolType="square", symbolFillColor=BLUE),
    )
    base = alt.Chart(days.frame(rows))
    cells_drawn = base.mark_rect(color=BLUE, stroke=None).encode(
        x=x, x2=alt.X2("last:T"), y=y, opacity=full, tooltip=told
    )
    odd = [row for row in rows if row["state"] in ("alarm", "warn")]
    noted = (
        alt.Chart(days.frame(odd, like=rows))
        .mark_point(filled=True, size=55, opacity=1.0, stroke="white", strokeWidth=0.7)
        .encode(x=middle, y=y, shape=days.state_shape(), color=days.state_colour(), tooltip=told)
    )
    return days.layered([cells_drawn, noted], height=ROW_HEIGHT * len(names) + AROUND)


def _middle(cell: HeatCell) -> datetime:
    first = datetime.combine(cell.first, time())
    return first + (cell.last + timedelta(days=1) - cell.first) / 2


def states_picture(
    states: Sequence[DayState], changes: Sequence[Change], span: tuple[date, date]
) -> Picture:
    """Draw the worst state of each monitor on each day."""
    by_day: dict[tuple[str, date], list[DayState]] = {}
    for of in states:
        by_day.setdefault((of.monitor, of.as_of), []).append(of)
    rows = [
        {
            "monitor": TITLES.get(monitor, monitor),
            "day": day,
            "state": worst_of(one.state for one in of).value,
            "readings": ", ".join(f"{one.count} {one.state.value}" for one in of),
        }
        for (monitor, day), of in by_day.items()
    ]
    x = days.days_axis(*span)
    shown = [title for title in TITLES.values() if any(row["monitor"] == title for row in rows)]
    y = alt.Y("monitor:N", title=None, sort=shown, axis=alt.Axis(labelLimit=240, grid=True))
    told = [alt.Tooltip("monitor:N"), alt.Tooltip("day:T"), "state:N", "readings:N"]
    few = (span[1] - span[0]).days <= days.FEW_DAYS
    size = alt.Size(
        "state:N",
        legend=None,
        scale=alt.Scale(domain=days.STATES, range=[QUIET_AREA[few], 60, 80, 25]),
    )
    base = alt.Chart(days.frame(rows)).mark_point(filled=True, opacity=1.0)
    drawn = base.encode(
        x=x, y=y, shape=days.state_shape(), color=days.state_colour(), size=size, tooltip=told
    )
    height = ROW_HEIGHT * len(shown) + AROUND
    return days.layered([drawn, *rules_of(changes, x, span)], height=height)


def rules_of(changes: Sequence[Change], x: alt.X, span: tuple[date, date]) -> list[alt.Chart]:
    """Return a rule for each new champion of these days."""
    first, last = span
    inside = [(of.day, of.label, of.how) for of in changes if first <= of.day <= last]
    return days.rules(inside, x)
