"""Pictures of the Promotions page: champions over time, differences of a night, the budget's year.

Facts in, a chart out; nothing is drawn here. Shape or dash goes with every colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd

from finrisk.dashboard.kinds import KIND_MARKS, KIND_WORDS
from finrisk.dashboard.look import SERIES
from finrisk.dashboard.promotions.budgets import YearOfLooks
from finrisk.evidence import Evidence, PairedFigure
from finrisk.gate.figures import LOWER_IS_BETTER, known, label
from finrisk.pictures.palette import BLUE, GREEN, GREY, VERMILION
from finrisk.pipelines.trial import counts_from
from finrisk.records import LookKind, PromotionRecord

EXPECTED_LOSS = "expected loss"
BETTER, WORSE, APART = "better beyond chance", "worse beyond chance", "not told apart"
MARKS = {
    BETTER: ("triangle-up", GREEN),
    APART: ("circle", GREY),
    WORSE: ("triangle-down", VERMILION),
}
DAYS = alt.Axis(format="%Y-%m-%d", labelAngle=0, tickCount=6)
ROW_HEIGHT = 30
BEYOND = 0.04  # of the time shown, drawn on after the last day


Layered = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """Challenger − champion of one figure, in per cent of the champion's; None is no bound."""

    name: str
    percent: float
    low: float | None
    high: float | None
    said: str
    text: str


def champions_over_time(history: Sequence[PromotionRecord], until: date) -> Layered:
    """Return which version decided from which business day on, up to a day."""
    x = alt.X("day:T", title="business day that it counts from", axis=DAYS)
    y = alt.Y(
        "version:Q",
        title="champion's version",
        axis=alt.Axis(format="d", tickMinStep=1),
        scale=alt.Scale(zero=False, padding=12),
    )
    steps = _days(deciding_steps(history, until))
    line = alt.Chart(steps).mark_line(interpolate="step-after", color=GREY)
    drawn = line.encode(x, y, order="order:Q")
    return alt.layer(drawn, _promotions(history, x, y)).properties(height=300)


def deciding_steps(history: Sequence[PromotionRecord], until: date) -> list[dict[str, Any]]:
    """Return the days from which another version decided, as ``Ledger.champion_on`` has it.

    The newest epoch that counts by then decides: one that counts from an earlier day than those
    before it, as in a ledger of replayed nights, has taken their days over.
    """
    deciding: list[PromotionRecord] = []
    for link in history:
        deciding = [one for one in deciding if counts_from(one) <= counts_from(link)]
        deciding.append(link)
    first, last = counts_from(deciding[0]), max(until, counts_from(deciding[-1]))
    beyond = last + max(timedelta(days=1), (last - first) * BEYOND)  # or the last step has no tread
    days = [
        *((counts_from(link), link.version) for link in deciding),
        (beyond, history[-1].version),
    ]
    return [
        {"day": day, "version": version, "order": order}
        for order, (day, version) in enumerate(days)
    ]


def _promotions(history: Sequence[PromotionRecord], x: alt.X, y: alt.Y) -> alt.Chart:
    """Return a mark for each promotion, which says how it came."""
    marks = [
        {
            "day": counts_from(link),
            "version": link.version,
            "kind": KIND_WORDS[link.kind],
            "actor": link.actor,
            "reason": link.reason or "no reason given",
        }
        for link in history
    ]
    shown = [kind for kind in KIND_WORDS if any(link.kind is kind for link in history)]
    words = [KIND_WORDS[kind] for kind in shown]
    shapes, colours = zip(*(KIND_MARKS[kind] for kind in shown), strict=True)
    drawn: alt.Chart = (
        alt.Chart(_days(marks))
        .mark_point(size=140, filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            shape=_scaled(alt.Shape, "kind:N", words, shapes, "how it came"),
            color=_scaled(alt.Color, "kind:N", words, colours, "how it came"),
            tooltip=[
                alt.Tooltip("day:T", format="%Y-%m-%d"),
                "version",
                "kind",
                "actor",
                "reason",
            ],
        )
    )
    return drawn


def shown_differences(evidence: Evidence) -> list[ShownDifference]:
    """Return what a night compared, the headline first; in per cent, so that scales agree."""
    found = []
    compared, interval = evidence.facts.comparison, evidence.verdict.interval
    if compared is not None:
        low, high = interval or (None, None)
        pair = PairedFigure(
            compared.champion, compared.challenger, compared.difference, lower=low, upper=high
        )
        name = f"{label(compared.metric)}, at the z needed"
        found.append(_shown(name, pair, lower_is_better=False))
    guards = evidence.facts.guards
    if guards is None:
        return [one for one in found if one is not None]
    for metric, pair in guards.metrics.items():
        if compared is None or metric != compared.metric:
            found.append(_shown(label(metric), pair, lower_is_better=metric in LOWER_IS_BETTER))
    if guards.loss_per_1000 is not None:
        found.append(_shown(EXPECTED_LOSS, guards.loss_per_1000, lower_is_better=True))
    for name, part in guards.slices.items():
        found.append(_shown(f"AUC of {name}", part.auc, lower_is_better=False))
    if guards.anchor is not None and guards.anchor.auc is not None:
        name = f"AUC to v{guards.anchor.version}, last signed"
        found.append(_shown(name, guards.anchor.auc, lower_is_better=False))
    return [one for one in found if one is not None]


def differences(shown: Sequence[ShownDifference]) -> Layered:
    """Return differences with their bounds, one below the other."""
    rows = [asdict(one) for one in shown]
    order = [one.name for one in shown]
    words = [word for word in MARKS if any(one.said == word for one in shown)]
    y = alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelLimit=260, labelOverlap=False))
    frame = pd.DataFrame(rows)
    tooltip = [alt.Tooltip("name", title="figure"), alt.Tooltip("text", title="Δ"), "said"]
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=GREY, strokeDash=[4, 3])
    colour = _scaled(alt.Color, "said:N", words, [MARKS[word][1] for word in words], "")
    bounds = alt.Chart(frame).mark_rule(strokeWidth=2)
    points = alt.Chart(frame).mark_point(filled=True, size=110, opacity=1)
    title = "challenger − champion, in % of the champion's figure"
    return alt.layer(
        zero.encode(x="at:Q"),
        bounds.encode(x=alt.X("low:Q", title=title), x2="high:Q", y=y, color=colour),
        points.encode(
            x=alt.X("percent:Q", title=title),
            y=y,
            color=colour,
            shape=_scaled(alt.Shape, "said:N", words, [MARKS[word][0] for word in words], ""),
            tooltip=tooltip,
        ),
    ).properties(height=alt.Step(ROW_HEIGHT))


def budget_of_year(year: YearOfLooks) -> Layered:
    """Return what the year's looks have spent in all, night by night, below what it may."""
    words = {LookKind.SCHEDULED: "scheduled look", LookKind.RESERVE: "reserve look"}
    rows = [
        {"night": look.night, "spent": look.spent, "kind": words[look.kind], "alpha": look.alpha}
        for look in year.looks
    ]
    x = alt.X("night:T", title=f"night of {year.year}", axis=DAYS)
    y = alt.Y("spent:Q", title="α spent in the year", axis=alt.Axis(format=".3~g"))
    line = alt.Chart(_days(rows, "night")).mark_line(interpolate="step-after", color=BLUE)
    points = alt.Chart(_days(rows, "night")).mark_point(filled=True, size=80, opacity=1)
    shapes = alt.Scale(domain=list(words.values()), range=["circle", "diamond"])
    legend = alt.Legend(title=None, orient="bottom")
    layers: list[alt.Chart] = [
        line.encode(x=x, y=y),
        points.encode(
            x=x,
            y=y,
            shape=alt.Shape("kind:N", scale=shapes, legend=legend),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=list(words.values()), range=[SERIES[0], SERIES[4]]),
                legend=legend,
            ),
            tooltip=[
                alt.Tooltip("night:T", format="%Y-%m-%d"),
                "kind",
                alt.Tooltip("alpha", title="α of this look", format=".3g"),
                alt.Tooltip("spent", title="α spent by then", format=".3g"),
            ],
        ),
    ]
    if year.budget is not None:
        layers += _whole(year.budget.whole, y)
    return alt.layer(*layers).properties(height=320)


def _whole(alpha: float, y: alt.Y) -> list[alt.Chart]:
    """Return what the year may spend as a level line with its name."""
    whole = alt.Chart(pd.DataFrame({"spent": [alpha], "what": ["the year's budget"]}))
    text = whole.mark_text(color=VERMILION, align="left", dx=4, dy=-8)
    return [
        whole.mark_rule(color=VERMILION, strokeDash=[6, 4], strokeWidth=2).encode(y=y),
        text.encode(x=alt.value(0), y=y, text="what:N"),
    ]


def _shown(name: str, pair: PairedFigure, *, lower_is_better: bool) -> ShownDifference | None:
    """Return a difference in per cent of the champion's figure; None where that is none."""
    whole, difference = known(pair.champion), known(pair.difference)
    if not whole or difference is None:
        return None
    low, high = known(pair.lower), known(pair.upper)
    percent = 100.0 / abs(whole)
    better = BETTER if not lower_is_better else WORSE
    worse = WORSE if not lower_is_better else BETTER
    said = APART
    if low is not None and low > 0.0:
        said = better
    elif high is not None and high < 0.0:
        said = worse
    bounds = "" if low is None or high is None else f" ({low:+.4g} to {high:+.4g})"
    return ShownDifference(
        name=f"{name} (lower is better)" if lower_is_better else name,
        percent=percent * difference,
        low=None if low is None else percent * low,
        high=None if high is None else percent * high,
        said=said,
        text=f"{difference:+.4g}{bounds}",
    )


def _days(rows: Sequence[dict[str, Any]], name: str = "day") -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame[name] = pd.to_datetime(frame[name])
    return frame


def _scaled(
    channel: type[Any], field: str, domain: Sequence[str], told: Sequence[str], title: str
) -> Any:
    return channel(
        field,
        scale=alt.Scale(domain=list(domain), range=list(told)),
        legend=alt.Legend(title=title or None, orient="bottom", columns=4),
    )
