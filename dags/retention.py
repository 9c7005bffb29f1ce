"""Every Sunday: old things that nobody needs go, one task a model. Wiring only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from finrisk_defaults import FIRST_LENDER, Lender, lenders, of_tenant, settings_of

if TYPE_CHECKING:
    from finrisk.records import JsonObject

OWNER = "finrisk"
KEEP_DAYS = 90
FEWEST_DAYS = 7
MOST_DAYS = 3650
EXPLAINED = """
# What is old and not needed goes

Once a week, one task a model removes what is older than **keep_days** days: candidates that were
never registered, or registered and named by nothing, with their MLflow runs, logged models and
files; snapshots that nothing names; Data Docs, quarantined rows and quality pages of old nights;
decisions whose labels have been known for as long.

Never: a version that is or was champion in any scope, that evidence or a look names, or that an
alias shows; the snapshots those were fitted and judged on; the newest night's; anything of another
model, or logged by hand. What cannot be told stays. No row of the ledger is removed.

A task returns what went, how many bytes, and what stays for which reason. Trigger it with
**dry_run** to see that first. The same on the command line: `finrisk gc MODEL --dry-run`.
"""


@task(
    multiple_outputs=False,
    execution_timeout=timedelta(hours=1),
    max_active_tis_per_dagrun=1,
    map_index_template="{{ task.op_kwargs['model'] }}",
)
def collect(model: str, tenant: str = "") -> JsonObject:
    """Remove what is old and not needed of one model; return the report."""
    from finrisk.pipelines.retention import collect_model

    params = get_current_context()["params"]
    report = collect_model(
        model,
        keep_days=params["keep_days"],
        dry_run=params["dry_run"],
        settings=settings_of(tenant),
    )
    return report.to_json()


def retention_dag(models: Iterable[str], lender: Lender = FIRST_LENDER) -> DAG:
    """Build the weekly removal for these models."""
    with DAG(
        dag_id=lender.named("retention") if lender.name else "finrisk_retention",
        description="Remove old candidates, snapshots and pages that nobody needs",
        doc_md=lender.explained(EXPLAINED),
        schedule=CronTriggerTimetable("0 5 * * 0", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=6),
        params={
            "keep_days": Param(
                KEEP_DAYS,
                type="integer",
                minimum=FEWEST_DAYS,
                maximum=MOST_DAYS,
                title="Keep (days)",
                description="What is younger stays.",
            ),
            "dry_run": Param(
                False,
                type="boolean",
                title="Dry run",
                description="Report what would go, and remove nothing.",
            ),
        },
        tags={"finrisk", "retention", *lender.tags},
        default_args=lender.task_defaults(OWNER),
    ) as dag:
        collect.partial(**of_tenant(lender)).expand(model=sorted(models))
    return dag


for _lender in lenders():
    retention_dag(_lender.specs, _lender)
