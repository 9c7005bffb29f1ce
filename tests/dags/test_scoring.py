"""The scoring Dag: a form, one task, one step; and one run of it with nothing faked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.config import Connections, load_settings
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import ContractBreach, Unreachable
from finrisk.pipelines import new_days
from finrisk.pipelines.scoring_report import ScoringReport
from finrisk.setting_up import initialise
from tests.dags.conftest import DAGS
from tests.data.cards import AS_OF, a_fraud_spec, land, transactions

SCORED = ScoringReport(
    model="credit_risk",
    scope="live",
    version=3,
    epoch=2,
    rows=10,
    decisions={"approve": 9, "decline": 1},
    first_day=date(2026, 3, 1),
    last_day=date(2026, 3, 1),
    days=1,
    logged=10,
)
LEFT_EMPTY = {"first": None, "last": None, "version": None, "catch_up_days": 35}


class FakeDays(ModuleType):
    """A step that remembers what it was asked, and may refuse."""

    def __init__(self) -> None:
        super().__init__("finrisk.pipelines.new_days")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.connection: str | None = None
        self.error: Exception | None = None

    def score_new_days(
        self, model: str, *, rooms: None, connections: Connections, **asked: Any
    ) -> ScoringReport:
        self.asked.append((model, asked))
        if self.connection is not None:
            self.connection = connections(self.connection)
        if self.error is not None:
            raise self.error
        return SCORED


@pytest.fixture
def steps() -> Iterator[FakeDays]:
    import finrisk.pipelines

    fake = FakeDays()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, fake.__name__, fake)
        patch.setattr(finrisk.pipelines, "new_days", fake, raising=False)
        yield fake


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS)).dags["credit_risk_scoring"]


def run_dag(**conf: Any) -> Any:
    """Run a Dag of its own: ``dag.test`` leaves the form filled in."""
    return DagBag(str(DAGS)).dags["credit_risk_scoring"].test(run_conf=conf)


def events() -> list[Any]:
    with create_session() as session:
        rows = session.scalars(
            select(AssetEvent)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetModel.name == "credit_risk_decision_log")
            .order_by(AssetEvent.id)
        ).all()
        return [row.extra for row in rows]


def returned(run: Any) -> Any:
    with create_session() as session:
        return session.scalars(
            select(XComModel.value).where(
                XComModel.run_id == run.run_id, XComModel.key == "return_value"
            )
        ).one()


def test_left_alone_it_scores_what_is_new_and_reports_it(steps: FakeDays) -> None:
    before = len(events())

    run = run_dag()

    assert run.state == "success"
    assert steps.asked == [("credit_risk", LEFT_EMPTY)]
    assert returned(run) == SCORED.to_json()
    (told,) = events()[before:]
    assert {key: told[key] for key in ("rows", "version", "reason")} == {
        "rows": 10,
        "version": 3,
        "reason": "",
    }


def test_days_and_a_version_are_asked_for_by_the_form(steps: FakeDays) -> None:
    run_dag(from_day="2026-02-01", to_day="2026-02-28", version=2, catch_up_days=7)

    asked = {"first": date(2026, 2, 1), "last": date(2026, 2, 28), "version": 2}
    assert steps.asked == [("credit_risk", asked | {"catch_up_days": 7})]


def test_the_rows_may_come_over_a_connection_of_airflows(
    steps: FakeDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LENDER_DWH", "postgres://risk:secret@dwh:5432/lending")
    steps.connection = "lender_dwh"

    run_dag()

    assert steps.connection == "postgresql+psycopg://risk:secret@dwh:5432/lending"


def test_rows_that_cannot_be_scored_fail_the_task_once(steps: FakeDays) -> None:
    before = len(events())
    steps.error = ContractBreach("3 cells that are no number")

    run = run_dag()

    assert run.state == "failed"
    assert len(steps.asked) == 1
    assert len(events()) == before


@pytest.mark.parametrize(
    ("error", "action"),
    [(ContractBreach("no number"), "fail"), (Unreachable("no answer"), "default")],
)
def test_only_what_may_pass_is_tried_again(dag: Any, error: Exception, action: str) -> None:
    (task,) = dag.tasks

    assert task.retry_policy.evaluate(error, 1, 2).action.value == action
    assert task.retries == 2


def test_it_follows_the_night_and_keeps_the_night_s_schedule(dag: Any) -> None:
    retraining = DagBag(str(DAGS)).dags["credit_risk_retraining"]
    waited_for = dag.timetable.asset_condition

    assert waited_for.name == "credit_risk_decision"
    assert dag.timetable.timetable.expression == retraining.timetable.timetable.expression
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert [outlet.name for outlet in dag.tasks[0].outlets] == ["credit_risk_decision_log"]


def test_it_says_whose_it_is_and_what_waits(dag: Any) -> None:
    assert dag.owner == "credit-risk"
    assert {"finrisk", "scoring", "credit_risk"} <= set(dag.tags)
    assert "A blocked night's days wait" in dag.doc_md
    assert "finrisk score credit_risk" in dag.doc_md


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from_day", "1 March"),
        ("to_day", 20260301),
        ("version", 0),
        ("version", "2"),
        ("catch_up_days", 0),
        ("catch_up_days", 367),
        ("catch_up_days", None),
    ],
)
def test_the_form_refuses_what_does_not_fit(dag: Any, field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(field).resolve(value)


def test_the_form_s_limit_is_the_step_s(dag: Any) -> None:
    assert dag.params["catch_up_days"] == new_days.CATCH_UP_DAYS


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    document = json.loads(a_fraud_spec().model_dump_json(exclude_unset=True))
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "cards.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    settings = load_settings()
    initialise(settings)
    land(tmp_path)
    return settings


def test_a_night_s_champion_scores_a_day_that_landed(cards: Any) -> None:
    dags = DagBag(str(DAGS)).dags
    day = date.fromordinal(AS_OF.toordinal() - 1)
    asked = {"as_of": str(AS_OF), "look": "scheduled", "reason": "a test"}

    waits = dags["cards_scoring"].test()
    night = dags["cards_retraining"].test(run_conf=asked)
    scored = DagBag(str(DAGS)).dags["cards_scoring"].test(run_conf={"from_day": str(day)})

    assert [run.state for run in (waits, night, scored)] == ["success"] * 3
    assert returned(waits)["reason"] == "there is no champion yet"
    assert returned(scored)["rows"] == len(transactions(day))
    log = DecisionLog.open(cards)
    assert log.decided_days("cards", day, day) == {day}
    assert set(log.read("cards", day, day, ["_epoch"])["_epoch"]) == {1}
