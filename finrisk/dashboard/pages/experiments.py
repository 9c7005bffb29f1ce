from __future__ import annotations
import streamlit as st
from finrisk.dashboard.queries.sources import Whose


def show(whose: Whose) -> None:
    st.write("experiments", whose)
