"""The Settings page: where everything is, what answers, what the doctor finds, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finrisk.config import Settings, environment_name
from finrisk.dashboard.settings.page import finding_rows, how_to_log_in
from finrisk.dashboard.settings.queries import LIBRARIES, connections, shown
from finrisk.pipelines.doctor.findings import fail, ok, warn
from tests.dashboard.conftest import PAGE_SECONDS, Show, texts
from tests.dashboard.promoter_worlds import log_in, token_of

CANARY = "c4nary5ecret"
WITHOUT_FRAME = """
from finrisk.dashboard.settings.page import show
from finrisk.dashboard.sources import Whose
show(Whose("live", ""))
"""


def tables(at: AppTest) -> str:
    return "\n".join(frame.value.to_string() for frame in at.dataframe)


def sent(at: AppTest) -> str:
    """Everything that a browser is sent of a page: texts, tables, widgets, in every proto."""
    protos = [
        str(getattr(element, "proto", "")) for part in (at.main, at.sidebar) for element in part
    ]
    return "\n".join([repr(at.main), repr(at.sidebar), tables(at), texts(at), *protos])


def examined(at: AppTest) -> AppTest:
    return at.button(key="settings examine").click().run()


def test_every_setting_is_there_with_its_value_and_where_it_comes_from(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_AIRFLOW_UI_URL", "http://127.0.0.1:8080")
    at = show(decided_home, "settings")

    rows = {row["variable"]: row for _, row in at.dataframe[0].value.iterrows()}

    assert set(rows) == {environment_name(name) for name in Settings.model_fields}
    assert rows["FINRISK_HOME"]["value"] == str(decided_home)
    assert rows["FINRISK_HOME"]["from"] == "environment"
    assert rows["FINRISK_CONF"]["value"] == str(decided_home / "conf" / "models")
    assert rows["MLFLOW_TRACKING_URI"]["from"] == "default"
    assert rows["MLFLOW_TRACKING_URI"]["value"] == f"sqlite:///{decided_home}/mlflow.db"
    assert all(rows[name]["about"] for name in rows), "each says what it is for"
    assert [link.proto.url for link in at.get("link_button")] == ["http://127.0.0.1:8080"]


def test_what_answers_is_said_in_words(decided_home: Path, show: Show) -> None:
    said = texts(show(decided_home, "settings"))

    assert said.count("answers") >= 2
    assert "does not answer" not in said
    assert "schema 00" in said


def test_an_mlflow_that_is_away_is_named_and_the_rest_is_shown(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:{CANARY}@127.0.0.1:9")
    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("FINRISK_REMOTE_RETRIES", "0")

    at = show(decided_home, "settings")

    assert "does not answer" in texts(at)
    assert "Ledger" in texts(at)
    assert not at.exception
    assert CANARY not in sent(at)


def test_versions_of_what_decides_are_listed(decided_home: Path, show: Show) -> None:
    said = tables(show(decided_home, "settings"))

    for library in ("python", "finrisk", "mlflow", "streamlit", "scikit-learn"):
        assert library in said
    assert len(set(LIBRARIES)) == len(LIBRARIES)


def test_the_examination_runs_when_asked_and_is_kept_for_the_session(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, "settings")
    assert "Not examined in this session yet" in texts(at)

    examined(at)

    assert not at.exception
    said = tables(at)
    assert "credit_risk: champion" in said
    assert "✓ ok" in said
    kept = [line for line in texts(at).splitlines() if " fail**" in line]
    assert kept
    assert [line for line in texts(at.run()).splitlines() if " fail**" in line] == kept


def test_a_finding_that_is_not_well_is_told_in_full_with_its_remedy(
    own_home: Path, show: Show
) -> None:
    (own_home / "keys" / "signing.pem").chmod(0o644)

    at = examined(show(own_home, "settings"))

    assert "chmod 600" in " ".join(str(error.value) for error in at.error).replace("\\", "")
    assert at.dataframe[0].value.iloc[0]["result"] == "✗ fail", "the worst first"


def test_findings_are_ranked_the_worst_first() -> None:
    rows = finding_rows([ok("a", "well"), warn("b", "late", "look"), fail("c", "gone", "mend")])

    assert [(row["check"], row["result"], row["what to do"]) for row in rows] == [
        ("c", "✗ fail", "mend"),
        ("b", "! warn", "look"),
        ("a", "✓ ok", "–"),
    ]


def test_a_broken_spec_is_named_and_takes_nothing_else_away(own_home: Path, show: Show) -> None:
    (own_home / "conf" / "models" / "broken.yaml").write_text("name: broken\nno: *such")

    at = show(own_home, "settings")

    assert any("broken" in str(error.value) for error in at.error)
    assert len(at.dataframe) == 2


def test_who_acts_and_how_to_log_in_is_said(own_home: Path, show: Show) -> None:
    at = show(own_home, "settings")
    assert "this session reads only" in texts(at)
    assert "finrisk promoters add NAME" in texts(at)

    log_in(at, token_of(own_home))

    assert "Acting: **ana**. Scope: **live**." in texts(at)
    assert "FINRISK_PROMOTERS" in how_to_log_in(by_provider=True)


def test_no_secret_is_shown_wherever_it_is(
    own_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(own_home)
    keys = [path.read_text(errors="replace") for path in (own_home / "keys").iterdir()]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:{CANARY}@127.0.0.1:9/?token={CANARY}")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"postgresql://ana:{CANARY}@127.0.0.1:9/registry")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", CANARY)
    monkeypatch.setenv("FINRISK_CONNECTION_CORE", f"postgresql+psycopg://ana:{CANARY}@db/core")
    monkeypatch.setenv("FINRISK_PROMOTERS", f"email:{CANARY}@lender.example, group:risk")
    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("FINRISK_REMOTE_RETRIES", "0")

    at = examined(log_in(show(own_home, "settings"), token))

    seen = sent(at)
    assert not at.exception, at.exception
    assert "examined" in str(at.session_state)
    assert "CORE" in seen, "the connection's name"
    assert "1 by email, 1 by group" in seen
    for secret in (
        CANARY,
        token,
        *(line for key in keys for line in key.split() if len(line) > 30),
    ):
        assert secret not in seen


def test_a_ledger_that_is_away_is_named_without_its_password(
    own_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"postgresql+psycopg://ana:{CANARY}@127.0.0.1:9/risk?password={CANARY}"
    monkeypatch.setenv("FINRISK_LEDGER_URL", address)

    framed = show(own_home, "settings")
    st.cache_resource.clear()
    alone = AppTest.from_string(WITHOUT_FRAME, default_timeout=PAGE_SECONDS).run()

    assert not framed.exception
    assert not alone.exception
    assert "does not answer" in texts(alone)
    assert "127.0.0.1:9/risk" in tables(alone)
    for at in (framed, alone):
        assert CANARY not in sent(at)


def test_a_setting_that_cannot_be_read_as_an_address_is_hidden() -> None:
    settings = Settings(ledger_url=CANARY)

    assert CANARY not in str(shown(settings))
    assert connections({"FINRISK_CONNECTION_B": CANARY, "FINRISK_CONNECTION_A": "x"}) == ["A", "B"]
