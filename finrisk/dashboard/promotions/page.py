"""Promotions: who decided when and why, the evidence of each night, and what its looks cost."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.kinds import KIND_WORDS
from finrisk.dashboard.look import command, day, figure, moment, plain_text, version
from finrisk.dashboard.page_links import link_outside, link_to
from finrisk.dashboard.promotions.budgets import YearOfLooks, year_of_looks, years
from finrisk.dashboard.promotions.charts import budget_of_year, champions_over_time
from finrisk.dashboard.promotions.night_report import draw_night
from finrisk.dashboard.promotions.nights import NightChoice, explained, night_choices
from finrisk.dashboard.promotions.record import (
    chain,
    decided_then,
    history,
    timeline_kinds,
    timeline_page,
)
from finrisk.dashboard.shown_models import models
from finrisk.dashboard.sources import Whose, sources
from finrisk.dashboard.tables import table
from finrisk.errors import UnknownModel
from finrisk.gate.budget import YearBudget
from finrisk.pipelines.trial import counts_from
from finrisk.records import LookKind, PromotionRecord
from finrisk.wording import counted

NIGHT = "night"  # in the address
CHOSEN = "promotions night"
ROWS = 25
CHAMPIONS, EVIDENCE, BUDGET, TIMELINE = (
    "Champions",
    "Evidence of a night",
    "Error budget",
    "Timeline",
)
DAY, MOMENT = "a business day", "a moment of the record"
PURSES = {LookKind.SCHEDULED: "Scheduled", LookKind.RESERVE: "Reserve"}


def show(whose: Whose) -> None:
    """Draw the part that is open: the evidence first, where the address names a night."""
    zone = next((m.zone for m in models(whose.scope) if m.name == whose.model), "UTC")
    first = EVIDENCE if NIGHT in st.query_params else CHAMPIONS
    champions, evidence, budget, timeline = st.tabs(
        [CHAMPIONS, EVIDENCE, BUDGET, TIMELINE], default=first, key="part", bind="query-params"
    )
    if champions.open:
        with champions:
            _champions(whose, zone)
    if evidence.open:
        with evidence:
            _evidence(whose)
    if budget.open:
        with budget:
            _budget(whose)
    if timeline.open:
        with timeline:
            _timeline(whose, zone)


def _champions(whose: Whose, zone: str) -> None:
    links_of = history(whose)
    if not links_of:
        st.info(
            "No version has been champion yet: the first night that reaches the floors makes one. "
            f"{command(f'finrisk retrain {whose.model}')} runs a night.",
            icon=":material/info:",
        )
        return
    _verified(whose)
    now = links_of[-1]
    st.markdown(
        f"**v{now.version} decides** since {counts_from(now)}, recorded {moment(now.at, zone)}: "
        f"{KIND_WORDS[now.kind]}, by {plain_text(now.actor)}."
    )
    newest = night_choices(whose)
    until = max([counts_from(now), *(night.as_of for night in newest[:1])])
    told = ", ".join(f"v{link.version} from {counts_from(link)}" for link in links_of[-8:])
    st.altair_chart(
        champions_over_time(links_of, until),
        alt=f"Which version was champion from which day on: {told}",
        width="stretch",
    )
    _decided_then(whose, now, zone)
    table(
        [_as_row(link, zone) for link in reversed(links_of)],
        name=f"promotions of {whose.model}",
        about=f"Every promotion of {whose.model}, the newest first",
        key="promotions chain",
    )


def _verified(whose: Whose) -> None:
    found = chain(whose)
    if found.error:
        st.error(
            f"The chain does not verify: {plain_text(found.error)}", icon=":material/link_off:"
        )
        return
    st.markdown(
        f":green[:material/link:] {counted(found.links, 'link')} verified: "
        "the chain of promotions is whole."
    )


def _decided_then(whose: Whose, now: PromotionRecord, zone: str) -> None:
    st.markdown("##### What decided then?")
    by, on, at = st.columns([2, 1, 1])
    asked = by.radio("Ask about", [DAY, MOMENT], key="promotions asked", horizontal=True)
    then = on.date_input(
        "Day", value=counts_from(now), format="YYYY-MM-DD", key="promotions day", max_value=None
    )
    when: date | datetime | None = then if isinstance(then, date) else None
    if asked == MOMENT:
        clock = at.time_input(f"Time ({zone})", value=time(8), key="promotions time")
        if when is not None and clock is not None:
            when = datetime.combine(when, clock, ZoneInfo(zone))
    if when is None:
        return
    try:
        sentences = decided_then(whose, when)
    except UnknownModel as exc:
        st.info(plain_text(f"{exc.what[0].upper()}{exc.what[1:]}."), icon=":material/info:")
        return
    st.markdown("\n".join(f"- {plain_text(sentence)}" for sentence in sentences))


def _as_row(link: PromotionRecord, zone: str) -> dict[str, object]:
    return {
        "epoch": link.epoch,
        "version": version(link.version),
        "after": version(link.previous_version),
        "how": KIND_WORDS[link.kind],
        "counts from": day(counts_from(link)),
        "recorded": moment(link.at, zone),
        "by": link.actor,
        "reason": link.reason or "none given",
        "shown in MLflow": "yes" if link.projected else "not yet",
        "hash": link.hash[:12],
    }


def _evidence(whose: Whose) -> None:
    nights = night_choices(whose)
    if not nights:
        st.info(
            f"No night is on record yet. {command(f'finrisk retrain {whose.model}')} runs one.",
            icon=":material/info:",
        )
        return
    night = _chosen(nights)
    found = explained(whose, night)
    settings = sources().settings.in_scope(whose.scope)
    with st.container(horizontal=True):
        link_outside("MLflow run", links.mlflow_run(settings, found.decision.run_id))
        dag_run = links.dag_run(settings, whose.model, found.decision.dag_run or None)
        link_outside("Airflow", dag_run or links.retraining(settings, whose.model))
        link_to("comparison", whose, label="Compare the two models")
    draw_night(whose, found)


def _chosen(nights: list[NightChoice]) -> date:
    """Let people choose a night; the address keeps it, and is what counts."""
    by_day = {str(night.as_of): night for night in nights}
    asked = st.query_params.get(NIGHT, "")
    if asked in by_day:
        st.session_state[CHOSEN] = asked
    elif asked:
        st.info(f"There is no night {plain_text(asked)}; this is the newest.")
    newest = next((str(night.as_of) for night in nights if night.has_evidence), next(iter(by_day)))
    if st.session_state.get(CHOSEN) not in by_day:
        st.session_state[CHOSEN] = newest
    chosen = st.selectbox(
        "Night",
        list(by_day),
        format_func=lambda name: _called(by_day[name]),
        key=CHOSEN,
        on_change=_keep_in_the_address,
    )
    return by_day[chosen].as_of


def _keep_in_the_address() -> None:
    st.query_params[NIGHT] = st.session_state[CHOSEN]


def _called(night: NightChoice) -> str:
    about = f", v{night.challenger}" if night.challenger else ""
    return f"{night.as_of}: {night.decision}{about}{'' if night.has_evidence else ', no evidence'}"


def _budget(whose: Whose) -> None:
    found = years(whose)
    if not found:
        st.info("No look was spent yet: the first comparison of a challenger pays the first one.")
        return
    year = st.selectbox("Year", found, key="promotions year")
    spent = year_of_looks(whose, year)
    if spent.budget is not None:
        _purses(spent.budget)
    whole = "" if spent.budget is None else f" of {spent.budget.whole:.3g}"
    st.altair_chart(
        budget_of_year(spent),
        alt=f"Error budget of {year}: {spent.looks[-1].spent:.3g}{whole} spent "
        f"in {len(spent.looks)} looks",
        width="stretch",
    )
    st.caption(
        "α is the chance that a look promotes a challenger that is no better. A look is paid "
        "before labels meet scores, and never refunded; a first champion's costs nothing."
    )
    _looks(whose, spent)


def _purses(year: YearBudget) -> None:
    whole, *each = st.columns(1 + len(PURSES))
    whole.metric(
        "Left of the year's α",
        f"{year.left:.3g} of {year.whole:.3g}",
        help="False promotions a year that may still be risked, over both purses",
    )
    for column, (kind, word) in zip(each, PURSES.items(), strict=True):
        purse = year.purses[kind]
        column.metric(
            f"{word} looks left",
            f"{year.looks_left[kind]} of {purse.looks}",
            help=f"α {purse.alpha_spent:.3g} of {purse.alpha:.3g} is spent from this purse",
        )


def _looks(whose: Whose, spent: YearOfLooks) -> None:
    table(
        [
            {
                "night": day(look.night),
                "purse": PURSES[look.kind].lower(),
                "challenger": version(look.challenger),
                "champion": version(look.champion),
                "α": figure(look.alpha, 6),
                "α spent by then": figure(look.spent, 6),
                "decision": look.decision.value if look.decision else "no record",
            }
            for look in reversed(spent.looks)
        ],
        name=f"looks of {whose.model} {spent.year}",
        about=f"The looks of {spent.year} and what each cost, the newest first",
        key="promotions looks",
    )


def _timeline(whose: Whose, zone: str) -> None:
    kinds = st.pills(
        "Kinds (none chosen: all)",
        timeline_kinds(whose),
        selection_mode="multi",
        key="promotions kinds",
    )
    total = timeline_page(whose, tuple(kinds), 1, ROWS).total
    if not total:
        st.info("Nothing is on record yet.", icon=":material/info:")
        return
    pages = max(1, -(-total // ROWS))
    page = st.pagination(pages, key="promotions page") if pages > 1 else 1
    found = timeline_page(whose, tuple(kinds), min(page, pages), ROWS)
    table(
        [
            {
                "recorded": moment(entry.at, zone),
                "business day": day(entry.day),
                "kind": entry.kind,
                "version": version(entry.version),
                "what happened": entry.sentence,
            }
            for entry in found.entries
        ],
        name=f"timeline of {whose.model}, page {page}",
        about=f"What happened to {whose.model}, the newest first: {total} entries in all",
        columns={"what happened": st.column_config.TextColumn(width="large")},
        key="promotions timeline",
    )
    st.caption(f"{total} entries; page {min(page, pages)} of {pages}.")
