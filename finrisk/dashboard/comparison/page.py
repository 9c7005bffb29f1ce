"""Model Comparison: two versions side by side, as the gate saw them and on the same frozen rows."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import streamlit as st

from finrisk.dashboard.comparison import charts, tables, words
from finrisk.dashboard.comparison.choice import choose_two
from finrisk.dashboard.comparison.queries import (
    Choice,
    GatesView,
    choices,
    gates_view,
    origin,
    parameters,
    same_rows,
)
from finrisk.dashboard.look import DECISIONS, UNKNOWN, figure, plain_text, signed
from finrisk.dashboard.page_links import link_to
from finrisk.dashboard.sources import Whose
from finrisk.dashboard.tables import table
from finrisk.errors import FinRiskError, NotEnoughData, UnknownModel
from finrisk.evaluation.same_rows import MetricPair, Origin, SameRows

SPINNER = "Both versions are verified and score the same frozen rows. The first time takes seconds."
PICTURE_ONLY = "A picture for people: it decides nothing and spends no look."


def show(whose: Whose) -> None:
    """Draw the page: which two, what the gate saw, both on the same rows, what differs."""
    chosen = choose_two(whose, choices(whose))
    if chosen is None:
        return
    a, b = chosen
    names = (f"v{a.version}", f"v{b.version}")
    view = _gate(whose, a, b)
    st.subheader("Both on the same frozen rows", divider="gray")
    origins = [_origin(whose, choice) for choice in (a, b)]
    if all(of is not None for of in origins):
        _same_rows(whose, (a, b), names, view)
    _what_differs(whose, (a, b), (origins[0], origins[1]), names)


def _gate(whose: Whose, a: Choice, b: Choice) -> GatesView | None:
    """Show what a night found when it compared exactly these two, if one did."""
    st.subheader("What the gate saw", divider="gray")
    try:
        view = gates_view(whose, a.version, b.version)
    except FinRiskError as exc:
        st.warning(plain_text(words.told(exc)), icon=":material/warning:")
        return None
    if view is None:
        st.markdown(
            f"No night has compared v{a.version} with v{b.version}: there is no evidence about "
            "exactly these two."
        )
        return None
    st.markdown(plain_text(words.gate_sentence(view)))
    _decided(view)
    for reason in view.reasons:
        st.markdown(f"- {plain_text(reason)}")
    table(
        tables.gate_rows(view),
        name=f"gate_{view.night}",
        about=f"The gate's figures of champion v{view.champion} and challenger "
        f"v{view.challenger} on the night of {view.night}",
        key="comparison gate",
    )
    at = "the policy's confidence" if view.confidence is None else f"{100 * view.confidence:g} %"
    st.caption(
        f"Bounds are one-sided, each at {at}: a guard blocks only where even the bound shows harm."
    )
    link_to("promotions", whose, label=f"The night of {view.night}", night=str(view.night))
    return view


def _decided(view: GatesView) -> None:
    icon, colour = DECISIONS[view.decision]
    st.badge(view.decision.value, icon=icon, color=colour)
    found = view.comparison
    columns = st.columns(4)
    columns[0].metric(
        "Difference, challenger − champion", signed(found.difference if found else None)
    )
    columns[1].metric(
        "z", figure(found.z if found else None, 2), help="Difference ÷ its standard error"
    )
    columns[2].metric(
        "z needed", figure(view.z_needed, 2), help="From the look's share of the error budget"
    )
    columns[3].metric("Paid for the look", f"α {view.alpha:.5f}")


def _origin(whose: Whose, choice: Choice) -> Origin | None:
    """Return what a version's manifest says; where it cannot be read, say so."""
    try:
        with st.spinner(SPINNER):
            return origin(whose, choice.version)
    except UnknownModel as exc:
        st.info(f"v{choice.version}: {plain_text(words.told(exc))}", icon=":material/info:")
    except FinRiskError as exc:
        st.warning(
            f"**v{choice.version} cannot be shown.** {plain_text(words.told(exc))}",
            icon=":material/warning:",
        )
    return None


def _same_rows(
    whose: Whose, both: tuple[Choice, Choice], names: tuple[str, str], view: GatesView | None
) -> None:
    try:
        with st.spinner(SPINNER):
            shown = same_rows(whose, both[0].version, both[1].version)
    except NotEnoughData as exc:
        st.info(
            f"The two cannot be shown on the same rows. {plain_text(words.told(exc))}",
            icon=":material/info:",
        )
        return
    except FinRiskError as exc:
        st.warning(
            f"The two cannot be shown on the same rows. {plain_text(words.told(exc))}",
            icon=":material/warning:",
        )
        return
    said = words.headline_sentence(shown, names, view.z_needed if view else None)
    st.markdown(f"**{plain_text(said)}**")
    st.caption(f"{PICTURE_ONLY} {words.rows_sentence(shown)}")
    _metrics(shown, names)
    _pictures(shown, names)


def _metrics(shown: SameRows, names: tuple[str, str]) -> None:
    first: MetricPair = shown.metrics[0]
    columns = st.columns(4)
    metric = words.metric_name(first.name, shown)
    columns[0].metric(f"{metric}, {names[0]}", figure(first.a.value if first.a else None))
    columns[1].metric(f"{metric}, {names[1]}", figure(first.b.value if first.b else None))
    columns[2].metric("B − A", signed(first.difference.value if first.difference else None))
    columns[3].metric("Better, at 95 %", words.better(first, names))
    for title, ranking in (
        ("How they rank", True),
        ("What they decide, and whether probabilities mean what they say", False),
    ):
        st.markdown(f"##### {title}")
        table(
            tables.metric_rows(shown, names, ranking=ranking),
            name=f"{'ranking' if ranking else 'decisions'}_{names[0]}_{names[1]}",
            about=f"{title}: {names[0]} and {names[1]} on the same rows, with 95 % intervals",
            key=f"comparison metrics {ranking}",
        )
    st.caption(words.intervals_sentence(shown))


def _pictures(shown: SameRows, names: tuple[str, str]) -> None:
    pictures = (*_of_ranking(shown, names), *_of_scores(shown, names))
    held = [picture for picture in pictures if picture.chart is not None or picture.said]
    for first in range(0, len(held), 2):
        for column, picture in zip(st.columns(2, gap="medium"), held[first:], strict=False):
            with column:
                picture.draw()


def _of_ranking(shown: SameRows, names: tuple[str, str]) -> tuple[_Picture, ...]:
    return (
        _Picture(
            "ROC: what each cut-off catches, and at which price",
            charts.roc(shown, names),
            f"ROC curves of {names[0]} and {names[1]} on the same rows",
        ),
        _Picture(
            "Precision and recall",
            charts.precision_recall(shown, names),
            f"Precision-recall curves of {names[0]} and {names[1]}; dotted: the bad rate",
        ),
        _Picture(
            "Calibration: deciles of each version",
            charts.calibration(shown, names),
            f"Observed bad rates against predicted ones of {names[0]} and {names[1]}, in deciles",
            words.calibration_sentence(shown, names),
        ),
    )


def _of_scores(shown: SameRows, names: tuple[str, str]) -> tuple[_Picture, ...]:
    return (
        _Picture(
            f"Score of {names[1]} against {names[0]}",
            charts.scores(shown, names),
            f"Heat map of how many rows have which pair of scores of {names[0]} and {names[1]}",
            words.swaps_sentence(shown, names),
        ),
        _Picture(
            "How far the scores differ",
            charts.differences(shown, names),
            f"Distribution of the score of {names[1]} minus that of {names[0]}, by outcome",
            words.differences_sentence(shown, names),
        ),
    )


@dataclass(frozen=True)
class _Picture:
    """A picture with its heading, and what is said below it; or said instead of it."""

    title: str
    chart: alt.LayerChart | None
    about: str
    said: str = ""

    def draw(self) -> None:
        st.markdown(f"##### {plain_text(self.title)}")
        if self.chart is not None:
            st.altair_chart(self.chart, alt=self.about, width="stretch")
        if self.said:
            st.caption(plain_text(self.said))


def _what_differs(
    whose: Whose,
    both: tuple[Choice, Choice],
    origins: tuple[Origin | None, Origin | None],
    names: tuple[str, str],
) -> None:
    st.subheader("What differs between them", divider="gray")
    every = st.toggle(
        "Show also what is the same", key="comparison all", help="All parameters and facts of both"
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _parameters(whose, both, names, every=every)
    with right:
        _origins(origins, names, every=every)


def _parameters(
    whose: Whose, both: tuple[Choice, Choice], names: tuple[str, str], *, every: bool
) -> None:
    st.markdown("##### Parameters of their MLflow runs")
    try:
        found = [parameters(whose, choice.run_id) for choice in both]
    except FinRiskError as exc:
        st.caption(
            f"{plain_text(words.told(exc))} What their signed manifests say stands beside it."
        )
        return
    for choice, of in zip(both, found, strict=True):
        if of is None:
            st.caption(f"MLflow does not have the run of v{choice.version} any more.")
    rows = tables.parameter_rows(found[0], found[1], names)
    shown = rows if every else tables.differing(rows)
    if not shown:
        st.markdown("All parameters are the same." if rows else f"None is known: {UNKNOWN}")
        return
    table(
        shown,
        name=f"parameters_{names[0]}_{names[1]}",
        about=f"Parameters of {names[0]} and {names[1]}, those that differ first",
        key="comparison parameters",
    )


def _origins(
    origins: tuple[Origin | None, Origin | None], names: tuple[str, str], *, every: bool
) -> None:
    st.markdown("##### Where they come from, by their signed manifests")
    rows = tables.origin_rows(origins[0], origins[1], names)
    shown = rows if every else tables.differing(rows)
    if not shown:
        st.markdown("Nothing differs." if rows else "Neither manifest could be read.")
        return
    table(
        shown,
        name=f"origins_{names[0]}_{names[1]}",
        about=f"Training window, snapshot, features and libraries of {names[0]} and {names[1]}",
        key="comparison origins",
    )
