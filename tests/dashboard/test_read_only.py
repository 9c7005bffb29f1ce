"""Without a login everything can be read, and nothing can be changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.pages import PAGES
from finrisk.errors import NotAllowed
from tests.dashboard.conftest import PAGE_SECONDS, Show
from tests.dashboard.promoter_worlds import ACTING, REASON, act, earned, everything

# Buttons that change nothing but what is shown. A new one is added here by somebody who has seen
# what it does; one that changes the ledger is drawn disabled for who only reads.
HARMLESS = {
    "Log in",
    "Examine the installation",
}
CHANGES = {
    "promote": ((2,), {"refresh": False}),
    "roll_back": ((None,), {"expected_epoch": 1}),
    "sign": ((1,), {}),
    "freeze": ((date(2199, 1, 6),), {}),
}


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_offers_nothing_that_changes_anything(
    name: str, decided_home: Path, show: Show
) -> None:
    at = show(decided_home, name)

    assert not at.exception, at.exception
    enabled = {button.label for button in at.button if not button.disabled}
    assert enabled <= HARMLESS, f"seen to be harmless? {enabled - HARMLESS}"


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_looking_at_a_page_changes_nothing(name: str, decided_home: Path, show: Show) -> None:
    there = everything(decided_home)

    show(decided_home, name)

    assert everything(decided_home) == there


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize(
    "user", [{}, {"is_logged_in": True, "email": "ana@lender.example"}], ids=["nobody", "forged"]
)
def test_an_action_without_a_login_is_refused_and_changes_nothing(
    what: str, user: dict[str, Any], own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(own_home))
    monkeypatch.setenv("FINRISK_PROMOTERS", "email:ana@lender.example")
    st.cache_data.clear()
    st.cache_resource.clear()
    earned(own_home)
    there = everything(own_home)
    at = AppTest.from_string(ACTING, default_timeout=PAGE_SECONDS)
    at.user = user
    arguments, keywords = CHANGES[what]

    refused = act(at.run(), what, *arguments, reason=REASON, **keywords)

    assert isinstance(refused, NotAllowed), refused
    assert "log in" in (refused.remedy or "")
    assert everything(own_home) == there
