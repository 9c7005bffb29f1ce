"""People who log in by a token, and a model whose second version has earned a promotion."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from finrisk.config import Settings
from finrisk.dashboard.acting.promoters import add_promoter
from finrisk.ledger.store import Ledger
from finrisk.records import ModelVersion
from tests.dashboard.conftest import settings_of
from tests.ledger.factories import AT, BUDGET, evidence, request

MODEL = "credit_risk"
REASON = "read the evidence of the night"

# Does one thing of actions.py, as a page would, and keeps what came of it.
ACTING = """
import streamlit as st
from finrisk.dashboard.acting import access
from finrisk.dashboard.acting import actions
from finrisk.dashboard.sources import Whose
from finrisk.errors import FinRiskError

access.show_who("live")
st.session_state["answer"] = None
if (ask := st.session_state.get("ask")) is not None:
    what, arguments, keywords = ask
    whose = Whose(st.session_state.get("scope of action", "live"), "credit_risk")
    try:
        st.session_state["answer"] = getattr(actions, what)(whose, *arguments, **keywords)
    except FinRiskError as exc:
        st.session_state["answer"] = exc
"""


def token_of(home: Path, name: str = "ana", **changes: Any) -> str:
    """Let a person promote; return their token."""
    keys = Settings(home=home).keys
    return add_promoter(keys, name, **({"at": datetime.now(UTC)} | changes))[0]


def log_in(at: AppTest, token: str) -> AppTest:
    """Type a token at the left and press Log in."""
    at.text_input(key="promoter token").input(token)
    (button,) = [one for one in at.button if one.label == "Log in"]
    return button.click().run()


def act(at: AppTest, what: str, *arguments: Any, **keywords: Any) -> Any:
    """Let a session do one thing of actions.py; return what came of it."""
    at.session_state["ask"] = (what, arguments, keywords)
    at.run()
    at.session_state["ask"] = None
    assert not at.exception, at.exception
    return at.session_state["answer"]


def earned(home: Path, night: date = date(2026, 3, 1)) -> ModelVersion:
    """Let the gate have said PROMOTE to the newest version that is not champion; return it."""
    with Ledger.open(settings_of(home)) as ledger:
        champion = ledger.champion(MODEL)
        assert champion is not None
        new = max(
            (v for v in ledger.versions(MODEL) if v.version != champion.version),
            key=lambda one: one.version,
        )
        grant = ledger.spend_look(request(night, champion=champion, challenger=new), BUDGET, AT)
        ledger.save_evidence(evidence(new, grant.look), AT)
    return new


def everything(home: Path) -> tuple[Any, ...]:
    """What the ledger knows that a person could have changed."""
    with Ledger.open(settings_of(home)) as ledger:
        return (
            ledger.champion(MODEL),
            ledger.history(MODEL),
            ledger.signatures(MODEL),
            ledger.freezes(MODEL),
            ledger.events(MODEL),
        )
