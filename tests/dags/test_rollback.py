"""The rollback Dag: a form, one task, one step; refused is refused at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.errors import RollbackRefused, Unreachable
from finrisk.records import PromotionKind, PromotionRecord
from tests.dags.conftest import DAGS

BACK = PromotionRecord(
    model="credit_risk",
    epoch=3,
    version=1,
    previous_version=2,
    kind=PromotionKind.ROLLBACK,
    idem_key="key",
    artifact_sha256="a" * 64,
    evidence_sha256=None,
    actor="ada",
    reason="complaints rise",
    as_of=date(2026, 3, 1),
    at=datetime(2026, 3, 1, 9, tzinfo=UTC),
    previous_hash="b" * 64,
    hash="c" * 64,
    projected=True,
)


class FakeSteps(ModuleType):
    """A rollback step that remembers what it was asked, and may refuse."""

    def __init__(self) -> None:
        super().__init__("finrisk.pipelines.steps")
        self.asked: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    def roll_back(
        self,
        model: str,
        to_version: int | None,
        reason: str,
        actor: str,
        *,
        request_id: str,
        rooms: None,
    ) -> PromotionRecord:
        self.asked.append((model, to_version, reason, actor, request_id))
        if self.error is not None:
            raise self.error
        return BACK


@pytest.fixture
def steps() -> Iterator[FakeSteps]:
    import finrisk.pipelines

    fake = FakeSteps()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, fake.__name__, fake)
        patch.setattr(finrisk.pipelines, "steps", fake, raising=False)
        yield fake


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS)).dags["credit_risk_rollback"]


def run_dag(**conf: Any) -> Any:
    """Run a Dag of its own: ``dag.test`` leaves the form filled in."""
    return DagBag(str(DAGS)).dags["credit_risk_rollback"].test(run_conf=conf)


def champion_events() -> int:
    with create_session() as session:
        rows = session.scalars(
            select(AssetEvent.id)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetModel.name == "credit_risk_champion")
        ).all()
    return len(rows)


def returned(run: Any) -> Any:
    with create_session() as session:
        return session.scalars(
            select(XComModel.value).where(
                XComModel.run_id == run.run_id, XComModel.key == "return_value"
            )
        ).one()


def test_a_rollback_asks_the_step_once_and_reports_the_champion(steps: FakeSteps) -> None:
    before = champion_events()

    run = run_dag(to_version=1, reason="complaints rise")

    assert run.state == "success"
    assert steps.asked == [
        ("credit_risk", 1, "complaints rise", run.triggering_user_name, run.run_id)
    ]
    assert returned(run) == BACK.to_json()
    assert champion_events() == before + 1


def test_an_empty_version_means_the_predecessor(steps: FakeSteps) -> None:
    run_dag(reason="complaints rise")

    assert [asked[1] for asked in steps.asked] == [None]


def test_a_refused_rollback_fails_and_reports_no_champion(steps: FakeSteps) -> None:
    before = champion_events()
    steps.error = RollbackRefused("version 9 was never champion")

    run = run_dag(to_version=9, reason="complaints rise")

    assert run.state == "failed"
    assert champion_events() == before
    assert len(steps.asked) == 1


@pytest.mark.parametrize(
    ("error", "action"),
    [(RollbackRefused("never champion"), "fail"), (Unreachable("no answer"), "default")],
)
def test_only_what_may_pass_is_tried_again(dag: Any, error: Exception, action: str) -> None:
    (task,) = dag.tasks

    assert task.retry_policy.evaluate(error, 1, 2).action.value == action
    assert task.retries == 2


def test_dag_starts_by_hand_only_and_says_whose_it_is(dag: Any) -> None:
    assert type(dag.timetable).__name__ == "NullTimetable"
    assert (dag.owner, dag.max_active_runs) == ("credit-risk", 1)
    assert {"finrisk", "rollback", "credit_risk"} <= set(dag.tags)
    assert "finrisk rollback credit_risk" in dag.doc_md
    assert [outlet.name for outlet in dag.tasks[0].outlets] == ["credit_risk_champion_changed"]


def test_nobody_names_the_actor_in_the_form(dag: Any) -> None:
    assert set(dag.params) == {"to_version", "reason"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to_version", 0),
        ("to_version", "1"),
        ("to_version", 1.5),
        ("reason", None),
        ("reason", "too short"),
        ("reason", " " * 20),
        ("reason", "x" * 501),
    ],
)
def test_the_form_refuses_what_does_not_fit(dag: Any, field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(field).resolve(value)


def test_a_reason_is_asked_for(dag: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param("reason").resolve()
    assert dag.params.get_param("to_version").resolve() is None
    assert dag.params.get_param("reason").resolve("complaints rise") == "complaints rise"
