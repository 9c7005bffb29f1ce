"""The parts of the monitoring page that list: the day's readings, the alerts that asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import streamlit as st

from finrisk.dashboard import links, tables
from finrisk.dashboard.look import day, moment, plain_text
from finrisk.dashboard.monitoring.queries import (
    ALERTS_A_PAGE,
    Policy,
    Today,
    alerts,
    clock,
    recently_accepted,
)
from finrisk.dashboard.monitoring.reading_words import TITLES, said
from finrisk.dashboard.monitoring.words import limits_sentences, may_ask_sentence
from finrisk.dashboard.sources import Whose, sources
from finrisk.ledger.inbox import Rerun
from finrisk.ledger.readings import State


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose days are shown, and which; ``read`` is None where no day was ever read."""

    whose: Whose
    policy: Policy
    read: Today | None
    first: date
    last: date

    @property
    def span(self) -> tuple[date, date]:
        """First and last day of the pictures."""
        return self.first, self.last


def of_the_day(shown: Shown) -> None:
    """List each figure of the newest day."""
    if shown.read is None:
        return
    every = st.toggle("Quiet ones, too", value=False, key="monitoring_quiet")
    found = [r for r in shown.read.readings if every or r.state is not State.QUIET]
    if not found:
        st.info(f"All readings of {day(shown.last)} are quiet.", icon=":material/check:")
        return
    places = list(TITLES)
    found.sort(key=lambda r: places.index(r.monitor) if r.monitor in places else len(places))
    rows = [
        {
            "Reading": TITLES.get(reading.monitor, reading.monitor),
            "Of": reading.subject,
            "State": reading.state.value,
            "Figure": reading.value,
            "95 % from": reading.low,
            "95 % to": reading.high,
            "Alarm limit": reading.threshold,
            "In words": said(reading),
        }
        for reading in found
    ]
    number = st.column_config.NumberColumn(format="%.4g")
    tables.table(
        rows,
        name=f"readings_{shown.whose.model}_{shown.last}",
        about=f"Readings of {shown.last}, one a row",
        columns=dict.fromkeys(("Figure", "95 % from", "95 % to", "Alarm limit"), number),
    )


def asked(shown: Shown) -> None:
    """List the alerts that asked for a night, and say what keeps the next one from it."""
    policy, now = shown.policy, clock()
    st.markdown(plain_text(may_ask_sentence(policy.monitoring)))
    accepted = recently_accepted(shown.whose, now)
    for sentence in limits_sentences(accepted, policy.monitoring, now, policy.zone):
        st.markdown(f"- {plain_text(sentence)}")
    turned = f"monitoring_alerts_page_{shown.whose.scope}_{shown.whose.model}"
    number = int(st.session_state.get(turned, 1))
    page = alerts(shown.whose, number)
    if not page.total:
        st.info("No alert has asked for a night of this model yet.", icon=":material/info:")
        return
    settings = sources().settings
    linked = links.dag_run(settings, shown.whose.model, "x") is not None
    run = "Night in Airflow" if linked else "Run"
    rows = [_alert_row(rerun, shown, run, linked=linked) for rerun in page.rows]
    address = st.column_config.LinkColumn(display_text=r"runs/(.*)$")
    tables.table(
        rows,
        name=f"alerts_{shown.whose.model}",
        about="Alerts that asked for a night, the newest first",
        columns={run: address} if linked else None,
    )
    pages = ceil(page.total / ALERTS_A_PAGE)
    if pages > 1:
        st.pagination(pages, key=turned)
    st.caption(
        f"{page.total:,} in all. A refused alert stays refused; delivered again it is only "
        "counted. Which alerts may ask, and what becomes of them: docs/alerts.md."
    )


def _alert_row(rerun: Rerun, shown: Shown, run: str, *, linked: bool) -> dict[str, Any]:
    zone = shown.policy.zone
    pending = "not yet" if rerun.run_id else "–"
    address = links.dag_run(sources().settings, shown.whose.model, rerun.run_id)
    return {
        "Received": moment(rerun.received, zone),
        "Alert": rerun.alert,
        "Outcome": rerun.outcome.value,
        "Started": moment(rerun.started, zone) if rerun.started else pending,
        run: address if linked else rerun.run_id,
        "Night": day(rerun.as_of),
        "Began": moment(rerun.began, zone),
        "Deliveries": rerun.deliveries,
        "From": rerun.source,
        "Reason": rerun.reason,
    }
