"""One retraining Dag for every model spec: prepare → train (mapped) → decide → promote.

Where the policy names approvers, ``approve`` stands between decide and promote and asks them.

Wiring only. Airflow runs this file at every parse and every task start, so the steps, and with them
pandas and MLflow, are imported inside the tasks. Records of ``finrisk.records`` travel as JSON.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import (
    DAG,
    Param,
    get_current_context,
    task,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from finrisk.config import load_settings
from finrisk.names import qualified
from finrisk.specs.model_spec import ModelSpec
from finrisk_assets import (
    champion_alias,
    champion_asset,
    decision_asset,
    landing_asset,
    snapshot_asset,
)
from finrisk_connections import connection_address
from finrisk_defaults import (
    FIRST_LENDER,
    LONGEST_REASON,
    Lender,
    day_param,
    lenders,
    nightly,
    of_tenant,
    rooms_of,
)
from finrisk_notices import tell_failed, tell_late, tell_news

if TYPE_CHECKING:
    from airflow.sdk import Context

    from finrisk.records import JsonObject, NightRequest

# XCom key of the PreparedNight: the return value has to be the list that train is mapped over.
NIGHT = "night"
DRAINED = "operator_triggered"  # by finrisk_reruns, or another Dag
ASKED_BY_A_PERSON = frozenset({"manual", DRAINED})
LOOKS = ("scheduled", "reserve")
ALERT_RUN = "alert__"  # ledger.inbox.run_id_of


def night_of(
    asked: str | None, logical_date: datetime | None, run_after: datetime, timezone: str
) -> date:
    """Return the day a Dag run decides: as asked, else its logical date, else when it was due.

    Scheduled and backfilled runs have a logical date, asset-triggered runs never, manual ones when
    the person gave one. A moment is floored to a day in the spec's time zone.

    Examples
    --------
    >>> from datetime import UTC
    >>> due = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    >>> night_of(None, None, due, "Europe/Madrid")
    datetime.date(2025, 3, 2)
    >>> night_of("2024-12-31", None, due, "Europe/Madrid")
    datetime.date(2024, 12, 31)
    """
    if asked:
        return date.fromisoformat(asked)
    return (logical_date or run_after).astimezone(ZoneInfo(timezone)).date()


def request_of(context: Context, model: str, timezone: str) -> NightRequest:
    """Translate a Dag run and its params into a request of one night."""
    from finrisk.records import LookKind, NightRequest

    run, params = context["dag_run"], context["params"]
    # as it is: the text of a task's own enum is "DagRunType.MANUAL", which is no word of ours
    by_person = run.run_type in ASKED_BY_A_PERSON
    return NightRequest(
        model=model,
        as_of=night_of(params["as_of"], run.logical_date, run.run_after, timezone),
        look=LookKind(params["look"]) if by_person else LookKind.SCHEDULED,
        dry_run=params["dry_run"],
        candidates=tuple(params["candidates"]),
        reason=params["reason"] or "",
        actor=actor_of(run.run_id, run.run_type, run.triggering_user_name),
        dag_run=run.run_id,
    )


def actor_of(run_id: str, run_type: str, user: str | None) -> str:
    """Return who acts in a run: who triggered it, the alert that asked for it, or Airflow.

    A run that the drainer started names who started the drainer, who asked for nothing.

    Examples
    --------
    >>> alerts = "alert__FinRiskScoreDrift__20260301T023000__4f1c4f1c"
    >>> actor_of(alerts, "operator_triggered", "anna"), actor_of(alerts, "manual", "anna")
    ('alert', 'anna')
    >>> actor_of("scheduled__2026-03-01T02:00:00+00:00", "scheduled", None)
    'airflow'
    """
    asked = run_id.startswith(ALERT_RUN)
    if user and not (asked and run_type == DRAINED):
        return user
    return "alert" if asked else "airflow"


@task(multiple_outputs=False, execution_timeout=timedelta(minutes=30))
def prepare(model: str, timezone: str, tenant: str = "") -> list[str]:
    """Validate and freeze the night's rows; return the candidates to train, none if not ready."""
    from finrisk.pipelines import steps

    context = get_current_context()
    request, rooms = request_of(context, model, timezone), rooms_of(tenant, model)
    prepared = steps.prepare(request, rooms, connections=connection_address)
    context["ti"].xcom_push(key=NIGHT, value=prepared.to_json())
    context["outlet_events"][snapshot_asset(qualified(tenant, model))].extra = {
        "status": prepared.status
    }
    return list(prepared.candidates)


@task(
    multiple_outputs=False,
    execution_timeout=timedelta(hours=2),
    map_index_template="{{ task.op_kwargs['candidate'] }}",
)
def train(night: JsonObject, candidate: str, tenant: str = "") -> JsonObject:
    """Fit and log one candidate."""
    from finrisk.pipelines import steps
    from finrisk.records import PreparedNight

    prepared = PreparedNight.from_json(night)
    return steps.train(prepared, candidate, rooms_of(tenant, prepared.request.model)).to_json()


@task(multiple_outputs=False, execution_timeout=timedelta(minutes=30), trigger_rule="none_failed")
def decide(night: JsonObject, trained: list[JsonObject], tenant: str = "") -> JsonObject:
    """Judge the best candidate against the champion; without candidates the night records HOLD."""
    from finrisk.pipelines import steps
    from finrisk.records import PreparedNight, TrainedCandidate

    candidates = [TrainedCandidate.from_json(one) for one in trained or ()]
    prepared = PreparedNight.from_json(night)
    return steps.decide(prepared, candidates, rooms_of(tenant, prepared.request.model)).to_json()


@task(multiple_outputs=False, execution_timeout=timedelta(minutes=10))
def promote(
    model: str, decision: JsonObject, answer: JsonObject | None = None, tenant: str = ""
) -> JsonObject:
    """Make the challenger champion if it may be, project the alias and report the night."""
    from finrisk.pipelines import steps
    from finrisk.records import Answer, Decision, NightDecision

    said = None if answer is None else Answer.from_json(answer)
    rooms = rooms_of(tenant, model)
    ended = steps.promote(NightDecision.from_json(decision), rooms, answer=said)
    events = get_current_context()["outlet_events"]
    key = qualified(tenant, model)
    events[decision_asset(key)].extra = {"decision": ended.decision, "as_of": str(ended.as_of)}
    if ended.decision is Decision.PROMOTE and not ended.dry_run:
        events[champion_alias(key)].add(champion_asset(key))
    tell_news(model, tenant)
    return ended.to_json()


def form_of(spec: ModelSpec) -> dict[str, Param]:
    """Return the form a person fills in to trigger a night by hand."""
    names = [candidate.name for candidate in spec.candidates]
    return {
        "as_of": day_param(
            "As of",
            "The day the night pretends it is. Empty: the run's logical date, or today "
            f"({spec.schedule.timezone}).",
        ),
        "candidates": Param(
            names,
            type="array",
            items={"type": "string", "enum": names},
            examples=names,
            minItems=1,
            uniqueItems=True,
            title="Candidates",
            description="The estimators that ask to become the challenger.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Train and log, but look at no hold-out and promote nothing.",
        ),
        "look": Param(
            "reserve",
            type="string",
            enum=list(LOOKS),
            title="Look paid from",
            description_md=_look_explained(spec),
        ),
        "reason": Param(
            "",
            type=["null", "string"],
            maxLength=LONGEST_REASON,
            title="Reason",
            description="Why this run; stored with the decision.",
        ),
    }


def _look_explained(spec: ModelSpec) -> str:
    budget = spec.gate.error_budget
    return (
        "Each comparison with the champion spends part of the year's error budget "
        f"(α = {budget.alpha_year:g}), because enough comparisons promote anything. "
        f"**reserve**: one of {budget.reserve_looks_per_year} a year, for reruns by hand. "
        f"**scheduled**: the night's own, one of {budget.looks_per_year} a year; choose it to make "
        "up for a night that did not run. A night is paid for once, however often it is rerun."
    )


def _explained(spec: ModelSpec) -> str:
    asked = ((name, value) for name, value in spec.gate.floors if value is not None)
    floors = ", ".join(f"{name} ≥ {value:g}" for name, value in asked)
    return f"""
# {spec.title}

{spec.description}

**Owner** {spec.owner} · **registered as** `{spec.registered_name}` · **candidates**
{", ".join(f"`{candidate.name}`" for candidate in spec.candidates)}

| task | what it does |
|---|---|
| prepare | validates what landed against the contract, freezes the matured rows |
| train | one a candidate: searches, fits, calibrates, logs to MLflow |
| decide | scores challenger and champion on the same hold-out, asks the gate |
{_asking(spec)}| promote | promotes if the gate says so, projects the alias, reports the night |

A blocked, empty or unchanged night trains nothing and records **HOLD**; the champion stays.
A first champion needs {floors}; a later one must beat the champion under the year's error budget.
A task's link *MLflow run* leads to its figures; `finrisk history {spec.name}` lists the nights.
"""


def _asking(spec: ModelSpec) -> str:
    if not spec.gate.approvers:
        return ""
    people = ", ".join(f"`{person}`" for person in spec.gate.approvers)
    hours = spec.gate.approval_timeout_hours
    return f"| approve | asks {people} before a promotion; no answer within {hours:g} h is HOLD |\n"


def waiting_for_people(spec: ModelSpec) -> timedelta:
    """Return how long a night may wait for a person; nothing where nobody is asked."""
    asks = bool(spec.gate.approvers)
    return timedelta(hours=spec.gate.approval_timeout_hours) if asks else timedelta()


def telling_people(spec: ModelSpec, lender: Lender) -> dict[str, Any]:
    """Return the Dag's arguments that tell people of a run that failed, or is late.

    None where nobody is named to be told: ``dag.test()`` of Airflow 3.3 runs no Dag that has a
    deadline.
    """
    if not lender.notified:
        return {}
    told = partial(tell_failed, spec.name, tenant=lender.name)
    return {"on_failure_callback": told, "deadline": lateness(spec, lender)}


def lateness(spec: ModelSpec, lender: Lender = FIRST_LENDER) -> DeadlineAlert:
    """Return the deadline of a run: some hours after it was queued it should have ended.

    The callback runs where tasks do: the triggerer, which runs asynchronous ones, cannot import
    from this folder.
    """
    late = timedelta(hours=spec.notices.late_hours) + waiting_for_people(spec)
    hours = round(late.total_seconds() / 3600, 2)
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=late,
        callback=SyncCallback(
            tell_late, kwargs={"model": spec.name, "hours": hours} | of_tenant(lender)
        ),
        name=f"{lender.named(spec.name)} is late",
    )


def retraining_dag(spec: ModelSpec, lender: Lender = FIRST_LENDER) -> DAG:
    """Build the retraining Dag of one model."""
    key = lender.named(spec.name)
    with DAG(
        dag_id=f"{key}_retraining",
        description=f"{spec.title}: retrain, and promote on evidence",
        doc_md=lender.explained(_explained(spec)),
        schedule=nightly(spec, landing_asset(key)),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=6) + waiting_for_people(spec),
        **telling_people(spec, lender),
        params=form_of(spec),
        tags={"finrisk", "retraining", spec.model_type, *spec.tags, *lender.tags},
        default_args=lender.task_defaults(spec.owner),
    ) as dag:
        # Any: mypy knows a task by what it returns, Airflow hands out a promise of it.
        candidates: Any = prepare.override(outlets=[snapshot_asset(key)])(
            model=spec.name, timezone=spec.schedule.timezone, **of_tenant(lender)
        )
        night = candidates[NIGHT]
        queue = load_settings().training_queue or None  # workers of their own, where there are some
        training = train.override(queue=queue) if queue else train
        trained: Any = training.partial(night=night, **of_tenant(lender)).expand(
            candidate=candidates
        )
        decision: Any = decide(night=night, trained=trained, **of_tenant(lender))
        outlets = [decision_asset(key), champion_alias(key)]
        if not spec.gate.approvers:
            promote.override(outlets=outlets)(
                model=spec.name, decision=decision, **of_tenant(lender)
            )
            return dag
        from finrisk_approval import AskPeople

        asked: Any = AskPeople(
            task_id="approve",
            decision=decision,
            tenant=lender.name,
            waits=waiting_for_people(spec),
            execution_timeout=timedelta(minutes=10),
        )
        promote.override(outlets=outlets, trigger_rule="none_failed")(
            model=spec.name, decision=decision, answer=asked.output, **of_tenant(lender)
        )
    return dag


for _lender in lenders():
    for _spec in _lender.specs.values():
        retraining_dag(_spec, _lender)
