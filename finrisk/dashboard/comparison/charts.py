"""Pictures of two versions on the same rows; A is always the solid line, B the dashed one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from finrisk.dashboard import look
from finrisk.evaluation.same_rows import (
    CalibrationBin,
    Curve,
    SameRows,
    ScoreCells,
    ScoreDifferences,
)
from finrisk.pictures.palette import GREY

HEIGHT = 380
SOLID, DASHED = [1, 0], [6, 3]
CHANCE, CHANCE_DASH = GREY, [2, 3]
OUTCOMES = ("good", "bad")
OUTCOME_COLOURS = (look.SERIES[2], look.SERIES[3])
STROKES = alt.Legend(orient="bottom", symbolType="stroke", symbolSize=300)
STROKES_FULL = alt.Legend(orient="bottom", symbolType="stroke", symbolSize=300, symbolOpacity=1)
Names = tuple[str, str]


def roc(shown: SameRows, names: Names) -> alt.LayerChart:
    """Return both ROC curves, with the line that chance would draw."""
    lines = _lines(
        shown.roc,
        names,
        x="goods declined (FPR, lower = better)",
        y="bads declined (TPR, higher = better)",
    )
    chance = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    return _layered((_reference(chance), lines))


def precision_recall(shown: SameRows, names: Names) -> alt.LayerChart | None:
    """Return both precision-recall curves as steps; the dotted line is the bad rate of all rows."""
    if shown.precision_recall is None:
        return None
    lines = _lines(
        shown.precision_recall,
        names,
        x="recall: bads that are caught (higher = better)",
        y="precision (higher = better)",
        interpolate="step-before",
    )
    rate = shown.bads / shown.rows
    return _layered((_reference(pd.DataFrame({"x": [0.0, 1.0], "y": [rate, rate]})), lines))


def calibration(shown: SameRows, names: Names) -> alt.LayerChart | None:
    """Return deciles of each version that gives probabilities; None if neither does."""
    frame = pd.DataFrame(
        [
            _bin_row(name, of)
            for name, bins in zip(names, shown.calibration, strict=True)
            for of in bins or ()
        ]
    )
    if frame.empty:
        return None
    end = float(frame[["predicted", "high"]].to_numpy().max())
    x = alt.X("predicted:Q", title="predicted probability of bad (higher = riskier)")
    legend = alt.Legend(orient="bottom", values=_shown(names, shown.calibration))
    base = alt.Chart(frame).encode(x=x.axis(format="%"), color=_colour(names, legend))
    tips = [
        alt.Tooltip("version:N"),
        alt.Tooltip("rows:Q", format=","),
        *(alt.Tooltip(f"{of}:Q", format=".2%") for of in ("predicted", "observed", "low", "high")),
    ]
    shapes = alt.Scale(domain=list(names), range=["circle", "square"])
    points = base.mark_point(filled=True, size=50, opacity=1).encode(
        y=alt.Y("observed:Q", title="observed bad rate (95 % interval)").axis(format="%"),
        shape=alt.Shape("version:N", title=None, scale=shapes, legend=legend),
        tooltip=tips,
    )
    line = base.mark_line(strokeWidth=1.5).encode(y="observed:Q")
    bars = base.mark_rule().encode(y="low:Q", y2="high:Q")
    identity = pd.DataFrame({"x": [0.0, end], "y": [0.0, end]})
    return _layered((_reference(identity), bars, line, points))


def scores(shown: SameRows, names: Names) -> alt.LayerChart:
    """Return how many rows have which pair of scores; the dashed lines are the cut-off."""
    cells = shown.cells
    frame = _cell_frame(cells)
    rects = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=alt.X(
                "a0:Q", title=f"{names[0]}: {look.HIGHER_IS_RISKIER}", scale=_within(cells.edges_a)
            ),
            x2="a1:Q",
            y=alt.Y(
                "b0:Q", title=f"{names[1]}: {look.HIGHER_IS_RISKIER}", scale=_within(cells.edges_b)
            ),
            y2="b1:Q",
            color=alt.Color(
                "rows:Q",
                title="rows",
                scale=alt.Scale(type="log", scheme="viridis"),
                legend=alt.Legend(orient="bottom", format="~s"),
            ),
            tooltip=[
                alt.Tooltip("rows:Q", format=","),
                alt.Tooltip("a0:Q", title=f"{names[0]} from", format=".3f"),
                alt.Tooltip("b0:Q", title=f"{names[1]} from", format=".3f"),
            ],
        )
    )
    layers: list[Any] = [rects]
    if all(shown.probabilities):
        ends = [cells.edges_a[0], cells.edges_a[-1]]
        layers.append(_reference(pd.DataFrame({"x": ends, "y": ends})))
    if shown.cutoff is not None:
        layers += _at_cutoff(shown.cutoff)
    return _layered(layers)


def _at_cutoff(cutoff: float) -> list[alt.Chart]:
    at = pd.DataFrame({"cutoff": [cutoff]})
    rule = alt.Chart(at).mark_rule(color=look.SERIES[1], strokeDash=DASHED, strokeWidth=1.5)
    tip = alt.Tooltip("cutoff:Q", title="cut-off")
    return [rule.encode(x="cutoff:Q", tooltip=tip), rule.encode(y="cutoff:Q", tooltip=tip)]


def differences(shown: SameRows, names: Names) -> alt.LayerChart | None:
    """Return how far B's scores lie above A's, goods apart from bads; None without one scale."""
    if shown.differences is None:
        return None
    frame = _difference_frame(shown.differences)
    colour = alt.Color(
        "outcome:N",
        title=None,
        scale=alt.Scale(domain=list(OUTCOMES), range=list(OUTCOME_COLOURS)),
        legend=STROKES_FULL,
    )
    base = alt.Chart(frame).encode(
        x=alt.X(
            "from:Q",
            title=f"score of {names[1]} − score of {names[0]} (above 0: riskier to {names[1]})",
        ),
        y=alt.Y("share:Q", title="share of the class", stack=None).axis(format="%"),
        color=colour,
    )
    dashes = alt.Scale(domain=list(OUTCOMES), range=[SOLID, DASHED])
    dash = alt.StrokeDash("outcome:N", title=None, scale=dashes, legend=STROKES_FULL)
    lines = base.mark_line(interpolate="step-after").encode(
        strokeDash=dash,
        tooltip=[
            "outcome:N",
            alt.Tooltip("from:Q", format="+.3f"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    areas = base.mark_area(interpolate="step-after", opacity=0.2)
    zero = (
        alt.Chart(pd.DataFrame({"x": [0.0]}))
        .mark_rule(color=CHANCE, strokeDash=CHANCE_DASH)
        .encode(x="x:Q")
    )
    return _layered((zero, areas, lines))


def _lines(
    curves: tuple[Curve, Curve], names: Names, *, x: str, y: str, interpolate: Any = "linear"
) -> alt.Chart:
    frame = pd.DataFrame(
        [
            {"version": name, "x": at, "y": value, "order": order}
            for name, curve in zip(names, curves, strict=True)
            for order, (at, value) in enumerate(zip(curve.x, curve.y, strict=True))
        ]
    )
    within = alt.Scale(domain=[0, 1])
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_line(interpolate=interpolate, strokeWidth=2)
        .encode(
            x=alt.X("x:Q", title=x, scale=within).axis(format="%"),
            y=alt.Y("y:Q", title=y, scale=within).axis(format="%"),
            color=_colour(names, STROKES),
            strokeDash=_dash(names, STROKES),
            order="order:Q",
            tooltip=[
                "version:N",
                alt.Tooltip("x:Q", title="x", format=".1%"),
                alt.Tooltip("y:Q", title="y", format=".1%"),
            ],
        )
    )
    return chart


def _shown(names: Names, there: tuple[object, object]) -> list[str]:
    return [name for name, of in zip(names, there, strict=True) if of is not None]


def _colour(names: Names, legend: alt.Legend) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=list(look.SERIES[:2]))
    return alt.Color("version:N", title=None, scale=scale, legend=legend)


def _dash(names: Names, legend: alt.Legend) -> alt.StrokeDash:
    scale = alt.Scale(domain=list(names), range=[SOLID, DASHED])
    return alt.StrokeDash("version:N", title=None, scale=scale, legend=legend)


def _reference(frame: pd.DataFrame) -> alt.Chart:
    mark = alt.Chart(frame).mark_line(color=CHANCE, strokeDash=CHANCE_DASH, strokeWidth=1.2)
    line: alt.Chart = mark.encode(x="x:Q", y="y:Q")
    return line


def _bin_row(name: str, of: CalibrationBin) -> dict[str, Any]:
    return {
        "version": name,
        "rows": of.rows,
        "predicted": of.predicted,
        "observed": of.observed,
        "low": of.low,
        "high": of.high,
    }


def _cell_frame(cells: ScoreCells) -> pd.DataFrame:
    a, b = list(pairwise(cells.edges_a)), list(pairwise(cells.edges_b))
    return pd.DataFrame(
        [
            {"a0": a[i][0], "a1": a[i][1], "b0": b[j][0], "b1": b[j][1], "rows": rows}
            for i, j, rows in cells.counts
        ]
    )


def _difference_frame(of: ScoreDifferences) -> pd.DataFrame:
    rows = []
    for outcome, shares in zip(OUTCOMES, (of.goods, of.bads), strict=True):
        ends = (*shares, 0.0)
        rows += [
            {"outcome": outcome, "from": edge, "share": share}
            for edge, share in zip(of.edges, ends, strict=True)
        ]
    return pd.DataFrame(rows)


def _within(edges: tuple[float, ...]) -> alt.Scale:
    return alt.Scale(domain=[edges[0], edges[-1]], nice=False, zero=False)


def _layered(layers: Iterable[Any]) -> alt.LayerChart:
    chart: alt.LayerChart = alt.LayerChart(layer=list(layers)).properties(height=HEIGHT)
    return chart
