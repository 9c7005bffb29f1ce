"""The wiring, run by Airflow: records in and out of tasks, whatever the steps do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.config import Connections
from finrisk.records import (
    Answer,
    DataVerdict,
    Decision,
    NightDecision,
    NightRequest,
    NightStatus,
    PreparedNight,
    TrainedCandidate,
)
from plugins.finrisk_plugin import MlflowRunLink
from tests.dags.conftest import DAGS


class FakeSteps(ModuleType):
    """Steps that remember what they were given; candidates decide what comes out."""

    def __init__(self, status: NightStatus) -> None:
        super().__init__("finrisk.pipelines.steps")
        self.status = status
        self.decided_on: list[str] = []
        self.connection: str | None = None
        self.address: str | None = None

    def prepare(
        self, request: NightRequest, rooms: None, *, connections: Connections
    ) -> PreparedNight:
        if self.connection is not None:
            self.address = connections(self.connection)
        ready = self.status is NightStatus.READY
        return PreparedNight(
            request=request,
            status=self.status,
            reasons=() if ready else ("income: out of range",),
            data=DataVerdict("pass" if ready else "block"),
            spec_sha256="0" * 64,
            run_id="parent1",
            candidates=request.candidates if ready else (),
        )

    def train(self, prepared: PreparedNight, candidate: str, rooms: None) -> TrainedCandidate:
        return TrainedCandidate(
            candidate, candidate, "child1", "models:/m-1", "0" * 64, 0.7, seconds=0.1
        )

    def decide(
        self, prepared: PreparedNight, trained: Sequence[TrainedCandidate], rooms: None
    ) -> NightDecision:
        self.decided_on = [one.candidate for one in trained]
        return NightDecision(
            model=prepared.request.model,
            as_of=prepared.request.as_of,
            status=prepared.status,
            decision=Decision.PROMOTE if trained else Decision.HOLD,
            reasons=prepared.reasons,
            data_result=prepared.data.result,
            run_id=prepared.run_id,
            dry_run=prepared.request.dry_run,
        )

    def promote(
        self, decision: NightDecision, rooms: None, *, answer: Answer | None
    ) -> NightDecision:
        assert answer is None, "nobody is asked where the policy names nobody"
        return decision


@pytest.fixture
def steps(request: pytest.FixtureRequest) -> Iterator[FakeSteps]:
    import finrisk.pipelines

    fake = FakeSteps(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, fake.__name__, fake)
        patch.setattr(finrisk.pipelines, "steps", fake, raising=False)
        yield fake


def run_night(**conf: Any) -> Any:
    dag = DagBag(str(DAGS)).dags["credit_risk_retraining"]
    return dag.test(run_conf={"as_of": "2025-03-01"} | conf)


def states(run: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for instance in run.get_task_instances():
        found.setdefault(instance.task_id, []).append(str(instance.state))
    return found


def events(name: str) -> int:
    with create_session() as session:
        rows = session.scalars(
            select(AssetEvent.id)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetModel.name == name)
        ).all()
    return len(rows)


@pytest.mark.parametrize("steps", [NightStatus.READY], indirect=True)
def test_a_ready_night_trains_every_candidate_and_reports_the_champion(steps: FakeSteps) -> None:
    before = events("credit_risk_champion")

    run = run_night()

    assert run.state == "success"
    assert states(run) == {
        "prepare": ["success"],
        "train": ["success"] * 3,
        "decide": ["success"],
        "promote": ["success"],
    }
    assert sorted(steps.decided_on) == ["logistic_regression", "random_forest", "xgboost"]
    assert events("credit_risk_champion") == before + 1


@pytest.mark.parametrize("steps", [NightStatus.BLOCKED], indirect=True)
def test_a_blocked_night_trains_nothing_and_still_records_its_hold(steps: FakeSteps) -> None:
    before = events("credit_risk_champion"), events("credit_risk_decision")

    run = run_night()

    assert run.state == "success"
    assert states(run) == {
        "prepare": ["success"],
        "train": ["skipped"],
        "decide": ["success"],
        "promote": ["success"],
    }
    assert steps.decided_on == []
    assert (events("credit_risk_champion"), events("credit_risk_decision")) == (
        before[0],
        before[1] + 1,
    )


@pytest.mark.parametrize("steps", [NightStatus.BLOCKED], indirect=True)
def test_the_rows_may_come_over_a_connection_of_airflows(
    steps: FakeSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LENDER_DWH", "postgres://risk:secret@dwh:5432/lending")
    steps.connection = "lender_dwh"

    run_night()

    assert steps.address == "postgresql+psycopg://risk:secret@dwh:5432/lending"


@pytest.mark.parametrize("steps", [NightStatus.READY], indirect=True)
def test_a_dry_run_reports_no_new_champion(steps: FakeSteps) -> None:
    before = events("credit_risk_champion")

    run = run_night(dry_run=True, candidates=["xgboost"])

    assert states(run)["train"] == ["success"]
    assert events("credit_risk_champion") == before


@pytest.mark.parametrize("steps", [NightStatus.READY], indirect=True)
def test_each_task_links_to_the_mlflow_run_of_its_record(
    steps: FakeSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_UI_URL", "http://127.0.0.1:5000")
    run = run_night(candidates=["xgboost"])

    links = {
        instance.task_id: MlflowRunLink().get_link(None, ti_key=instance.key)  # type: ignore[arg-type]
        for instance in run.get_task_instances()
    }

    parent, child = (f"http://127.0.0.1:5000/#/runs/{run_id}" for run_id in ("parent1", "child1"))
    assert links == {"prepare": parent, "train": child, "decide": parent, "promote": parent}


@pytest.mark.parametrize("steps", [NightStatus.READY], indirect=True)
def test_what_travels_between_tasks_is_small(steps: FakeSteps) -> None:
    run = run_night()

    with create_session() as session:
        values = session.scalars(
            select(XComModel.value).where(XComModel.run_id == run.run_id)
        ).all()

    assert max(len(str(value)) for value in values) < 4096
