"""One scoring Dag for every model spec: the champion decides what landed, and it is logged.

Wiring only: the step, and with it pandas and MLflow, is imported inside the task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import (
    DAG,
    Param,
    get_current_context,
    task,
)

from finrisk.names import qualified
from finrisk.specs.model_spec import ModelSpec
from finrisk_assets import decision_asset, decision_log_asset
from finrisk_connections import connection_address
from finrisk_defaults import (
    FIRST_LENDER,
    Lender,
    day,
    day_param,
    lenders,
    nightly,
    of_tenant,
    rooms_of,
)

if TYPE_CHECKING:
    from finrisk.records import JsonObject

CATCH_UP_DAYS = 35  # pipelines.new_days has the same, with its reason
MOST_DAYS = 366


@task(multiple_outputs=False, execution_timeout=timedelta(hours=2))
def score(model: str, tenant: str = "") -> JsonObject:
    """Score the days asked for, else those that are not decided yet; return the report."""
    from finrisk.pipelines.new_days import score_new_days

    context = get_current_context()
    params = context["params"]
    report = score_new_days(
        model,
        first=day(params["from_day"]),
        last=day(params["to_day"]),
        version=params["version"],
        catch_up_days=params["catch_up_days"],
        rooms=rooms_of(tenant, model),
        connections=connection_address,
    )
    event = context["outlet_events"][decision_log_asset(qualified(tenant, model))]
    event.extra = {"rows": report.logged, "version": report.version, "reason": report.reason}
    return report.to_json()


def form_of(spec: ModelSpec) -> dict[str, Param]:
    """Return the form a person fills in to have certain days scored."""
    passed = f"A day that has passed ({spec.schedule.timezone})."
    return {
        "from_day": day_param("From", f"First event day. {passed} Empty: what is not decided yet."),
        "to_day": day_param("To", f"Last event day. {passed} Empty: the one day of *From*."),
        "version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Version",
            description="Another than the champion, for these days. Its decisions are logged "
            f"without an epoch. `finrisk history {spec.name}` lists versions.",
        ),
        "catch_up_days": Param(
            CATCH_UP_DAYS,
            type="integer",
            minimum=1,
            maximum=MOST_DAYS,
            title="Catch up (days)",
            description="Without days asked for: none is older than this.",
        ),
    }


def _explained(spec: ModelSpec) -> str:
    return f"""
# {spec.title}: score what landed

The champion of `{spec.name}` scores the rows of each day that has passed, and every decision goes
into the decision log: version, epoch, score, decision at the cut-off, and the features that it was
made on. Row keys are in it as keyed hashes only. **Owner** {spec.owner}.

It starts when a night is decided, so that rows are scored after the night has held them to their
contract, and by the night's champion; and on the nights' own schedule, which makes up for nights
that fail. **A blocked night's days wait** until a night passes them.

- Run again, it has nothing to do: a day that a champion decided stays decided.
- After an outage it catches up, at most *Catch up* days.
- *From* and *To* score those days whatever a night says of them, also with another *Version*.
- No champion yet, or nothing new, ends green with its reason.

The same on the command line: `finrisk score {spec.name} --from DAY --to DAY --output FILE`.
"""


def scoring_dag(spec: ModelSpec, lender: Lender = FIRST_LENDER) -> DAG:
    """Build the scoring Dag of one model."""
    key = lender.named(spec.name)
    with DAG(
        dag_id=f"{key}_scoring",
        description=f"{spec.title}: score what landed, and log each decision",
        doc_md=lender.explained(_explained(spec)),
        schedule=nightly(spec, decision_asset(key)),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=3),
        params=form_of(spec),
        tags={"finrisk", "scoring", spec.model_type, *spec.tags, *lender.tags},
        default_args=lender.task_defaults(spec.owner),
    ) as dag:
        score.override(outlets=[decision_log_asset(key)])(model=spec.name, **of_tenant(lender))
    return dag


for _lender in lenders():
    for _spec in _lender.specs.values():
        scoring_dag(_spec, _lender)
