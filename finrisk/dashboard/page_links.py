"""Links from one page to another, inside one session: who logged in stays so; and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib import import_module

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.pages import PAGES
from finrisk.dashboard.sources import Whose, sources
from finrisk.errors import Unreachable

TITLES = {page.name: page.title for page in PAGES}
OPEN = ":material/open_in_new:"


def link_to(page: str, whose: Whose, *, label: str = "", **query: str) -> None:
    """Draw a link to a page of the same model and scope.

    A Markdown link would open another tab, and with it a session in which nobody is logged in.

    Parameters
    ----------
    page : str
        Its place in the address, as ``promotions``.
    label : str, optional
        What to call it; the page's title.
    **query : str
        What else the page is told, as ``night="2026-03-01"``.
    """
    told = {"model": whose.model} if whose.model else {}
    if whose.scope != sources().settings.scope:
        told["scope"] = whose.scope
    title = TITLES[page]
    st.page_link(
        st.Page(_drawn_by_the_frame, title=title, url_path=page),
        label=label or title,
        icon=":material/arrow_forward:",
        query_params={**told, **{name: value for name, value in query.items() if value}},
    )


def link_outside(label: str, address: str | None) -> None:
    """Draw a link to another place that knows of a night; nothing where none is known."""
    if address:
        st.page_link(address, label=label, icon=OPEN)


def link_row(named: Sequence[tuple[str, str | None]]) -> None:
    """Show the links whose address is known, side by side."""
    known = [(label, address) for label, address in named if address]
    if not known:
        return
    with st.container(horizontal=True):
        for label, address in known:
            st.link_button(label, address, icon=OPEN)


def mlflow_run_button(whose: Whose, role: str, as_of: date, *, label: str, key: str) -> None:
    """Offer to look an MLflow run up; nobody waits for MLflow who did not ask.

    Parameters
    ----------
    role : str
        The run's tag ``finrisk.role``: ``data_quality``, ``monitoring``.
    label : str
        Of the run, in words: "data-quality run".
    """
    settings = sources().settings.in_scope(whose.scope)
    if links.mlflow(settings) is None:
        return
    if not st.button(f"Find the {label} in MLflow", key=key, icon=":material/search:"):
        return
    tracking = import_module("finrisk.tracking.run_of_day")  # with it comes MLflow: seconds
    try:
        run_id: str | None = tracking.run_of_day(settings, role, whose.model, as_of)
    except Unreachable:
        st.warning("MLflow does not answer; what stands on this page is kept without it.")
        return
    address = links.mlflow_run(settings, run_id)
    if address is None:
        st.info(f"MLflow has no {label} of {as_of}.")
    else:
        st.link_button(f"The {label} of {as_of} in MLflow", address, icon=OPEN)


def _drawn_by_the_frame() -> None:
    """Stand for a page: a link needs its address alone."""
