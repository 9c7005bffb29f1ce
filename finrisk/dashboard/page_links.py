"""Links from one page to another, inside one session: who logged in stays so."""

from __future__ import annotations

import streamlit as st

from finrisk.dashboard.queries.sources import Whose, sources

LABELS = {
    "promotions": "Promotions",
    "registry": "Model Registry",
    "comparison": "Model Comparison",
    "monitoring": "Monitoring",
    "quality": "Data Quality",
    "experiments": "Experiments",
    "settings": "Settings",
}


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
    told = {"dag": f"{whose.model}_"} if whose.model else {}  # as Airflow names a model
    if whose.scope != sources().settings.scope:
        told["scope"] = whose.scope
    title = LABELS.get(page, page)
    st.page_link(
        st.Page(_drawn_by_the_frame, title=title, url_path=page),
        label=label or title,
        icon=":material/arrow_forward:",
        query_params={**told, **{name: value for name, value in query.items() if value}},
    )


def link_outside(label: str, address: str | None) -> None:
    """Draw a link to another place that knows of a night; nothing where none is known."""
    if address:
        st.page_link(address, label=label, icon=":material/open_in_new:")


def _drawn_by_the_frame() -> None:
    """Stand for a page: a link needs its address alone."""
