"""The installation: who acts, what answers, where things are, and what the doctor finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.acting import access
from finrisk.dashboard.acting.login_provider import provider
from finrisk.dashboard.look import UNKNOWN, Colour, plain_text
from finrisk.dashboard.settings import queries as installation
from finrisk.dashboard.settings.queries import Answering, Setting, State
from finrisk.dashboard.sources import Whose, sources
from finrisk.dashboard.tables import table
from finrisk.errors import ConfigurationError
from finrisk.names import LIVE

if TYPE_CHECKING:
    from finrisk.pipelines.doctor.findings import Finding

EXAMINED = "settings examined"
RESULTS = {"fail": "✗ fail", "warn": "! warn", "ok": "✓ ok"}  # the worst first
STATES: dict[State, tuple[str, Colour]] = {
    State.ANSWERS: (":material/check:", "green"),
    State.NOT_SET_UP: (":material/help:", "orange"),
    State.AWAY: (":material/block:", "red"),
}


@dataclass(frozen=True, slots=True)
class Examined:
    """What the doctor found, and when."""

    findings: tuple[Finding, ...]
    at: datetime


def show(whose: Whose) -> None:
    """Show the installation; nothing here changes anything."""
    _people(whose)
    st.subheader("What answers")
    answers = st.container()
    st.subheader("Examination")
    _examination()
    st.subheader("Settings")
    _settings(installation.settings())
    _broken(installation.broken_specs())
    st.subheader("Libraries")
    rows = [{"library": name, "version": number} for name, number in installation.libraries()]
    table(rows, name="libraries", about="Libraries that are installed, with their versions")
    with answers, st.spinner("Asking the ledger and MLflow"):  # last: one that is away takes time
        _answers(installation.answering(whose.scope or LIVE))


def _people(whose: Whose) -> None:
    st.subheader("Who acts")
    who = access.promoter()
    name = plain_text(who) if who else "nobody; this session reads only"
    st.markdown(f"Acting: **{name}**. Scope: **{plain_text(whose.scope or LIVE)}**.")
    try:
        st.markdown(how_to_log_in(by_provider=provider() is not None))
    except ConfigurationError as exc:
        st.warning(plain_text(str(exc)), icon=":material/warning:")


def how_to_log_in(*, by_provider: bool) -> str:
    """Return how a person comes to act, in Markdown."""
    if by_provider:
        return (
            "People log in at the left, by the identity provider of `.streamlit/secrets.toml`. "
            "Whom `FINRISK_PROMOTERS` names may promote, roll back, sign and freeze; all others "
            "read. Tokens are not accepted."
        )
    return (
        "On the server, `finrisk promoters add NAME` prints a person's token once. With it they "
        "log in at the left, and may promote, roll back, sign and freeze for 8 hours. "
        "`finrisk promoters revoke NAME` ends it at once."
    )


def _answers(found: Sequence[Answering]) -> None:
    for one in found:
        icon, colour = STATES[one.state]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(one.state, icon=icon, color=colour)
            st.markdown(f"**{one.what}** {plain_text(one.where)}")
        if one.said:
            st.caption(plain_text(one.said))
    _links()


def _links() -> None:
    found = sources().settings
    places = {
        "Airflow": found.airflow_ui_url or found.airflow_url or None,
        "MLflow": links.mlflow(found),
    }
    known = {name: place for name, place in places.items() if place}
    if known:
        with st.container(horizontal=True):
            for name, place in known.items():
                st.link_button(f"Open {name}", place, icon=":material/open_in_new:")


def _examination() -> None:
    st.markdown(
        "`finrisk doctor` from here: settings, specs, keys, disks, clocks, MLflow, and every "
        "model's chain of promotions. It changes nothing, and may take a minute."
    )
    if st.button("Examine the installation", key="settings examine", icon=":material/stethoscope:"):
        st.session_state[EXAMINED] = _examined()
    kept = st.session_state.get(EXAMINED)
    if kept is None:
        st.caption("Not examined in this session yet.")
        return
    from finrisk.pipelines.doctor.findings import summary

    st.markdown(f"**{summary(kept.findings)}** at {kept.at:%Y-%m-%d %H:%M} UTC")
    for finding in kept.findings:
        _tell(finding)
    table(
        finding_rows(kept.findings),
        name="examination",
        about="What the examination found: result, check, what was found, and what to do",
        columns={"found": st.column_config.TextColumn(width="large")},
    )


def _examined() -> Examined:
    from finrisk.pipelines.doctor.examination import examine

    findings: list[Finding] = []
    with st.status("Examining the installation", expanded=False) as progress:
        for finding in examine():
            findings.append(finding)
            progress.update(label=f"{len(findings)} looked at; last: {finding.check}")
        progress.update(label=f"{len(findings)} looked at", state="complete")
    return Examined(tuple(findings), datetime.now(UTC))


def _tell(finding: Finding) -> None:
    """Say in full what is not well; the table has every finding in a line."""
    if finding.outcome.value == "ok":
        return
    said = f"**{plain_text(finding.check)}**: {plain_text(finding.found)}"
    remedy = f"\n\nWhat to do: {plain_text(finding.remedy)}" if finding.remedy else ""
    if finding.outcome.value == "fail":
        st.error(said + remedy, icon=":material/block:")
    else:
        st.warning(said + remedy, icon=":material/visibility:")


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return findings as a table has them: what is wrong first."""
    order = list(RESULTS)
    ranked = sorted(findings, key=lambda finding: order.index(finding.outcome))
    return [
        {
            "result": RESULTS[finding.outcome],
            "check": finding.check,
            "found": finding.found,
            "what to do": finding.remedy or UNKNOWN,
        }
        for finding in ranked
    ]


def _settings(found: Sequence[Setting]) -> None:
    given = sum(one.given for one in found)
    st.markdown(f"{given} given by the environment, {len(found) - given} as they come.")
    rows = [
        {
            "setting": one.field.replace("_", " "),
            "value": one.value or UNKNOWN,
            "from": "environment" if one.given else "default",
            "variable": one.variable,
            "about": one.about,
        }
        for one in found
    ]
    about = "Settings with their values, where each comes from, and the variable that sets it"
    table(rows, name="settings", about=about)
    if names := installation.connections():
        st.caption(
            f"Connections named in the environment, whose addresses are not shown: "
            f"{plain_text(', '.join(names))}"
        )
    st.caption("Passwords are left out of addresses; no key and no token is ever shown.")


def _broken(found: Sequence[str]) -> None:
    for sentence in found:
        st.error(f"A model spec cannot be read: {plain_text(sentence)}", icon=":material/block:")
