"""One rollback Dag for every model spec: a form that brings an earlier champion back.

Wiring only: the step, and with it MLflow, is imported inside the task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, get_current_context, task

from finrisk.names import qualified
from finrisk.specs.model_spec import ModelSpec
from finrisk_assets import champion_alias, champion_asset
from finrisk_defaults import (
    FIRST_LENDER,
    LONGEST_REASON,
    SHORTEST_REASON,
    Lender,
    lenders,
    of_tenant,
    rooms_of,
)
from finrisk_notices import tell_news

if TYPE_CHECKING:
    from finrisk.records import JsonObject


@task(multiple_outputs=False, execution_timeout=timedelta(minutes=10))
def roll_back(model: str, tenant: str = "") -> JsonObject:
    """Make the earlier version champion, in the name of whoever filled in the form."""
    from finrisk.pipelines import steps

    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    link = steps.roll_back(
        model,
        params["to_version"],
        params["reason"],
        run.triggering_user_name or "airflow",
        # a retry, or a task that somebody clears, is the same request and goes no version further
        request_id=run.run_id,
        rooms=rooms_of(tenant, model),
    )
    key = qualified(tenant, model)
    context["outlet_events"][champion_alias(key)].add(champion_asset(key))
    tell_news(model, tenant)
    return link.to_json()


def form_of(spec: ModelSpec) -> dict[str, Param]:
    """Return the form a person fills in to roll a model back."""
    return {
        "to_version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="To version",
            description="A version that was champion before. Empty: the predecessor. "
            f"`finrisk history {spec.name}` lists them.",
        ),
        "reason": Param(
            type="string",
            minLength=SHORTEST_REASON,
            maxLength=LONGEST_REASON,
            pattern=r"\S",
            title="Reason",
            description="Why; stored for good, with your name.",
        ),
    }


def _explained(spec: ModelSpec) -> str:
    return f"""
# {spec.title}: roll back

Makes an earlier champion of `{spec.name}` champion again, at once. **Owner** {spec.owner}.

It needs no evidence, only a version that was champion before and whose artifact still verifies:
signature, digests and golden scores are checked first. It passes a change freeze. Trigger it with
the form; the person who does is recorded as the one who decided.

- *To version* empty means the champion's predecessor. If that one does not verify, the error names
  the next that does; nothing else is taken in its place.
- A refusal leaves the champion as it is, fails the task at once and is not tried again.
- A retry of the task is the same request: it goes no further version back.

Nights go on: the next one judges its challenger against the champion that was brought back.
The same on the command line: `finrisk rollback {spec.name} --reason WHY [--to VERSION]`.
"""


def rollback_dag(spec: ModelSpec, lender: Lender = FIRST_LENDER) -> DAG:
    """Build the rollback Dag of one model."""
    key = lender.named(spec.name)
    with DAG(
        dag_id=f"{key}_rollback",
        description=f"{spec.title}: bring an earlier champion back",
        doc_md=lender.explained(_explained(spec)),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=1),
        params=form_of(spec),
        tags={"finrisk", "rollback", spec.model_type, *spec.tags, *lender.tags},
        default_args=lender.task_defaults(spec.owner),
    ) as dag:
        roll_back.override(outlets=[champion_alias(key)])(model=spec.name, **of_tenant(lender))
    return dag


for _lender in lenders():
    for _spec in _lender.specs.values():
        rollback_dag(_spec, _lender)
