"""The dashboard's frame: which pages there are, whose model is looked at, who is looking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st

from finrisk.dashboard.acting import access
from finrisk.dashboard.look import plain_text
from finrisk.dashboard.pages import PAGES, PageOf
from finrisk.dashboard.shown_models import ShownModel, models, pulse, scopes, title_of
from finrisk.dashboard.sources import Whose, sources
from finrisk.errors import FinRiskError
from finrisk.names import APART, LIVE

log = logging.getLogger(__name__)

ICON = Path(__file__).with_name("icon.svg")  # of ours: an icon's name is fetched from elsewhere
LOOK_AGAIN_SECONDS = 30
# Streamlit leaves a tenth of the first screen empty above a title.
HIGHER = "<style>[data-testid=stMainBlockContainer] {padding-top: 3.5rem}</style>"
MODEL, CHOICE, LAST = "model", "model chosen", "model looked at last"
SCOPE, LAST_SCOPE = "scope", "scope looked at last"
FIRST, ROOT = PAGES[0], "start"
DAG = "dag"  # what Airflow's view hands over: the Dag's name begins with the model's


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="FinRisk", page_icon=str(ICON), layout="wide")
    _warm_up()
    sections: dict[str, list[Any]] = {}
    for page in PAGES:
        shown = st.Page(
            partial(_framed, page),
            title=page.title,
            icon=page.icon,
            url_path=ROOT if page is FIRST else page.name,
            default=page is FIRST,
        )
        sections.setdefault(page.section, []).append(shown)
    # Streamlit shows its default page at the root alone: asked by its name, it is not found.
    by_name = partial(_framed, FIRST)
    named = st.Page(by_name, title=FIRST.title, url_path=FIRST.name, visibility="hidden")
    st.navigation({**sections, "Named": [named]}, expanded=True).run()


@st.cache_resource(show_spinner=False)
def _warm_up() -> Thread:
    """Import MLflow while the first page is read: it takes three seconds, once a process."""
    imports = Thread(target=import_module, args=("finrisk.tracking.client",), daemon=True)
    imports.start()
    return imports


def show_page(name: str) -> None:
    """Show one page in its frame, as a test or another script asks for it."""
    st.set_page_config(page_title="FinRisk", layout="wide")
    _framed(next(page for page in PAGES if page.name == name))


def _framed(page: PageOf) -> None:
    """Show a page beside what all have: an error of ours is told, never a traceback."""
    st.set_page_config(page_title=f"{page.title} · FinRisk")
    st.html(HIGHER)
    st.title(page.title)
    try:
        if not access.may_read():
            _ask_to_log_in()
            return
        whose = _whose_of(page)
        of_all = page.without_ledger and not access.may_see(sources().settings.scope)
        if of_all or not access.may_see(whose.scope):
            _of_another(page)
            return
        access.show_who(whose.scope)
        _follow(whose.scope)
        show: Callable[[Whose], None] = import_module(f"finrisk.dashboard.{page.name}.page").show
        if not whose.model:
            _nothing_yet()
            if not page.without_ledger:
                return
        show(whose)
    except FinRiskError as exc:
        log.warning("%s: %s", page.name, exc)
        tell_error(exc)


def tell_error(error: FinRiskError) -> None:
    """Say what is wrong and what to do."""
    remedy = f"\n\nWhat to do: {plain_text(error.remedy)}" if error.remedy else ""
    said = plain_text(str(error).removesuffix(f"; remedy: {error.remedy}"))
    st.error(f"{said}{remedy}", icon=":material/error:")


def _whose_of(page: PageOf) -> Whose:
    try:
        return _whose(choose_model=page.of_one_model)
    except FinRiskError as exc:
        if not page.without_ledger:
            raise
        tell_error(exc)
        return Whose(sources().settings.scope, "")


def _whose(*, choose_model: bool) -> Whose:
    """Let people choose scope and model where there is a choice; the address keeps it."""
    there = [scope for scope in scopes() if access.may_see(scope)]
    if not there:
        return Whose(sources().settings.scope, "")
    _come_from_a_tenants_dag(there)
    scope = there[0] if len(there) == 1 else _chosen_scope(there)
    found = {model.name: model for model in models(scope)}
    if not found:
        return Whose(scope, "")
    asked = _asked_model(found)
    if not choose_model:
        return Whose(scope, asked)
    return Whose(scope, _chosen_model(found, asked))


def _chosen_scope(there: list[str]) -> str:
    """Let people choose a scope; the address keeps its name, where the list shows its title."""
    named, last = st.query_params.get(SCOPE, ""), st.session_state.get(LAST_SCOPE)
    asked = next((scope for scope in (named, last) if scope in there), there[0])
    st.session_state[SCOPE] = st.session_state[LAST_SCOPE] = asked
    st.sidebar.selectbox(
        "Scope",
        there,
        format_func=title_of,
        key=SCOPE,
        on_change=_keep_scope_in_the_address,
        help="The live nights, a tenant's, or those of a replay",
    )
    if asked != there[0]:
        st.query_params[SCOPE] = asked
    elif SCOPE in st.query_params:
        del st.query_params[SCOPE]
    return asked


def _keep_scope_in_the_address() -> None:
    st.query_params[SCOPE] = st.session_state[SCOPE]


def _come_from_a_tenants_dag(there: list[str]) -> None:
    """Turn to the tenant that a Dag's name begins with, and leave the rest of it to the models."""
    named, apart, rest = st.query_params.get(DAG, "").partition(APART)
    if apart and named in there:
        st.query_params[SCOPE] = named
        st.query_params[DAG] = rest


def _asked_model(found: dict[str, ShownModel]) -> str:
    """Return the model that the address names, else the one that was looked at last."""
    dag, named = st.query_params.get(DAG, ""), st.query_params.get(MODEL, "")
    came = [name for name in found if dag.startswith(f"{name}_")]
    if came:  # from Airflow: the Dag says whose it is
        del st.query_params[DAG]
        named = max(came, key=len)
    last = st.session_state.get(LAST)
    return next((name for name in (named, last) if name in found), next(iter(found)))


def _chosen_model(found: dict[str, ShownModel], asked: str) -> str:
    """Let people choose a model; the address keeps it, so that it can be sent to somebody."""
    st.session_state[CHOICE] = asked
    st.sidebar.selectbox(
        "Model",
        list(found),
        format_func=lambda name: found[name].title,
        key=CHOICE,
        on_change=_keep_in_the_address,
    )
    st.query_params[MODEL] = st.session_state[LAST] = asked
    return asked


def _keep_in_the_address() -> None:
    st.query_params[MODEL] = st.session_state[CHOICE]


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def _follow(scope: str) -> None:
    """Show the page anew once the ledger has changed, or who reads it may no more."""
    if not access.may_read():
        st.rerun()
    try:
        now = pulse(scope)
    except FinRiskError:
        return  # the page itself says what is wrong
    before = st.session_state.get("pulse")
    st.session_state["pulse"] = now
    if before not in (None, now):
        st.cache_data.clear()
        st.rerun()


def _of_another(page: PageOf) -> None:
    """Show nothing of the installation to who logged in for a tenant that is not there."""
    access.show_who(sources().settings.scope)
    st.info(f"{page.title} is not shown to your login.", icon=":material/lock:")


def _ask_to_log_in() -> None:
    """Show nothing of any model, not even its name."""
    access.show_who(LIVE)
    st.info("Log in to read: the pages of this installation are not open.", icon=":material/lock:")


def _nothing_yet() -> None:
    st.info(
        "There is nothing to show yet: no model is declared, and the ledger is empty.\n\n"
        "`finrisk simulate` lands a simulated lender, `finrisk retrain credit_risk` runs a night; "
        "docs/own-data.md shows how your own table comes in.",
        icon=":material/info:",
    )
