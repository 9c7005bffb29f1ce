"""Start the nights that alerts asked for and nobody has started yet.

Wiring only: the ledger is opened inside the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException

from finrisk_assets import rerun_asset
from finrisk_defaults import (
    FIRST_LENDER,
    Lender,
    drainer_of,
    lenders,
    of_tenant,
    settings_of,
)

if TYPE_CHECKING:
    from finrisk.records import JsonObject

OWNER = "finrisk"
EXPLAINED = """
# Nights that alerts asked for

An alert that may ask for a night is stored in the ledger first and started after. Whoever took it
starts it at once if it can; this Dag starts what a restart or an outage left, and what the monitors
ask for: when they report it, and every five minutes.

- Which alert may ask, how often and how many a day is decided where it is stored
  (`monitoring.reruns` of the spec), not here.
- A run's id belongs to its alert: started twice it is one run. One that is there already is
  **skipped** and noted as started.
- Nothing to start ends green: *start* is skipped.
- The night pays its look from the **reserve** of the error budget and says which alert asked.

`finrisk alerts list MODEL` shows what was asked and what became of it; docs/alerts.md the rest.
"""


class StartRun(TriggerDagRunOperator):
    """Start a Dag run with these params as they are: Airflow would fill in templates in them."""

    template_fields: Sequence[str] = ()


@task(multiple_outputs=False, execution_timeout=timedelta(minutes=5))
def waiting(models: list[str], tenant: str = "") -> list[JsonObject]:
    """List what was accepted and not started, of the models that have a Dag."""
    from finrisk.ledger.store import Ledger

    with Ledger.open(settings_of(tenant)) as ledger:
        found = [rerun.to_json() for rerun in ledger.pending_reruns() if rerun.model in models]
    return [rerun | {"tenant": tenant} for rerun in found] if tenant else found


def run_asked(rerun: JsonObject) -> JsonObject:
    """Return the arguments of the operator that starts an alert's run.

    Airflow keeps this function by its source, so that whose run it is has to travel in the record.
    """
    from finrisk.alerting.starting import run_of
    from finrisk.ledger.inbox import Rerun

    tenant = rerun.get("tenant", "")
    run = run_of(Rerun.from_json({k: v for k, v in rerun.items() if k != "tenant"}), tenant)
    return {"trigger_dag_id": run.dag_id, "trigger_run_id": run.run_id, "conf": run.conf}


@task(
    multiple_outputs=False,
    execution_timeout=timedelta(minutes=5),
    # some may have failed, or been there already: what counts is which runs there are
    trigger_rule="all_done",
)
def note(reruns: list[JsonObject], tenant: str = "") -> list[str]:
    """Note in the ledger which runs are there; fail if one is not."""
    from finrisk.alerting.starting import run_of
    from finrisk.ledger.inbox import Rerun
    from finrisk.ledger.store import Ledger

    instance: Any = get_current_context()["ti"]
    there: list[str] = []
    with Ledger.open(settings_of(tenant)) as ledger:
        for told in reruns:
            rerun = Rerun.from_json({k: v for k, v in told.items() if k != "tenant"})
            run = run_of(rerun, tenant)
            if instance.get_dr_count(dag_id=run.dag_id, run_ids=[run.run_id]):
                ledger.mark_started(rerun, datetime.now(UTC))
                there.append(run.run_id)
    if len(there) < len(reruns):
        raise AirflowFailException(
            f"{len(reruns) - len(there)} of {len(reruns)} runs were not started; they stay pending"
        )
    return there


def reruns_dag(models: list[str], lender: Lender = FIRST_LENDER) -> DAG:
    """Build the drainer over these models."""
    drainer = drainer_of(lender.name)
    with DAG(
        dag_id=drainer,
        description="Starts the nights that alerts asked for",
        doc_md=lender.explained(EXPLAINED),
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
            assets=rerun_asset(drainer),
        ),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=30),
        tags={"finrisk", "alerts", *lender.tags},
        default_args=lender.task_defaults(OWNER),
    ) as dag:
        # Any: mypy knows a task by what it returns, Airflow hands out a promise of it.
        reruns: Any = waiting(models, **of_tenant(lender))
        started = StartRun.partial(
            task_id="start",
            logical_date=None,
            skip_when_already_exists=True,
            wait_for_completion=False,
            execution_timeout=timedelta(minutes=5),
            map_index_template="{{ task.trigger_run_id }}",
        ).expand_kwargs(reruns.map(run_asked))
        started >> note(reruns, **of_tenant(lender))
    return dag


for _lender in lenders():
    reruns_dag(sorted(_lender.specs), _lender)
