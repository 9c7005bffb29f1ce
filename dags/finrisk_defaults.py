"""What FinRisk's Dags have in common: the models they are made for, and when a task tries again.

Airflow puts this folder on ``sys.path``, hence a name that no library has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from finrisk.config import Settings, load_settings
from finrisk.errors import (
    ConfigurationError,
    DataError,
    IntegrityError,
    PromotionError,
)
from finrisk.names import qualified
from finrisk.specs.model_spec import ModelSpec
from finrisk.tenants import Tenant, tenants_of

if TYPE_CHECKING:
    from finrisk.pipelines.rooms import Rooms

log = logging.getLogger(__name__)

SHORTEST_REASON = 10
LONGEST_REASON = 500

# A second try helps against a server that does not answer, not against what the program was told,
# what landed, bytes that do not verify, or a champion that changed meanwhile.
RETRY_ONLY_WHAT_MAY_PASS = ExceptionRetryPolicy(
    [
        RetryRule(
            [ConfigurationError, DataError, IntegrityError, PromotionError],
            action=RetryAction.FAIL,
            reason="the same inputs fail again; see the error for the remedy",
        )
    ]
)


@dataclass(frozen=True, slots=True)
class Lender:
    """Whose Dags are made.

    Parameters
    ----------
    name : str
        A tenant's; empty of the first lender, whose Dags are named by their models alone.
    pool : str
        Airflow's pool of its tasks; empty: the default one.
    specs : dict of str to ModelSpec
        Its sound specs, by model.
    """

    name: str = ""
    title: str = ""
    pool: str = ""
    notified: bool = False
    specs: dict[str, ModelSpec] = field(default_factory=dict)

    @property
    def tags(self) -> set[str]:
        """What its Dags are found by."""
        return {f"tenant:{self.name}"} if self.name else set()

    def named(self, what: str) -> str:
        """Return what is called so among all lenders: a Dag, or a model's assets."""
        return qualified(self.name, what)

    def explained(self, text: str) -> str:
        """Say whose Dag it is, before what it does."""
        if not self.name:
            return text
        told = (
            f"**Tenant {self.title}**: on the command line `FINRISK_TENANT={self.name} finrisk …`"
        )
        return f"{told}\n{text}"

    def task_defaults(self, owner: str) -> dict[str, Any]:
        """Return the default arguments of a Dag's tasks: whose they are, how they are retried."""
        return task_defaults(owner) | ({"pool": self.pool} if self.pool else {})


FIRST_LENDER = Lender()


def of_tenant(lender: Lender) -> dict[str, Any]:
    """Return the argument by which a task knows whose it is; none in the first lender's."""
    return {"tenant": lender.name} if lender.name else {}


def lenders() -> Iterator[Lender]:
    """Yield whose Dags there are to make; ``broken_specs.py`` reports what is left out.

    One file at a time, because a Dag file that raises loses every Dag it had built: one broken
    spec would stop the nights of all models, and of all tenants.
    """
    for tenant in tenants_of(load_settings()):
        if tenant.trouble is not None:  # it may name the pool that keeps it out of others' way
            log.warning("no Dag of %s: %s", tenant.name, tenant.trouble)
            continue
        yield _lender(tenant)


def _lender(tenant: Tenant) -> Lender:
    sound, wrong = tenant.specs()
    for exc in wrong:
        log.warning("no Dag: %s", exc)
    return Lender(tenant.name, tenant.title, tenant.file.pool, bool(tenant.channels), sound)


def drainer_of(tenant: str) -> str:
    """Return the Dag that starts the nights which alerts asked a lender for."""
    return qualified(tenant, "reruns") if tenant else "finrisk_reruns"


def settings_of(tenant: str) -> Settings:
    """Return the settings of the lender whose task this is."""
    return load_settings().of_tenant(tenant)


def rooms_of(tenant: str, model: str) -> Rooms | None:
    """Open a tenant's rooms for a task: its specs, scope, store, and its own connections.

    None for the first lender, whose rooms the steps open by themselves.
    """
    if not tenant:
        return None
    from finrisk.pipelines.rooms import Rooms
    from finrisk_connections import connection_address

    return Rooms.open(model, settings_of(tenant), connection_address)


def task_defaults(owner: str) -> dict[str, Any]:
    """Return the default arguments of a Dag's tasks: whose they are, and how they are retried."""
    return {
        "owner": owner,
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": RETRY_ONLY_WHAT_MAY_PASS,
    }


def nightly(spec: ModelSpec, asset: Asset) -> AssetOrTimeSchedule:
    """Return the schedule of a model's Dag: each night, and whenever the asset is reported."""
    return AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(
            spec.schedule.cron,
            timezone=spec.schedule.timezone,
            # No start_date: a Dag that first appears waits for its next slot instead of running
            # the last one at once. The grace keeps a slot that passes between two parses.
            run_immediately=timedelta(minutes=15),
        ),
        assets=asset,
    )


def day_param(title: str, description: str) -> Param:
    """Return a field of a form for a day, which may stay empty."""
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def day(asked: str | None) -> date | None:
    """Return a day of the form; None where it was left empty."""
    return date.fromisoformat(asked) if asked else None
