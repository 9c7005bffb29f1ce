"""One monitoring Dag for every model spec: the champion is read for the day, and alarms ask.

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
from finrisk_assets import decision_log_asset, rerun_alias, rerun_asset
from finrisk_connections import connection_address
from finrisk_defaults import (
    FIRST_LENDER,
    Lender,
    day,
    day_param,
    drainer_of,
    lenders,
    nightly,
    of_tenant,
    rooms_of,
)

if TYPE_CHECKING:
    from finrisk.records import JsonObject


@task(multiple_outputs=False, execution_timeout=timedelta(hours=1))
def read(model: str, tenant: str = "") -> JsonObject:
    """Read the champion for the day, keep it, and let alarms ask; return the report."""
    from finrisk.pipelines.monitoring import monitor

    context = get_current_context()
    params = context["params"]
    report = monitor(
        model,
        as_of=day(params["as_of"]),
        asks=params["asks"],
        rooms=rooms_of(tenant, model),
        connections=connection_address,
    )
    if report.awaits_start:
        event = context["outlet_events"][rerun_alias(qualified(tenant, model))]
        event.add(
            rerun_asset(drainer_of(tenant)), extra={"model": model, "as_of": str(report.as_of)}
        )
    return report.replace(readings=()).to_json()  # they are in the ledger, and may be hundreds


def form_of(spec: ModelSpec) -> dict[str, Param]:
    """Return the form a person fills in to have a certain day read."""
    return {
        "as_of": day_param(
            "As of",
            "The day it pretends to be: decisions and labels of later days are not known. "
            f"Empty: today ({spec.schedule.timezone}).",
        ),
        "asks": Param(
            True,
            type="boolean",
            title="Alarms may ask",
            description="Off: an alarm tells, and asks for no night, whatever the spec says.",
        ),
    }


def _explained(spec: ModelSpec) -> str:
    asking = ", ".join(spec.monitoring.reruns.alarms) or "none"
    return f"""
# {spec.title}: watch the champion

Reads what the champion of `{spec.name}` decided, and how that ended, for one day: score and feature
drift, missing values, unseen categories, volume, calibration and performance on matured labels, an
estimate before they mature, slices, freshness. **Owner** {spec.owner}.

It starts when decisions are logged, and on the nights' own schedule, so that a day on which nobody
decided is read as well.

- What cannot be read is **unknown** and says why; it is never quiet.
- The same day read again takes the place of what was read.
- **An alarm may ask for a night**: {asking}. At most one a class of alarm in
  {spec.monitoring.reruns.cool_down_days} days; `finrisk_reruns` starts it.
- No champion yet ends green, all unknown.

Figures and pictures are in MLflow (run *monitoring*). The same on the command line:
`finrisk monitor {spec.name} --as-of DAY`; what each reading means: docs/monitoring.md.
"""


def monitoring_dag(spec: ModelSpec, lender: Lender = FIRST_LENDER) -> DAG:
    """Build the monitoring Dag of one model."""
    key = lender.named(spec.name)
    with DAG(
        dag_id=f"{key}_monitoring",
        description=f"{spec.title}: read the champion's decisions and how they ended",
        doc_md=lender.explained(_explained(spec)),
        schedule=nightly(spec, decision_log_asset(key)),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=2),
        params=form_of(spec),
        tags={"finrisk", "monitoring", spec.model_type, *spec.tags, *lender.tags},
        default_args=lender.task_defaults(spec.owner),
    ) as dag:
        read.override(outlets=[rerun_alias(key)])(model=spec.name, **of_tenant(lender))
    return dag


for _lender in lenders():
    for _spec in _lender.specs.values():
        monitoring_dag(_spec, _lender)
