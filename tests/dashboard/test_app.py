"""The frame: every page in it, what it says when there is nothing, and when something is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.pages import PAGES
from finrisk.ledger.store import Ledger
from tests.dashboard.conftest import PAGE_SECONDS, REPOSITORY, Show, settings_of, texts
from tests.ledger.factories import AT
from tests.pipelines.lender import write_spec

NAMES = [page.name for page in PAGES]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_a_lender_without_an_error(name: str, decided_home: Path, show: Show) -> None:
    at = show(decided_home, name)

    assert not at.exception, at.exception
    assert not at.error, texts(at)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_an_empty_home_without_an_error(
    name: str, empty_home: Path, show: Show
) -> None:
    at = show(empty_home, name)

    assert not at.exception, at.exception
    assert not at.error, texts(at)


def test_the_documented_script_opens_on_the_overview(decided_home: Path, show: Show) -> None:
    show(decided_home, "overview")  # sets the environment up

    at = AppTest.from_file(str(REPOSITORY / "mlflow_dashboard.py"), default_timeout=PAGE_SECONDS)

    assert [title.value for title in at.run().title] == ["Overview"]


def test_whoever_comes_from_a_dag_sees_its_model(own_home: Path, show: Show) -> None:
    write_spec(own_home / "conf" / "models", lambda spec: spec.update(name="credit_risk"))
    second = own_home / "conf" / "models" / "zz_cards.yaml"
    text = (own_home / "conf" / "models" / "credit_risk.yaml").read_text()
    second.write_text(text.replace("name: credit_risk\n", "name: zz_cards\n", 1))

    at = show(own_home, "promotions", dag="zz_cards_monitoring")

    assert at.sidebar.selectbox(key="model chosen").value == "zz_cards"
    assert "dag" not in at.query_params


def test_a_ledger_that_was_never_set_up_is_told_with_its_remedy(tmp_path: Path, show: Show) -> None:
    write_spec(tmp_path / "conf" / "models")

    at = show(tmp_path, "overview")

    (error,) = at.error
    assert "not set up" in error.value
    assert "finrisk init" in error.value
    assert not at.exception


def test_a_page_shows_what_changed_once_the_ledger_has(own_home: Path, show: Show) -> None:
    at = show(own_home, "registry")
    with Ledger.open(settings_of(own_home)) as ledger:
        ledger.freeze("credit_risk", AT.date(), reason="year's end", actor="ada", at=AT)
    before = at.session_state["pulse"]

    at.run()

    assert at.session_state["pulse"] != before


def test_settings_are_shown_while_the_ledger_is_away(tmp_path: Path, show: Show) -> None:
    write_spec(tmp_path / "conf" / "models")

    at = show(tmp_path, "settings")

    assert "not set up" in at.error[0].value
    assert str(tmp_path) in " ".join(frame.value.to_string() for frame in at.dataframe)
