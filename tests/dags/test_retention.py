"""The weekly removal: its form, and its wiring run by Airflow on a report that is handed in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.pipelines.retention_report import Removed, RetentionReport
from tests.dags.conftest import DAGS, REPOSITORY

MODELS = sorted(path.stem for path in (REPOSITORY / "conf" / "models").glob("*.yaml"))


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS)).dags["finrisk_retention"]


class FakeRetention(ModuleType):
    """A removal that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__("finrisk.pipelines.retention")
        self.asked: list[tuple[str, int, bool]] = []
        self.error: Exception | None = None

    def collect_model(
        self, model: str, *, keep_days: int, dry_run: bool, settings: Settings
    ) -> RetentionReport:
        self.asked.append((model, keep_days, dry_run))
        if self.error is not None:
            raise self.error
        return RetentionReport(
            models=(model,),
            keep_days=keep_days,
            older_than=datetime(2026, 1, 1, tzinfo=UTC),
            dry_run=dry_run,
            removed={"candidates": Removed(2, 2048)},
            kept={"candidates": {"younger than the limit": 1}},
            left=(),
        )


@pytest.fixture
def fake() -> Iterator[FakeRetention]:
    import finrisk.pipelines

    made = FakeRetention()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, made.__name__, made)
        patch.setattr(finrisk.pipelines, "retention", made, raising=False)
        yield made


def run_it(**conf: Any) -> Any:
    """Run a Dag of its own: a run's conf stays in the Dag object's params."""
    return DagBag(str(DAGS)).dags["finrisk_retention"].test(run_conf=conf)


def returned(run: Any) -> list[Any]:
    with create_session() as session:
        of_run = select(XComModel.value).where(XComModel.run_id == run.run_id)
        values = session.scalars(of_run.where(XComModel.key == "return_value")).all()
    return [json.loads(value) if isinstance(value, str) else value for value in values]


def test_one_task_a_model_removes_and_returns_the_report(fake: FakeRetention) -> None:
    run = run_it(keep_days=30, dry_run=True)

    assert run.state == "success"
    assert sorted(fake.asked) == sorted((model, 30, True) for model in MODELS)  # in any order
    reports = [RetentionReport.from_json(told) for told in returned(run)]
    assert sorted(report.models for report in reports) == [(model,) for model in MODELS]
    assert all(report.removed == {"candidates": Removed(2, 2048)} for report in reports)


def test_left_alone_it_keeps_ninety_days_and_removes_for_real(fake: FakeRetention) -> None:
    run_it()

    assert sorted(fake.asked) == sorted((model, 90, False) for model in MODELS)


def test_what_fails_again_is_not_tried_again(fake: FakeRetention) -> None:
    fake.error = ConfigurationError("no such age")

    run = run_it()

    assert run.state == "failed"
    assert len(fake.asked) == len(MODELS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keep_days", 6),
        ("keep_days", 7.5),
        ("keep_days", "90"),
        ("keep_days", 10**6),
        ("dry_run", "yes"),
        ("dry_run", None),
    ],
)
def test_the_form_refuses_what_does_not_fit(dag: Any, field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(field).resolve(value)


def test_it_runs_on_sundays_one_model_after_the_other(dag: Any) -> None:
    task = dag.get_task("collect")

    assert task.is_mapped
    assert task.max_active_tis_per_dagrun == 1
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.timetable.expression == "0 5 * * 0"
    assert dag.dagrun_timeout > timedelta(0)


def test_it_says_whose_it_is_and_what_it_never_removes(dag: Any) -> None:
    assert dag.owner == "finrisk"
    assert {"finrisk", "retention"} <= set(dag.tags)
    assert "Never: a version that is or was champion" in dag.doc_md
