"""What FinRisk's Dags have in common: the models they are made for, and when a task tries again.

Airflow puts this folder on ``sys.path``, hence a name that no library has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from finrisk.errors import (
    ConfigurationError,
    DataError,
    IntegrityError,
    PromotionError,
    SpecError,
)
from finrisk.specs.loader import load_spec
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


def sound_specs(locations: Iterable[Path]) -> dict[str, ModelSpec]:
    """Return the specs that can be read, by name; ``broken_specs.py`` reports the others.

    One file at a time, because a Dag file that raises loses every Dag it had built: one broken
    spec would stop the nights of all models.
    """
    specs: dict[str, ModelSpec] = {}
    for location in locations:
        for path in sorted(location.glob("*.y*ml")) if location.is_dir() else [location]:
            try:
                spec = load_spec(path)
            except SpecError as exc:
                log.warning("no Dag: %s", exc)
            else:
                specs.setdefault(spec.name, spec)
    return specs
