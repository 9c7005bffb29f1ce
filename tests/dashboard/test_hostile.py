"""Addresses, files and clicks that nobody meant well, or meant twice."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.look import plain_text
from finrisk.dashboard.pages import PAGES
from finrisk.dashboard.registry import forms
from finrisk.dashboard.registry.forms import Request
from finrisk.dashboard.tables import as_csv
from finrisk.errors import Unreachable
from finrisk.ledger.store import Ledger
from tests.clock import today
from tests.dashboard.conftest import Show
from tests.dashboard.promoter_worlds import earned
from tests.dashboard.test_registry import (
    MODEL,
    WHY,
    acting,
    button_of,
    reason_of,
    second,
    send,
    words,
)
from tests.ledger.factories import force, version

LONG = "9" * 5000
PARAMETERS = (
    *("night", "a", "b", "model", "scope", "part", "dag", "mlflow_run", "embed"),
    *("experiments_of", "experiments_kind", "experiments_algorithm", "experiments_status"),
    *("experiments_text", "experiments_from", "experiments_until", "experiments_order"),
    *("experiments_ascending", "experiments_part", "quality_nights", "quality_tab"),
    *("monitoring_days", "monitoring_tab"),
)


@pytest.mark.parametrize("value", ["../../x", LONG, "<script>x' OR 1=1\x00`", "9999-12-31"])
@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_no_address_makes_a_page_fall_over(
    page: str, value: str, decided_home: Path, show: Show
) -> None:
    at = show(decided_home, page, **dict.fromkeys(PARAMETERS, value))

    assert not at.exception, at.exception


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What clicks asked for."""
    kept: list[Request] = []
    ask = forms._ask

    def keeping(request: Request) -> None:
        kept.append(request)
        ask(request)

    monkeypatch.setattr(forms, "_ask", keeping)
    return kept


def click_again(at: AppTest, request: Request) -> AppTest:
    """The second click of a double click: the browser still has the form as it was filled."""
    at.session_state[forms.ASKED] = request
    at.session_state[request.reason_key] = WHY
    at.session_state[request.sure_key] = True
    return at.run()


def test_a_double_click_promotes_once_and_is_told_that_it_did(
    own_home: Path, own_ledger: Ledger, show: Show, asked: list[Request]
) -> None:
    earned(own_home)
    at = send(acting(show, own_home, "Promote"), "promote")

    click_again(at, asked[0])

    assert "v2 is champion after v1: epoch 2, approved, by anna" in words(at)
    assert not at.error
    assert len(own_ledger.history(MODEL)) == 2


def test_a_double_click_freezes_once(
    own_home: Path, own_ledger: Ledger, show: Show, asked: list[Request]
) -> None:
    at = send(acting(show, own_home, "Freeze"), "freeze")

    click_again(at, asked[0])

    assert not at.error
    assert len(own_ledger.freezes(MODEL)) == 1


def keys(at: AppTest) -> dict[str, str]:
    """Which widgets a browser sends: what it keeps of another one reaches nothing."""
    (box,) = (one for one in at.checkbox if str(one.key).startswith("registry_promote_sure"))
    reason, button = reason_of(at, "promote"), button_of(at, "promote")
    return {"reason": str(reason.key), "yes": str(box.key), "button": str(button.key)}


def test_a_yes_and_its_button_are_of_one_sentence(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    own_ledger.remember_version(version(3))
    at = acting(show, own_home, "Promote")
    before = keys(at)
    assert "is replaced by v3" in words(at)

    at.selectbox(key="registry_promote_version").select(2).run()

    now = keys(at)
    assert "is replaced by v2" in words(at)
    assert now["yes"] != before["yes"]
    assert now["button"] != before["button"], "a click under way would promote the other one"
    assert now["reason"] == before["reason"], "nobody types it twice"


def test_a_button_is_of_the_champion_that_the_person_saw(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    own_ledger.remember_version(version(3))
    at = acting(show, own_home, "Promote")
    before = keys(at)
    force(own_ledger, version(3), actor="bob")

    now = keys(at.run())

    assert now["button"] != before["button"]
    assert now["yes"] != before["yes"]


def test_a_reason_is_of_one_model(own_home: Path, own_ledger: Ledger, show: Show) -> None:
    own_ledger.remember_version(version(1, model="by_hand"))
    at = acting(show, own_home, "Promote")
    before = keys(at)

    at.sidebar.selectbox(key="model chosen").select(MODEL).run()

    assert keys(at)["reason"] != before["reason"]


def test_a_freeze_that_somebody_else_moved_meanwhile_is_not_lifted(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    now = datetime.now(UTC)
    own_ledger.freeze(MODEL, today() + timedelta(days=2), reason="year-end", actor="bob", at=now)
    at = acting(show, own_home, "Freeze")
    at.radio(key="registry_freeze_way").set_value("Lift it").run()
    until = today() + timedelta(days=40)
    own_ledger.freeze(MODEL, until, reason="an audit", actor="bob", at=now)

    send(at, "freeze")

    assert "changed while you looked" in words(at)
    assert own_ledger.frozen(MODEL, until) is not None


def test_what_is_done_is_said_to_be_done_where_the_ledger_goes_away_then(
    own_home: Path, own_ledger: Ledger, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_scope: str) -> str:
        raise Unreachable("the ledger does not answer")

    earned(own_home)
    at = acting(show, own_home, "Promote")
    monkeypatch.setattr(forms, "pulse", away)

    send(at, "promote")

    assert "v2 is champion after v1" in at.success[0].value.replace("\\", "")
    assert own_ledger.history(MODEL)[-1].version == second(own_ledger).version


def test_no_reason_is_in_the_log(
    own_home: Path, show: Show, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    send(acting(show, own_home, "Freeze"), "freeze")

    assert "change freeze set until" in caplog.text
    assert WHY not in caplog.text


@pytest.mark.parametrize("said", ["see https://evil.example/x)", "WWW.evil.example", ":streamlit:"])
def test_an_address_that_somebody_wrote_is_code_and_no_link(said: str) -> None:
    """Streamlit makes a link of it, however it is escaped, anywhere but in code."""
    assert plain_text(said).endswith(f"`{said.rsplit(maxsplit=1)[-1]}`")


@pytest.mark.parametrize(
    "typed", ["=1+1", "  =1+1", "\n=1+1", "＝1+1", "@sum(1)", "+cmd|' /C calc'!A0"]
)
def test_no_cell_and_no_heading_of_a_saved_table_is_a_formula(typed: str) -> None:
    heading, cell = pd.read_csv(BytesIO(as_csv(pd.DataFrame({typed: [typed]}))), header=None)[0]

    assert (heading, cell) == (f"'{typed}", f"'{typed}")
