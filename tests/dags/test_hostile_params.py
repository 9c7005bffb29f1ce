"""What people type into a form reaches no shell, no template and no statement."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from tests.dags.conftest import DAGS
from tests.dags.test_rollback import FakeSteps, run_dag, steps
from tests.hostile_texts import HOSTILE

__all__ = ["steps"]

BAG = DagBag(str(DAGS))
FREE = {"reason"}  # what people may write as they like; it is stored, and shown escaped
FIELDS = [(dag_id, name) for dag_id, dag in sorted(BAG.dags.items()) for name in dag.params if name]


@pytest.mark.parametrize(
    ("dag_id", "field"), [one for one in FIELDS if one[1] not in FREE], ids="-".join
)
def test_a_field_takes_none_of_forty_hostile_texts(dag_id: str, field: str) -> None:
    for text in HOSTILE:
        for given in (text, [text], {"x": text}):
            with pytest.raises(ParamValidationError):
                param_of(dag_id, field).resolve(given)


def test_what_people_may_write_freely_is_bounded() -> None:
    for dag_id, field in FIELDS:
        if field in FREE:
            with pytest.raises(ParamValidationError):
                param_of(dag_id, field).resolve(max(HOSTILE, key=len))


@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }} $(touch owned) %(x)s", "'; DROP TABLE champions; --"]
)
def test_a_reason_comes_to_the_step_as_it_was_written(text: str, steps: FakeSteps) -> None:
    assert run_dag(reason=text).state == "success"

    assert [asked[2] for asked in steps.asked] == [text]


def test_no_task_is_a_shell_and_no_argument_is_a_template() -> None:
    tasks = [task for dag in BAG.dags.values() for task in dag.tasks]

    assert {type(task).__name__ for task in tasks} <= KINDS
    assert not [task.task_id for task in tasks if "{{" in repr(arguments_of(task))]


def param_of(dag_id: str, field: str) -> Param:
    return copy.copy(BAG.dags[dag_id].params.get_param(field))


KINDS = {
    "MappedOperator",
    "_PythonDecoratedOperator",
    "DecoratedMappedOperator",
    "_ShortCircuitDecoratedOperator",
    "AskPeople",
}


def arguments_of(task: Any) -> list[Any]:
    return [
        getattr(task, name, None) for name in ("op_args", "op_kwargs", "op_kwargs_expand_input")
    ]
