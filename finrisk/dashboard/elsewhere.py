"""Buttons that lead to the other places that know of a day; nothing where no address is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib import import_module

import streamlit as st

from finrisk.dashboard import links
from finrisk.dashboard.queries.sources import Whose, sources
from finrisk.errors import Unreachable

OPEN = ":material/open_in_new:"


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
