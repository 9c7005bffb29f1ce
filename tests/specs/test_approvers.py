"""Who may approve a promotion, and who is told: figures that change no night."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import good_document

ASKING = {"approval": "person", "approvers": ["anna", "ben"], "approval_timeout_hours": 8}


def spec(**gate: Any) -> ModelSpec:
    return ModelSpec.model_validate(good_document() | {"gate": gate})


def test_approvers_are_asked_for_most_of_a_day_unless_told_otherwise() -> None:
    asking = spec(approval="person", approvers=["anna"]).gate

    assert asking.approvers == ("anna",)
    assert asking.approval_timeout_hours == 20.0


def test_a_policy_may_ask_for_a_person_and_name_none() -> None:
    assert spec(approval="person").gate.approvers == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"approval": "automatic"}, "only with approval: person", id="never asked"),
        pytest.param({"approvers": ["anna", "anna"]}, "named twice", id="twice"),
        pytest.param({"approvers": [" "]}, "expected a user id", id="blank"),
        pytest.param({"approvers": ["anna "]}, "expected a user id", id="with a space"),
        pytest.param({"approvers": ["airflow"]}, "scheduled nights act under", id="airflow"),
        pytest.param({"approvers": ["risk"]}, "names the owner 'risk'", id="the owner"),
        pytest.param({"approval_timeout_hours": 0}, "greater than 0", id="no time"),
        pytest.param({"approval_timeout_hours": 169}, "less than or equal to 168", id="for ever"),
    ],
)
def test_a_policy_under_which_nobody_could_answer_is_refused(
    changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        spec(**ASKING | changes)


def test_another_approver_or_notice_is_no_reason_for_a_new_night() -> None:
    asking = spec(**ASKING)
    document = good_document() | {"gate": ASKING, "notices": {"held_nights": 7, "late_hours": 1}}

    assert asking.sha256 == spec(approval="person").sha256
    assert asking.sha256 == ModelSpec.model_validate(document).sha256
    assert asking.sha256 != spec().sha256, "whether a person is asked at all is part of the policy"


@pytest.mark.parametrize("notices", [{"held_nights": 0}, {"late_hours": 0}, {"held": 3}])
def test_figures_of_notices_that_make_no_sense_are_refused(notices: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModelSpec.model_validate(good_document() | {"notices": notices})
