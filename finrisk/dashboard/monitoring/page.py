"""What the monitors say of the champion: what alarms, since when, what to do, what it asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.look import STATES, day, plain_text
from finrisk.dashboard.monitoring.lists import Shown
from finrisk.dashboard.monitoring.queries import (
    Policy,
    Today,
    clock,
    policy_of,
    today,
    unread_days,
)
from finrisk.dashboard.monitoring.tabs import TABS
from finrisk.dashboard.monitoring.words import (
    BLIND,
    MonitorToday,
    asked_sentence,
    headline,
    runbook_of,
    without_news,
)
from finrisk.dashboard.page_links import OPEN, link_row, mlflow_run_button
from finrisk.dashboard.sources import Whose, sources
from finrisk.ledger.readings import State
from finrisk.pipelines.missed import MOST_LISTED
from finrisk.wording import counted

RANGES = {"30 days": 30, "90 days": 90, "365 days": 365, "all": None}
USUAL = "90 days"
SILENT = "FinRiskMonitorsSilent"


def show(whose: Whose) -> None:
    """Show the newest readings in words, then pictures over days, then the alerts."""
    policy, read = policy_of(whose), today(whose)
    if read is None:
        _never_read(whose, policy)
        return
    _head(whose, read)
    for monitor in read.monitors:
        if monitor.state in (State.ALARM, State.WARN):
            _standing(whose, policy, monitor)
    _unknown(read)
    quiet = [of.title for of in read.monitors if of.state is State.QUIET]
    if quiet:
        icon, colour = STATES[State.QUIET]
        st.markdown(f":{colour}[{icon} **quiet**] {' · '.join(quiet)}")
    _elsewhere(whose, read)
    _over_days(whose, policy, read)


def _never_read(whose: Whose, policy: Policy) -> None:
    name = whose.model.replace("`", "'")  # it stands within backticks
    st.info(
        f"No monitor has read {plain_text(whose.model)} yet. "
        f"`finrisk monitor {name}` reads today; `{name}_monitoring` in Airflow "
        "reads each day on which decisions were logged. Decisions are logged by "
        f"`finrisk score {name}` (docs/monitoring.md).",
        icon=":material/info:",
    )
    if not policy.declared:
        st.caption("No spec declares this model: it has no nights, and nothing watches it.")
    _alerts_alone(whose, policy)


def _alerts_alone(whose: Whose, policy: Policy) -> None:
    """An alert from outside may have come before any monitor read."""
    st.subheader("Alerts that asked for a night")
    TABS["Alerts"](Shown(whose, policy, None, clock().date(), clock().date()))


def _head(whose: Whose, read: Today) -> None:
    of = "nobody, there was no champion," if read.version is None else f"v{read.version}"
    st.markdown(f"**As of {day(read.as_of)}, {of} was read: {headline(read.monitors)}.**")
    st.caption(
        "The newest day that was read counts as today. States: quiet; warn: look at it; alarm: "
        "act; unknown: nobody can say, which is never quiet."
    )
    late = unread_days(whose, read.as_of, clock())
    if late:
        st.warning(late_sentence(read.as_of, late), icon=":material/schedule:")
    elif not sources().is_scheduled(whose.scope):
        st.caption("A replay keeps no schedule: its newest day may lie in the past.")
    champion = read.champion
    if champion is not None and champion.version != read.version:
        st.info(
            f"These readings are of {of}; v{champion.version} is champion now, and has not been "
            "read yet.",
            icon=":material/swap_horiz:",
        )


def late_sentence(newest: date, late: tuple[date, ...]) -> str:
    """Return how far the readings are behind the schedule.

    Examples
    --------
    >>> late_sentence(date(2026, 3, 1), (date(2026, 3, 2), date(2026, 3, 3)))[:62]
    'The newest reading is of 2026-03-01; by the schedule of the mo'
    """
    more = " or more" if len(late) >= MOST_LISTED else ""
    return (
        f"The newest reading is of {newest}; by the schedule of the model's nights there should "
        f"be one of {late[-1]} ({counted(len(late), 'day')}{more} missing). What follows may be "
        f"over. See docs/runbooks/{SILENT}.md."
    )


def _standing(whose: Whose, policy: Policy, monitor: MonitorToday) -> None:
    """One monitor that is not quiet: what, since when, what to do, what it asked for."""
    icon, colour = STATES[monitor.state]
    with st.container(border=True):
        state = f":{colour}[{icon} **{monitor.state.value}**]"
        st.markdown(f"{state} **{monitor.title}**: {plain_text(monitor.sentence)}")
        told = []
        if monitor.began is not None:
            told.append(f"Since {day(monitor.began)}.")
        if monitor.state is State.ALARM:
            told.append(plain_text(asked_sentence(monitor, policy.monitoring, policy.zone)))
        runbook = runbook_of(monitor)
        if runbook is not None:
            told.append(f"What to do: `docs/runbooks/{runbook}.md`.")
        if told:
            st.markdown(" ".join(told))
        rerun = monitor.rerun
        address = links.dag_run(sources().settings, whose.model, rerun.run_id if rerun else None)
        if address:
            st.link_button("The night it asked for, in Airflow", address, icon=OPEN)


def _unknown(read: Today) -> None:
    """Say why monitors know nothing, and what ends that; one of them alone may alarm for it."""
    found = without_news(read.monitors)
    if not found:
        return
    icon, colour = STATES[State.UNKNOWN]
    with st.container(border=True):
        for why, titles in found:
            st.markdown(f":{colour}[{icon} **unknown**] **{titles}**: {plain_text(why)}")
        blind = [name for of in read.monitors if (name := runbook_of(of)) == BLIND]
        if blind:
            st.markdown(f"What to do: `docs/runbooks/{BLIND}.md`.")


def _elsewhere(whose: Whose, read: Today) -> None:
    settings = sources().settings
    link_row([("The monitors in Airflow", links.monitoring(settings, whose.model))])
    mlflow_run_button(
        whose, "monitoring", read.as_of, label="monitoring run", key="monitoring_find_run"
    )


def _over_days(whose: Whose, policy: Policy, read: Today) -> None:
    st.subheader("Over the days")
    chosen = st.segmented_control(
        "Days shown, up to the newest reading",
        list(RANGES),
        default=USUAL,
        required=True,
        key="monitoring_days",
        bind="query-params",
    )
    back = RANGES[chosen or USUAL]
    since = read.first if back is None else read.as_of - timedelta(days=back - 1)
    shown = Shown(whose, policy, read, max(since, read.first), read.as_of)
    tabs = st.tabs(list(TABS), key="monitoring_tab", bind="query-params")
    parts: list[Callable[[Shown], None]] = list(TABS.values())
    for tab, part in zip(tabs, parts, strict=True):
        if tab.open:
            with tab:
                part(shown)
