"""The Dag of a model whose policy names approvers; what people then do is in tests/services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    ParamValidationError,
)
from airflow.serialization.serialized_objects import DagSerialization

from finrisk.records import Answer
from tests.dags.conftest import DAGS, REPOSITORY
from tests.ledger.factories import night_decision

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = {"id": "anna", "name": "Anna B."}


@pytest.fixture
def dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shipped model's Dag, with a policy that asks anna and ben for at most eight hours."""
    document = yaml.safe_load((REPOSITORY / "conf" / "models" / "credit_risk.yaml").read_text())
    document["gate"] |= {
        "approval": "person",
        "approvers": ["anna", "ben"],
        "approval_timeout_hours": 8,
    }
    (tmp_path / "credit_risk.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_CONF", str(tmp_path))
    monkeypatch.setenv("FINRISK_NOTIFY", "slack:risk_room")
    bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    return bag.dags["credit_risk_retraining"]


def event(option: str, comment: str | None = "read the evidence", **changes: Any) -> dict[str, Any]:
    given = {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_at": AT,
        "responded_by_user": ANNA,
        "timedout": False,
    }
    return given | changes


def context(by: str | None = "ben") -> Any:
    return {"dag_run": SimpleNamespace(triggering_user_name=by)}


def answered(dag: Any, given: dict[str, Any]) -> Answer:
    return Answer.from_json(dag.get_task("approve").execute_complete(context(), given))


def test_people_are_asked_between_decide_and_promote(dag: Any) -> None:
    downstream = {task.task_id: task.downstream_task_ids for task in dag.tasks}

    assert downstream == {
        "prepare": {"train", "decide"},
        "train": {"decide"},
        "decide": {"approve", "promote"},
        "approve": {"promote"},
        "promote": set(),
    }
    assert dag.get_task("promote").trigger_rule == "none_failed"
    assert "asks `anna`, `ben` before a promotion" in dag.doc_md


def test_the_time_out_rejects_and_the_run_lives_as_long_as_the_question(dag: Any) -> None:
    asking = dag.get_task("approve")

    assert asking.defaults == ["Reject"]
    assert asking.response_timeout == timedelta(hours=8)
    assert dag.dagrun_timeout == timedelta(hours=6 + 8)
    (deadline,) = dag.deadline
    assert deadline.interval == timedelta(hours=4 + 8)


def test_the_form_asks_for_a_comment_and_nothing_of_the_runs_own_form(dag: Any) -> None:
    asking = dag.get_task("approve")

    assert list(asking.serialized_params) == ["comment"]
    schema = asking.serialized_params["comment"]["schema"]
    assert (schema["minLength"], schema["maxLength"]) == (10, 500)
    asking.params.validate()  # as Airflow does whenever the task starts


def test_the_dag_survives_serialisation(dag: Any) -> None:
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    assert {task.task_id for task in again.tasks} == {task.task_id for task in dag.tasks}


def test_an_approval_carries_who_why_and_who_started_the_run(dag: Any) -> None:
    assert answered(dag, event("Approve")) == Answer(
        approved=True,
        actor="anna",
        name="Anna B.",
        comment="read the evidence",
        asked_by="ben",
        at=AT,
    )


def test_a_rejection_is_no_approval(dag: Any) -> None:
    found = answered(dag, event("Reject", "group 3 is too small"))

    assert not found.approved
    assert (found.actor, found.comment) == ("anna", "group 3 is too small")


def test_a_time_out_is_an_answer_of_nobody(dag: Any) -> None:
    timed_out = event("Reject", None, responded_by_user=None, timedout=True)

    assert answered(dag, timed_out) == Answer(approved=False, asked_by="ben", at=AT)


def test_an_approval_of_nobody_is_no_approval(dag: Any) -> None:
    assert not answered(dag, event("Approve", responded_by_user=None)).approved


@pytest.mark.parametrize("comment", [None, " " * 12])
def test_an_approval_without_a_comment_is_asked_again(dag: Any, comment: str | None) -> None:
    with pytest.raises(AirflowException, match=r"Anna B\. approved without a comment"):
        answered(dag, event("Approve", comment))

    assert not answered(dag, event("Reject", comment)).approved
    assert dag.get_task("approve").retries == 2


@pytest.mark.parametrize("comment", ["no", "", "x" * 501, 7])
def test_a_comment_that_does_not_fit_is_refused(dag: Any, comment: Any) -> None:
    with pytest.raises(ParamValidationError):
        answered(dag, event("Approve", comment))


def test_where_nobody_has_to_be_asked_the_task_is_skipped(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finrisk.pipelines import steps

    monkeypatch.setattr(steps, "ask", lambda *_, **__: None)
    asking = dag.get_task("approve")
    asking.decision = night_decision().to_json()

    with pytest.raises(AirflowSkipException):
        asking.execute(context())
