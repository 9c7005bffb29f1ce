"""A promoter's token of one tenant: what it shows, and what it may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.config import Settings
from finrisk.errors import NotAllowed
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.store import Ledger
from tests.dashboard.conftest import PAGE_SECONDS, Show
from tests.dashboard.promoter_worlds import ACTING, REASON, act, log_in, token_of
from tests.tenants.worlds import MODEL


@pytest.fixture
def acting(show: Show, own: Settings, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    show(own.home, "registry", run=False)  # sets the environment up
    return AppTest.from_string(ACTING, default_timeout=PAGE_SECONDS).run()


def frozen(at: AppTest, scope: str) -> Any:
    from datetime import date

    at.session_state["scope of action"] = scope
    return act(at, "freeze", date(2999, 1, 1), reason=REASON)


def test_a_tenants_promoter_acts_on_the_tenants_models_alone(
    acting: AppTest, own: Settings
) -> None:
    log_in(acting, token_of(own.home, tenant="acme"))

    refused = [frozen(acting, scope) for scope in ("live", "replay", "borealis")]
    done = frozen(acting, "acme")

    assert [type(one) for one in refused] == [NotAllowed] * 3
    assert isinstance(done, Freeze)
    for whose, many in ((own, 0), (own.of_tenant("acme"), 1)):
        with Ledger.open(whose) as ledger:
            assert len(ledger.freezes(MODEL)) == many


def test_the_installations_promoter_acts_for_all_as_before(acting: AppTest, own: Settings) -> None:
    log_in(acting, token_of(own.home))

    assert isinstance(frozen(acting, "live"), Freeze)
    assert isinstance(frozen(acting, "acme"), Freeze)


@pytest.mark.parametrize("asked", ["", "live", "acme", "replay"])
@pytest.mark.parametrize("page", ["registry", "overview", "experiments"])
def test_where_reading_asks_for_a_login_a_tenant_sees_itself_alone(
    show: Show, own: Settings, monkeypatch: pytest.MonkeyPatch, page: str, asked: str
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_DASHBOARD_READING", "login")
    at = show(own.home, page, **({"scope": asked} if asked else {}))

    log_in(at, token_of(own.home, tenant="acme"))

    assert not at.exception, at.exception
    shown = [one.options for one in at.sidebar.selectbox]
    assert all("live" not in options for options in shown)
    if page == "registry":
        assert shown == [["Loans of acme"]]


def test_the_installations_settings_are_not_shown_to_a_tenant(
    show: Show, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_DASHBOARD_READING", "login")
    at = show(own.home, "settings")

    log_in(at, token_of(own.home, tenant="acme"))

    assert not at.exception, at.exception
    assert [one.value for one in at.info] == ["Settings is not shown to your login."]
    assert str(Path(own.home)) not in "".join(str(one.value) for one in at.markdown)
