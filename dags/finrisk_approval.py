"""The task that asks people whether a PROMOTE may be carried out, and waits for one of them.

Airflow puts this folder on ``sys.path``, hence a name that no library has. Imported only for a
model whose policy names approvers.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from airflow.sdk.execution_time.hitl import HITLUser

from finrisk_defaults import LONGEST_REASON, SHORTEST_REASON, rooms_of
from finrisk_notices import tell_asked

if TYPE_CHECKING:
    from airflow.sdk import Context

    from finrisk.records import JsonObject

APPROVE, REJECT = "Approve", "Reject"
COMMENT = "comment"


class AskPeople(HITLOperator):
    """Ask the approvers of a night's PROMOTE; skipped where nobody has to be asked.

    It returns an ``Answer`` as JSON, whatever was answered and where nobody did: the task after it
    ends the night. Who started the night or this run of it is not among those who are asked.

    Parameters
    ----------
    decision : JsonObject
        The ``NightDecision``, from the task before.
    waits : timedelta
        How long; then the answer is *Reject*, by nobody.
    tenant : str
        Whose night it is; empty: the first lender's.
    """

    template_fields: Collection[str] = ("decision",)

    def __init__(
        self, *, decision: JsonObject, waits: timedelta, tenant: str = "", **kwargs: Any
    ) -> None:
        # Airflow hands the Dag's own params in: its form is of the run, and no part of this one
        comment = Param(
            None,
            # null: Airflow checks the empty form, too, whenever the task starts
            type=["null", "string"],
            minLength=SHORTEST_REASON,
            maxLength=LONGEST_REASON,
            title="Comment",
            description="Why; stored for good, with your name. An approval needs one.",
            source="task",
        )
        super().__init__(
            subject="May the challenger become champion?",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            response_timeout=waits,
            **kwargs | {"params": {COMMENT: comment}},
        )
        self.decision = decision
        self.tenant = tenant

    def execute(self, context: Context) -> Any:
        """Ask, and park the task until an answer or the time-out resumes it."""
        from finrisk.pipelines import steps
        from finrisk.records import NightDecision

        decision = NightDecision.from_json(self.decision)
        question = steps.ask(
            decision,
            _asked_by(context),
            rooms_of(self.tenant, decision.model),
            mlflow_ui=os.environ.get("MLFLOW_UI_URL", ""),
        )
        if question is None:
            raise AirflowSkipException("nobody is asked")
        self.subject, self.body = question.subject, question.body
        self.assigned_users = [HITLUser(id=who, name=who) for who in question.approvers]
        tell_asked(question, self._form(context), self.tenant)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> JsonObject:
        """Return what was answered.

        An approval without a comment fails this try, and the next one asks again.
        """
        from finrisk.records import Answer

        said = super().execute_complete(context, event)
        who = said["responded_by_user"] or {"id": "", "name": ""}
        answer = Answer(
            approved=said["chosen_options"] == [APPROVE] and bool(who["id"]),
            actor=who["id"],
            name=who["name"] or who["id"],
            comment=str(said["params_input"].get(COMMENT) or ""),
            asked_by=_asked_by(context),
            at=said["responded_at"],
        )
        if answer.approved and not answer.comment.strip():
            raise AirflowException(f"{answer.name} approved without a comment, and is asked again")
        return answer.to_json()

    def _form(self, context: Context) -> str:
        try:
            return self.generate_link_to_ui(task_instance=context["task_instance"])
        except ValueError:  # Airflow was not told its own address
            return ""


def _asked_by(context: Context) -> str:
    return context["dag_run"].triggering_user_name or ""
