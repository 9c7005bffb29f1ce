"""What FinRisk's Dags have in common: the models they are made for, and when a task tries again.

Airflow puts this folder on ``sys.path``, hence a name that no library has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from finrisk.errors import (
    ConfigurationError,
    DataError,
    IntegrityError,
    PromotionError,
)
from finrisk.specs.loader import first_of_each_name, sound_and_broken, spec_files
from finrisk.specs.model_spec import ModelSpec

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


def sound_specs(locations: Iterable[Path]) -> dict[str, ModelSpec]:
    """Return the specs that can be read, by name; ``broken_specs.py`` reports the others.

    One file at a time, because a Dag file that raises loses every Dag it had built: one broken
    spec would stop the nights of all models.
    """
    files = (path for location in locations for path in spec_files(location))
    sound, broken = sound_and_broken(files)
    for exc in broken.values():
        log.warning("no Dag: %s", exc)
    return first_of_each_name(sound)
