"""One night with nothing faked: landed rows, the real steps, a real ledger, run by Airflow."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from finrisk.config import load_settings
from finrisk.ledger.store import Ledger
from finrisk.pipelines.simulation import land_simulated
from finrisk.records import Decision, NightStatus
from finrisk.setting_up import initialise
from tests.dags.conftest import DAGS, REPOSITORY
from tests.data.cards import AS_OF as CARDS_AS_OF
from tests.data.cards import a_fraud_spec
from tests.data.cards import land as land_cards

AS_OF = date(2024, 8, 5)


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shipped model with its quickest candidate only, and what had landed by then."""
    document = yaml.safe_load((REPOSITORY / "conf" / "models" / "credit_risk.yaml").read_text())
    document["candidates"] = [
        {
            "name": "logistic_regression",
            "algorithm": "logistic_regression",
            "parameters": {"C": 1.0},
        }
    ]
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "credit_risk.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    settings = load_settings()
    initialise(settings)
    land_simulated(settings, AS_OF, models=("credit_risk",))
    return settings


def test_a_night_ends_in_a_first_champion_and_again_in_nothing_new(lender: Any) -> None:
    dag = DagBag(str(DAGS)).dags["credit_risk_retraining"]
    conf = {"as_of": str(AS_OF), "look": "scheduled", "reason": "a test"}

    first = dag.test(run_conf=conf)
    ledger = Ledger.open(lender)
    champion = ledger.champion("credit_risk")
    (night,) = ledger.nights("credit_risk")

    assert first.state == "success"
    assert champion is not None
    assert champion.epoch == 1
    assert (night.as_of, night.decision) == (AS_OF, Decision.PROMOTE)
    assert night.dag_run == first.run_id  # the dashboard leads to it

    later = dag.test(run_conf=conf | {"as_of": "2024-08-06"})

    assert later.state == "success"
    assert ledger.champion("credit_risk") == champion
    assert ledger.nights("credit_risk")[-1].status is NightStatus.NOTHING_NEW


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small model of card transactions, and what had landed by then."""
    document = json.loads(a_fraud_spec().model_dump_json(exclude_unset=True))
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "cards.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    settings = load_settings()
    initialise(settings)
    land_cards(tmp_path)
    return settings


def test_a_fraud_model_has_its_dag_from_the_same_factory(cards: Any) -> None:
    dag = DagBag(str(DAGS)).dags["cards_retraining"]

    run = dag.test(run_conf={"as_of": str(CARDS_AS_OF), "look": "scheduled", "reason": "a test"})
    ledger = Ledger.open(cards)

    assert "fraud_detection" in dag.tags
    assert run.state == "success"
    assert ledger.champion("cards") is not None
    assert [night.decision for night in ledger.nights("cards")] == [Decision.PROMOTE]
