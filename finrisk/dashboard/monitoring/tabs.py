"""The parts of the monitoring page that look back over days, one tab each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from finrisk.dashboard import tables
from finrisk.dashboard.look import figure, plain_text, share, signed
from finrisk.dashboard.monitoring import charts, grids
from finrisk.dashboard.monitoring.lists import Shown, asked, of_the_day
from finrisk.dashboard.monitoring.queries import (
    changes,
    heat,
    points,
    states,
)
from finrisk.dashboard.monitoring.reading_words import said
from finrisk.evaluation.drift_readings import ALARM_DEVIATIONS, LEAST_CHANGE
from finrisk.gate.figures import label
from finrisk.ledger.reading_history import Point
from finrisk.ledger.readings import Reading, State

METRICS = ("auc", "ks", "average_precision")
MOST_FEATURES, USUAL_FEATURES = 6, 3
SHAPES = (
    "Shapes say the state of a reading: triangle alarm, diamond warn, cross unknown, circle quiet"
)
RULES = "A vertical rule is a new champion."
TRIANGLES = f"{SHAPES}; on many days quiet ones are a line alone. {RULES}"


def drift(shown: Shown) -> None:
    """Show the drift of the score, and of the features that drifted most."""
    policy = shown.policy.monitoring
    st.markdown("#### Score drift")
    found = points(shown.whose, "score_drift", shown.first)
    _picture_or_why(
        found,
        "No score drift is known in these days",
        lambda: charts.psi_picture(found, changes(shown.whose), policy.least_psi, shown.span),
        f"Score PSI by day with its alarm limit, {_span(shown)}",
    )
    st.caption(
        f"PSI of the score, the last {policy.window_days} decided days against the champion's "
        "reference. The alarm limit knows chance: it is learnt from windows of the same length in "
        f"the reference, so that without drift {share(policy.alarm_years, 0)} of years have an "
        "alarm; it is never "
        f"below {policy.least_psi:g} (dotted), under which no drift matters. {TRIANGLES}"
    )
    _feature_drift(shown)


def _feature_drift(shown: Shown) -> None:
    st.markdown("#### Feature drift")
    cells, of = heat(shown.whose, shown.first, shown.last)
    if not any(cell.psi is not None for cell in cells):
        st.info("No feature drift is known in these days.", icon=":material/info:")
        return
    names = list(dict.fromkeys(cell.feature for cell in cells))
    by_week = any(cell.first != cell.last for cell in cells)
    st.altair_chart(
        grids.heat_picture(cells, shown.span),
        alt=f"PSI of {len(names)} features by {'week' if by_week else 'day'}, {_span(shown)}; "
        f"most drifted: {names[0]}",
        width="stretch",
    )
    st.caption(
        f"The {len(names)} of {of} features that drifted most, the most drifted on top. "
        + ("A cell is a week: its highest PSI, its worst reading. " if by_week else "")
        + "The fuller a cell, the more it drifted; a triangle alarms, a diamond warns."
    )
    _features_by_day(shown, names)


def _features_by_day(shown: Shown, names: list[str]) -> None:
    chosen = st.multiselect(
        f"Features day by day, {MOST_FEATURES} at most",
        names,
        default=names[:USUAL_FEATURES],
        max_selections=MOST_FEATURES,
        key=f"monitoring_features_{shown.whose.model}",
    )
    found = points(shown.whose, "feature_drift", shown.first, tuple(sorted(chosen)))
    for feature, column in zip(chosen, _columns(len(chosen)), strict=True):
        of_feature = [point for point in found if point.subject == feature]
        with column:
            st.markdown(f"**{plain_text(feature)}**")
            st.altair_chart(
                charts.psi_picture(
                    of_feature,
                    changes(shown.whose),
                    shown.policy.monitoring.least_psi,
                    shown.span,
                    small=True,
                ),
                alt=f"PSI of {feature} by day with its alarm limit, {_span(shown)}",
                width="stretch",
            )


def _columns(count: int) -> Sequence[Any]:
    """Return so many places, two side by side."""
    places: list[Any] = []
    while len(places) < count:
        places += st.columns(2)
    return places[:count]


def performance(shown: Shown) -> None:
    """Show a metric on matured labels, what was promised, and the estimate before labels."""
    chosen = st.segmented_control(
        "Metric",
        METRICS,
        default=_first_metric(shown.policy.headline_metric),
        required=True,
        format_func=label,
        key="monitoring_metric",
    )
    name = chosen or METRICS[0]
    matured = points(shown.whose, "performance", shown.first, (name,), ("shown",))
    estimated = points(shown.whose, "estimate", shown.first, (name,))
    if not _known(matured):
        _nothing_matured(shown)
    if _known(matured) or _known(estimated):
        st.altair_chart(
            charts.performance_picture(matured, estimated, name, changes(shown.whose), shown.span),
            alt=f"{label(name)} on matured labels with its 95 % interval, what was shown, the "
            f"alarm limit and the estimate before labels, {_span(shown)}",
            width="stretch",
        )
    st.caption(
        "Of the decisions that the champion made, on days after its hold-out, whose labels have "
        f"matured; the newest {shown.policy.monitoring.performance_days} such days. *Shown on the "
        "hold-out* is what it promised when it became champion. Below the limit it is surely worse "
        "than that, chance left aside. The estimate draws labels from the scores and has seen "
        "none: it is never an alarm, asks for nothing, and no gate reads it. " + TRIANGLES
    )
    told = [r for r in _of_day(shown, "performance", "estimate") if r.subject == name]
    for reading in told:
        st.markdown(f"- {plain_text(said(reading))}{_matured_rows(reading)}")


def _first_metric(headline_metric: str) -> str:
    return headline_metric if headline_metric in METRICS else METRICS[0]


def _matured_rows(reading: Reading) -> str:
    of = reading.detail
    if "bads" not in of or "first_day" not in of:
        return ""
    return (
        f", {of['bads']:,} bads among {of['rows']:,} rows of {of['first_day']} to {of['last_day']}"
    )


def _nothing_matured(shown: Shown) -> None:
    why = [said(r) for r in _of_day(shown, "performance") if r.state is State.UNKNOWN]
    st.info(
        "Nothing has matured in these days: performance is not known. "
        + plain_text("; ".join(dict.fromkeys(why))),
        icon=":material/hourglass_empty:",
    )


def calibration(shown: Shown) -> None:
    """Show what was said against what came, over all and slice by slice."""
    st.markdown("#### Observed against expected")
    told = ("mean_score", "bad_rate", "most")
    found = points(shown.whose, "calibration", shown.first, None, told)
    if not _known(found):
        why = [said(r) for r in _of_day(shown, "calibration")]
        st.info(
            "Calibration is not known in these days. " + plain_text("; ".join(why)),
            icon=":material/hourglass_empty:",
        )
    else:
        pair = (("observed bad rate", "bad_rate"), ("expected: mean score", "mean_score"))
        st.altair_chart(
            charts.pair_picture(
                found, pair, "bad rate", changes(shown.whose), shown.span, share=True
            ),
            alt=f"Observed bad rate against the mean score, {_span(shown)}",
            width="stretch",
        )
        st.altair_chart(
            charts.offset_picture(found, changes(shown.whose), shown.span),
            alt=f"Offset between bad rate and mean score in logits, with its 95 % interval and "
            f"the alarm limits, {_span(shown)}",
            width="stretch",
        )
        _ratio(found)
    st.markdown("#### Slices on the newest day")
    rows = [_slice_row(reading) for reading in _of_day(shown, "slice")]
    if rows:
        tables.table(rows, name=f"slices_{shown.whose.model}", about="Calibration slice by slice")
    else:
        st.info("The spec declares no slice (gate.guards.slices).", icon=":material/info:")


def _ratio(found: Sequence[Point]) -> None:
    newest = _known(found)[-1]
    rate, mean = newest.told.get("bad_rate"), newest.told.get("mean_score")
    ratio = rate / mean if rate is not None and mean else None
    st.caption(
        f"As of {newest.as_of}: observed {share(rate)}, expected {share(mean)}, observed ÷ "
        f"expected {figure(ratio, 2)}. The offset {signed(newest.value, 2)} "
        f"[95 %: {signed(newest.low, 2)} to {signed(newest.high, 2)}] is the same in logits; above "
        "0 the model says too little risk. It alarms where it is surely beyond "
        f"±{figure(newest.told.get('most'), 2)}, hence the wider limit. {TRIANGLES}"
    )


def _slice_row(reading: Reading) -> dict[str, Any]:
    of = reading.detail
    return {
        "Slice": reading.subject,
        "State": reading.state.value,
        "Rows": of.get("rows"),
        "Bads": of.get("bads"),
        "Observed bad rate": share(of.get("bad_rate")),
        "Expected": share(of.get("mean_score")),
        "Offset (logits)": signed(reading.value, 2),
        "95 %": f"{signed(reading.low, 2)} to {signed(reading.high, 2)}",
        "Alarm beyond ±": figure(reading.threshold, 2),
        "Why unknown": str(of.get("reason", "")),
    }


def volume(shown: Shown) -> None:
    """Show how many rows were decided a day, and how old the newest data are."""
    st.markdown("#### Volume")
    found = points(shown.whose, "volume", shown.first, None, ("rows_a_day", "expected_a_day"))
    pair = (("decided rows a day", "rows_a_day"), ("usual on such weekdays", "expected_a_day"))
    _picture_or_why(
        found,
        "Volume is not known in these days",
        lambda: charts.pair_picture(found, pair, "rows a day", changes(shown.whose), shown.span),
        f"Decided rows a day against what such weekdays usually have, {_span(shown)}",
    )
    st.caption(
        "Of the window, or of its last week if that is odder. It alarms where there are "
        f"{LEAST_CHANGE:g} times as many or as few, and the median day is {ALARM_DEVIATIONS:g} "
        "deviations out."
    )
    st.markdown("#### Freshness")
    ages = points(shown.whose, "freshness", shown.first)
    _picture_or_why(
        ages,
        "Freshness is not known in these days",
        lambda: charts.age_picture(ages, shown.span),
        f"Age in days of the newest decision, landed row and label, {_span(shown)}",
    )
    st.caption("Limits (dashed) follow from contract.max_age_days; without it nobody said one.")


def by_day(shown: Shown) -> None:
    """Show in which state each monitor was on each day."""
    found = [of for of in states(shown.whose) if of.as_of >= shown.first]
    st.altair_chart(
        grids.states_picture(found, changes(shown.whose), shown.span),
        alt=f"Worst state of each monitor by day, {_span(shown)}",
        width="stretch",
    )
    st.caption(f"The worst reading of each monitor on each day that was read. {SHAPES}. {RULES}")


def _picture_or_why(
    found: Sequence[Point], nothing: str, draw: Callable[[], charts.Picture], about: str
) -> None:
    if _known(found):
        st.altair_chart(draw(), alt=about, width="stretch")
    else:
        st.info(f"{nothing}.", icon=":material/info:")


def _known(found: Sequence[Point]) -> list[Point]:
    return [point for point in found if point.value is not None]


def _of_day(shown: Shown, *monitors: str) -> list[Reading]:
    readings = () if shown.read is None else shown.read.readings
    return [reading for reading in readings if reading.monitor in monitors]


def _span(shown: Shown) -> str:
    return f"{shown.first} to {shown.last}"


TABS: Mapping[str, Callable[[Shown], None]] = {
    "States by day": by_day,
    "Drift": drift,
    "Performance": performance,
    "Calibration and slices": calibration,
    "Volume and freshness": volume,
    "Readings of the day": of_the_day,
    "Alerts": asked,
}
