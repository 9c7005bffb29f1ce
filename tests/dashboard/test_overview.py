"""The Overview: what changed last night, why, and whether anything is wrong."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.ledger.readings import State
from finrisk.ledger.store import Ledger
from finrisk.monitoring.notices import WAITS
from finrisk.records import Decision
from tests.clock import today
from tests.dashboard.conftest import Show, settings_of, texts
from tests.dashboard.night_worlds import (
    bare_home,
    block,
    copied,
    decide,
    ledger_of,
    promote,
    watch,
)
from tests.ledger.factories import force, night_decision, version
from tests.pipelines.lender import write_spec


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_home(tmp_path_factory.mktemp("bare") / "home")


@pytest.fixture
def nothing(bare: Path, tmp_path: Path) -> Path:
    """A model that has a spec, and no night."""
    return copied(bare, tmp_path / "home")


@pytest.fixture
def home(nothing: Path) -> Path:
    """A model whose v1 is champion since yesterday, and watched; last night is still to come."""
    with ledger_of(nothing) as ledger:
        promote(ledger, today() - timedelta(days=1), 1)
        watch(ledger, today())
    return nothing


@pytest.fixture
def ledger(home: Path) -> Ledger:
    return ledger_of(home)


def links(at: AppTest) -> list[tuple[str, str]]:
    """Where the page leads to: a page or an address, and what it is told."""
    return [(link.proto.page, link.proto.query_string) for link in at.get("page_link")]


def urgent(at: AppTest) -> list[str]:
    return [box.value for box in at.warning]


def test_a_promotion_is_told_with_its_reason_and_the_champions_figures(
    home: Path, ledger: Ledger, show: Show
) -> None:
    promote(ledger, today(), 2)

    at = show(home, "overview")

    said = texts(at)
    assert "v2 was promoted over v1" in said
    assert "AUC \\+0\\.0300 \\(z 3\\.00, 2\\.71 needed\\)" in said
    assert "**Champion v2**" in said
    assert "better, by the gate" in said
    assert "AUC **0.730** · Gini **0.460** · KS **0.390** · PSI **0.120**" in said
    assert "Δ AUC to its predecessor" in said
    assert [box.value for box in at.success]
    assert not urgent(at)


def test_a_quiet_night_needs_nobody(home: Path, ledger: Ledger, show: Show) -> None:
    decide(ledger, today(), 2)

    at = show(home, "overview")

    assert "All is well" in at.success[0].value
    assert "Nothing is wrong, and nothing waits for a person." in texts(at)
    assert "v2 was held" in texts(at)


def test_blocked_data_need_a_person_and_lead_to_data_quality(
    home: Path, ledger: Ledger, show: Show
) -> None:
    block(ledger, today())

    at = show(home, "overview")

    assert "1 of 1 model needs you" in urgent(at)[0]
    assert "income" in texts(at)
    assert ("quality", "model=credit_risk") in links(at)


def test_an_alarm_of_the_champion_needs_a_person_and_leads_to_monitoring(
    home: Path, ledger: Ledger, show: Show
) -> None:
    decide(ledger, today(), 2)
    watch(ledger, today(), State.ALARM)

    at = show(home, "overview")

    assert "1 of 1 model needs you" in urgent(at)[0]
    assert "1 alarm" in texts(at)
    assert ("monitoring", "model=credit_risk") in links(at)


def test_a_promotion_that_waits_for_a_person_says_so_and_leads_to_the_registry(
    home: Path, ledger: Ledger, show: Show
) -> None:
    def by_person(document: dict[str, dict[str, object]]) -> None:
        document["gate"]["approval"] = "person"

    write_spec(home / "conf" / "models", by_person)
    waits = f"{WAITS}the policy asks for a person's approval"
    decide(ledger, today(), 2, Decision.PROMOTE, reasons=("z 3.0 ≥ 2.71", waits))

    at = show(home, "overview")

    assert "1 of 1 model needs you" in urgent(at)[0]
    assert "v2 earned its promotion and waits for a person" in texts(at)
    assert "**waits for you**" in texts(at)
    assert ("registry", f"model=credit_risk&night={today()}") in links(at)


def test_missed_nights_need_a_person(nothing: Path, show: Show) -> None:
    last = today() - timedelta(days=5)
    with ledger_of(nothing) as ledger:
        promote(ledger, last, 1)
        watch(ledger, today())

    at = show(nothing, "overview")

    assert "1 of 1 model needs you" in urgent(at)[0]
    assert "Missed\\:" in texts(at)
    assert "5 days ago" in texts(at)


def test_a_chain_that_does_not_verify_is_told_beside_everything_else(
    home: Path, ledger: Ledger, show: Show
) -> None:
    decide(ledger, today(), 2)
    spoil(home, "promotions", "UPDATE promotions SET actor = 'mallory'")

    at = show(home, "overview")

    assert not at.exception
    assert "1 of 1 model needs you" in urgent(at)[0]
    assert "does not verify" in texts(at)
    assert "v2 was held" in texts(at)


def test_edited_evidence_of_the_champion_is_told_and_its_figures_are_not(
    home: Path, ledger: Ledger, show: Show
) -> None:
    decide(ledger, today(), 2)
    spoil(
        home,
        "evidence",
        "UPDATE evidence SET document = replace(document, '0.73', '0.93') "
        "WHERE challenger_version = 1",
    )

    at = show(home, "overview")

    assert not at.exception
    assert "was edited" in texts(at)
    assert "0.93" not in texts(at)


def test_each_night_is_a_row_and_leads_to_mlflow_and_airflow(
    home: Path, ledger: Ledger, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_UI_URL", "http://mlflow.example")
    monkeypatch.setenv("FINRISK_AIRFLOW_UI_URL", "http://airflow.example")
    decide(ledger, today(), 2, dag_run="manual__1")

    at = show(home, "overview")

    rows = at.dataframe[0].value
    assert list(rows["as of"]) == [str(today()), str(today() - timedelta(days=1))]
    assert list(rows["decision"]) == ["HOLD", "PROMOTE"]
    assert rows["MLflow run"][0] == f"http://mlflow.example/#/runs/night-{today()}"
    address = "http://airflow.example/dags/credit_risk_retraining/runs/manual__1"
    assert rows["Airflow"][0] == address
    assert (address, "") in links(at)
    assert ("promotions", f"model=credit_risk&night={today()}") in links(at)


def test_the_budget_that_is_left_stands_on_the_card(home: Path, ledger: Ledger, show: Show) -> None:
    decide(ledger, today(), 2)

    at = show(home, "overview")

    (bar,) = at.get("progress")
    assert bar.proto.text.startswith(f"Error budget of {today().year}: 100 % left, 11 of 12")


def test_a_model_without_a_night_says_how_to_get_one(nothing: Path, show: Show) -> None:
    at = show(nothing, "overview")

    assert "No night yet" in texts(at)
    assert "finrisk retrain credit\\_risk" in texts(at)
    assert "**Champion**: none yet" in texts(at)


def test_what_people_typed_does_nothing_on_the_page(home: Path, ledger: Ledger, show: Show) -> None:
    reason = "[here](http://evil.example) :red[x] <b>"
    ledger.record_night(
        night_decision(today(), reasons=(reason,), actor="*anna*"),
        snapshot_sha256=None,
        spec_sha256="0" * 64,
        holdout_sha256=None,
        at=ledger.stored_nights("credit_risk")[0].at,
    )

    at = show(home, "overview")

    assert "](http" not in texts(at)
    assert "\\[here\\]" in texts(at)


def test_all_models_of_the_scope_have_a_card(home: Path, show: Show) -> None:
    spec = home / "conf" / "models" / "credit_risk.yaml"
    second = spec.read_text().replace("name: credit_risk", "name: loans", 1)
    second = second.replace("title: Retail credit risk", "title: Loans", 1)
    second = second.replace("registered_name: credit-risk", "registered_name: loans", 1)
    (spec.parent / "loans.yaml").write_text(second)

    at = show(home, "overview")

    headings = [text.value for text in at.markdown if text.value.startswith("#### ")]
    assert headings == ["#### Retail credit risk", "#### Loans"]


def test_a_replay_in_another_scope_misses_no_night(home: Path, show: Show) -> None:
    with Ledger.open(settings_of(home).in_scope("replay")) as replayed:
        promote(replayed, today() - timedelta(days=9), 1)

    at = show(home, "overview", scope="replay")

    assert "9 days ago" in texts(at)
    assert not urgent(at)
    assert "Missed" not in texts(at)


def test_who_promoted_after_the_night_stands_in_the_headline(
    home: Path, ledger: Ledger, show: Show
) -> None:
    decide(ledger, today(), 2)
    after = datetime.combine(today(), time(3), UTC)  # the nights here are decided at two
    force(ledger, version(2), as_of=today(), at=after, actor="anna")

    at = show(home, "overview")

    assert "v2 was held; since then v2 became champion" in texts(at)
    assert "forced by a person; by anna" in texts(at)


def spoil(home: Path, table: str, statement: str) -> None:
    """Edit an append-only table as somebody with the file would."""
    with sqlite3.connect(home / "ledger.db") as database:
        triggers = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall()
        for (name,) in triggers:
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(statement)
    database.close()
