"""The monitoring Dag: a form, one task, one step; it reports only where a night was asked for."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.config import Connections, load_settings
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.readings import State
from finrisk.ledger.store import Ledger
from finrisk.pipelines import monitoring
from finrisk.pipelines.monitoring import MonitoringReport
from finrisk.setting_up import initialise
from tests.dags.conftest import DAGS
from tests.data.cards import AS_OF, a_fraud_spec, land

DAG_ID = "credit_risk_monitoring"
AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
QUIET = MonitoringReport("credit_risk", "live", date(2026, 3, 1), 3, {"quiet": 40})
ASKED = Rerun(
    model="credit_risk",
    key="ab" * 32,
    alert="FinRiskScoreDrift",
    source="monitor",
    reason="score PSI 0.31 (limit 0.12)",
    began=AT,
    received=AT,
    deliveries=1,
    outcome=Outcome.ACCEPTED,
    run_id="alert__1",
    started=None,
)


class FakeMonitor:
    """Remember what was asked for, and answer with a report."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, date | None, bool]] = []
        self.report = QUIET

    def __call__(
        self, model: str, *, as_of: date | None, asks: bool, rooms: None, connections: Connections
    ) -> MonitoringReport:
        self.asked.append((model, as_of, asks))
        return self.report


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> FakeMonitor:
    fake = FakeMonitor()
    monkeypatch.setattr(monitoring, "monitor", fake)
    return fake


def run_dag(**conf: Any) -> Any:
    """Run a Dag of its own: ``dag.test`` leaves the form filled in."""
    return DagBag(str(DAGS)).dags[DAG_ID].test(run_conf=conf)


def events() -> list[Any]:
    with create_session() as session:
        rows = session.scalars(
            select(AssetEvent)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetModel.name == "finrisk_reruns_asked")
            .order_by(AssetEvent.id)
        ).all()
        return [row.extra for row in rows]


def test_a_quiet_day_wakes_nobody(step: FakeMonitor) -> None:
    before = len(events())

    run = run_dag()

    assert run.state == "success"
    assert step.asked == [("credit_risk", None, True)]
    assert len(events()) == before


def test_a_night_that_was_asked_for_wakes_who_starts_it(step: FakeMonitor) -> None:
    before = len(events())
    step.report = QUIET.replace(asked=(ASKED,))

    run = run_dag(as_of="2026-03-01")

    assert run.state == "success"
    assert step.asked == [("credit_risk", date(2026, 3, 1), True)]
    (told,) = events()[before:]
    assert (told["model"], told["as_of"]) == ("credit_risk", "2026-03-01")


@pytest.mark.parametrize(
    "change", [{"outcome": Outcome.COOLING_DOWN}, {"outcome": Outcome.CAPPED}, {"started": AT}]
)
def test_what_starts_nothing_wakes_nobody(step: FakeMonitor, change: dict[str, Any]) -> None:
    before = len(events())
    step.report = QUIET.replace(asked=(ASKED.replace(**change),))

    run_dag(asks=False)

    assert step.asked == [("credit_risk", None, False)]
    assert len(events()) == before


def test_it_follows_the_decisions_and_keeps_the_night_s_schedule() -> None:
    dags = DagBag(str(DAGS)).dags
    dag, night = dags[DAG_ID], dags["credit_risk_retraining"]

    assert dag.timetable.asset_condition.name == "credit_risk_decision_log"
    assert dag.timetable.timetable.expression == night.timetable.timetable.expression
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert {"finrisk", "monitoring", "credit_risk"} <= set(dag.tags)
    assert "finrisk monitor credit_risk" in dag.doc_md


@pytest.mark.parametrize(("field", "value"), [("as_of", "1 March"), ("asks", "perhaps")])
def test_the_form_refuses_what_does_not_fit(field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        DagBag(str(DAGS)).dags[DAG_ID].params.get_param(field).resolve(value)


def test_a_model_without_a_champion_is_read_and_all_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(a_fraud_spec().model_dump_json(exclude_unset=True))
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "cards.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    settings = load_settings()
    initialise(settings)
    land(tmp_path)

    run = DagBag(str(DAGS)).dags["cards_monitoring"].test(run_conf={"as_of": str(AS_OF)})

    assert run.state == "success"
    with Ledger.open(settings) as ledger:
        readings = ledger.newest_readings("cards")
    assert {r.state for r in readings if r.monitor != "freshness"} == {State.UNKNOWN}
    assert {r.subject: r.value for r in readings if r.monitor == "freshness"} == {
        "decisions": None,
        "landing": 1.0,
        "labels": 1.0,
    }
