"""Every hour: has the newest night that was due left a record? Red for the model that has none.

Wiring only: the ledger is opened inside the task.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

from finrisk_defaults import FIRST_LENDER, Lender, lenders, of_tenant, settings_of
from finrisk_notices import tell_missed, tell_news

if TYPE_CHECKING:
    from finrisk.records import JsonObject

OWNER = "finrisk"
EXPLAINED = """
# Is a night missing?

Every hour, one task a model compares the model's schedule with the nights in the ledger. A task is
**red** when the newest night that was due, its first slot and six hours of grace passed, has no
record, and no later night has one. It is **green** otherwise.

It is about records alone: a paused Dag, a scheduler that was down and nights that failed for good
all look the same here, and a change freeze does not matter, because frozen nights are recorded.

What to do: look at the runs of `<model>_retraining`. One night makes up for all that were missed,
for it decides on everything that matured until then. The same on the command line:
`finrisk missed MODEL`.
"""


@task(
    multiple_outputs=False,
    execution_timeout=timedelta(minutes=5),
    map_index_template="{{ task.op_kwargs['model'] }}",
)
def watch(model: str, tenant: str = "") -> JsonObject:
    """Fail with a sentence where the newest due night of a model has no record.

    People are told of it, and of whatever else is on record that they have not heard of.
    """
    from finrisk.pipelines.missed import missed_of, way_out

    found = missed_of(model, datetime.now(UTC), settings=settings_of(tenant))
    tell_news(model, tenant)
    if found.nights:
        remedy = way_out(model, found.due)
        tell_missed(model, found.scope, found.due, found.sentence, remedy, tenant)
        raise AirflowFailException(found.sentence)
    return found.to_json()


def night_watch_dag(models: Iterable[str], lender: Lender = FIRST_LENDER) -> DAG:
    """Build the watch over these models."""
    with DAG(
        dag_id=lender.named("night_watch") if lender.name else "finrisk_night_watch",
        description="Red where a night that was due has no record",
        doc_md=lender.explained(EXPLAINED),
        schedule=CronTriggerTimetable("0 * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=50),
        tags={"finrisk", "watch", *lender.tags},
        default_args=lender.task_defaults(OWNER),
    ) as dag:
        watch.partial(**of_tenant(lender)).expand(model=sorted(models))
    return dag


for _lender in lenders():
    night_watch_dag(_lender.specs, _lender)
