"""Overview: what changed last night, why, and whether anything is wrong, over all models."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.kinds import KIND_WORDS
from finrisk.dashboard.look import DECISIONS, Colour, figure, moment, plain_text, signed
from finrisk.dashboard.overview.champions import ShownChampion
from finrisk.dashboard.overview.facts import newest_change
from finrisk.dashboard.overview.findings import AIRFLOW, Finding, Urgency
from finrisk.dashboard.overview.morning import Morning, morning_of, overall
from finrisk.dashboard.overview.queries import NEWEST, Asked, morning_asked
from finrisk.dashboard.page_links import link_outside, link_to
from finrisk.dashboard.shown_models import ShownModel, models
from finrisk.dashboard.sources import Whose, sources
from finrisk.dashboard.tables import table
from finrisk.gate.budget import YearBudget
from finrisk.ledger.nights import StoredNight
from finrisk.pipelines.night_table import cells, headings
from finrisk.pipelines.trial import counts_from
from finrisk.records import Decision, LookKind, NightStatus

SIDE_BY_SIDE = 2
BLOCKED: tuple[str, Colour] = (":material/block:", "red")
QUIET: tuple[str, Colour] = (":material/pause:", "gray")
WAITS = ":material/hourglass_top:"
ICONS: dict[Urgency, tuple[str, Colour]] = {
    Urgency.ACT: (":material/warning:", "red"),
    Urgency.KNOW: (":material/info:", "blue"),
}


def show(whose: Whose) -> None:
    """Draw the page: a sentence over all models, a card of each, and their newest nights."""
    shown = models(whose.scope)
    asked = [morning_asked(Whose(whose.scope, model.name)) for model in shown]
    mornings = [morning_of(one.facts) for one in asked]
    _summary(mornings)
    drawn = list(zip(shown, asked, mornings, strict=True))
    for first in range(0, len(drawn), SIDE_BY_SIDE):
        columns = st.columns(min(SIDE_BY_SIDE, len(drawn)), gap="medium")
        for column, (model, one, morning) in zip(columns, drawn[first:], strict=False):
            with column, st.container(border=True, height="stretch", gap="small"):
                _card(Whose(whose.scope, model.name), model, one, morning)
    for model, one, _ in drawn:
        _nights(Whose(whose.scope, model.name), model, one.facts.recent.nights)


def _summary(mornings: Sequence[Morning]) -> None:
    urgencies = [morning.urgency for morning in mornings]
    said = plain_text(overall(mornings))
    if Urgency.ACT in urgencies:
        st.warning(f"**{said}**", icon=":material/warning:")
    elif Urgency.KNOW in urgencies:
        st.info(f"**{said}**", icon=":material/info:")
    else:
        st.success(f"**{said}**", icon=":material/check_circle:")


def _card(whose: Whose, model: ShownModel, asked: Asked, morning: Morning) -> None:
    _night(whose, model, asked, morning)
    _findings(whose, morning.findings)
    if asked.champion is None:
        st.markdown("**Champion**: none yet")
    else:
        _champion(model, asked.champion, asked)
    if asked.facts.budget is not None:
        _budget(asked.facts.budget, asked.facts.standing.spent.year)


def _night(whose: Whose, model: ShownModel, asked: Asked, morning: Morning) -> None:
    night = asked.facts.night
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"#### {plain_text(model.title)}")
        if night is not None:
            icon, colour, word = _badge(night)
            st.badge(word, icon=icon, color=colour)
    st.markdown(f"**{plain_text(morning.headline)}.** {plain_text(' '.join(morning.why))}")
    if morning.when:
        st.caption(plain_text(morning.when))
    if night is not None:
        settings = sources().settings.in_scope(whose.scope)
        decision = night.decision
        with st.container(horizontal=True):
            link_to("promotions", whose, label="This night's report", night=str(decision.as_of))
            link_outside("MLflow run", links.mlflow_run(settings, decision.run_id))
            dag_run = links.dag_run(settings, whose.model, decision.dag_run or None)
            link_outside("Airflow", dag_run or links.retraining(settings, whose.model))


def _badge(night: StoredNight) -> tuple[str, Colour, str]:
    decision = night.decision
    if decision.status is NightStatus.BLOCKED:
        return *BLOCKED, "HOLD: data blocked"
    if decision.status is not NightStatus.READY and decision.decision is Decision.HOLD:
        return *QUIET, "HOLD"
    return *DECISIONS[decision.decision], decision.decision.value


def _findings(whose: Whose, findings: Sequence[Finding]) -> None:
    if not findings:
        st.markdown(":green[:material/check:] Nothing is wrong, and nothing waits for a person.")
    for finding in findings:
        icon, colour = ICONS[finding.urgency]
        word = finding.urgency.value
        if finding.waits:
            icon, word = WAITS, "waits for you" if finding.urgency is Urgency.ACT else "waits"
        with st.container(horizontal=True, wrap=False, gap="small"):
            told = f":{colour}[{icon} **{word}**] {plain_text(finding.text)}"
            st.markdown(told, width="stretch")
            _where(whose, finding)


def _where(whose: Whose, finding: Finding) -> None:
    if finding.page == AIRFLOW:
        settings = sources().settings.in_scope(whose.scope)
        link_outside("Airflow", links.retraining(settings, whose.model))
    elif finding.page:
        link_to(finding.page, whose, night=finding.night)


def _champion(model: ShownModel, shown: ShownChampion, asked: Asked) -> None:
    link = shown.link
    came = newest_change(asked.facts.history) or link  # a number that was restored changes nothing
    since = f"{counts_from(came)}, recorded {moment(came.at, model.zone)}"
    figures = (f"{plain_text(name)} **{figure(value, 3)}**" for name, value in shown.metrics)
    st.markdown(
        f"**Champion v{link.version}** since {since} ({KIND_WORDS[came.kind]}; "
        f"by {plain_text(came.actor)}): {' · '.join(figures) or 'no figures'}"
    )
    if not shown.metrics:
        st.caption("It was promoted without evidence: what it shows on a hold-out is unknown.")
        return
    about = []
    if (rows := shown.holdout) is not None:
        about.append(f"on its hold-out {rows.first_day} to {rows.last_day}, {rows.bads:,} bads")
    if shown.difference is not None:
        name, difference, lower, upper = shown.difference
        about.append(
            f"Δ {name} to its predecessor {signed(difference)} "
            f"({signed(lower)} to {signed(upper)} at the z needed)"
        )
    st.caption(plain_text("; ".join(about)))


def _budget(year: YearBudget, of: int | None) -> None:
    left = year.left / year.whole
    looks = ", ".join(
        f"{year.looks_left[kind]} of {year.purses[kind].looks} {word} looks"
        for kind, word in ((LookKind.SCHEDULED, "scheduled"), (LookKind.RESERVE, "reserve"))
    )
    st.progress(left, text=f"Error budget of {of}: {100 * left:.0f} % left, {looks}")


def _nights(whose: Whose, model: ShownModel, nights: Sequence[StoredNight]) -> None:
    if not nights:
        return
    st.markdown(f"##### The newest nights: {plain_text(model.title)}")
    settings = sources().settings.in_scope(whose.scope)
    decisions = [night.decision for night in nights]
    above = headings(decisions)
    rows = [
        {
            **dict(zip(above[:-1], cells(decision)[:-1], strict=True)),
            "MLflow run": links.mlflow_run(settings, decision.run_id),
            "Airflow": links.dag_run(settings, whose.model, decision.dag_run or None),
            above[-1]: cells(decision)[-1],  # the reason, which is long
        }
        for decision in decisions
    ]
    known = {name for row in rows for name, value in row.items() if value is not None}
    rows = [{name: row[name] for name in row if name in known} for row in rows]
    table(
        rows,
        name=f"nights of {whose.model}",
        about=f"The newest {NEWEST} nights of {model.title}, the newest first",
        columns={
            "reason": st.column_config.TextColumn(width="large"),
            "MLflow run": st.column_config.LinkColumn(display_text="open"),
            "Airflow": st.column_config.LinkColumn(display_text="open"),
        },
        key=f"overview nights {whose.model}",
    )
