"""stub, helper writes"""
from __future__ import annotations
import streamlit as st


def show_who(scope: str) -> None:
    st.sidebar.caption("Read only")


def promoter() -> str | None:
    return None
