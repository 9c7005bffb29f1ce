"""Airflow's scheduler with the steps' libraries loaded before it forks its workers.

The local executor forks a process for each task. What the parent has imported costs the child
nothing; otherwise every task of a night would spend seconds on pandas, MLflow and scikit-learn.
"""

from __future__ import annotations

import importlib
import sys

# The steps, and what they or their libraries load at first use only.
WANTED_BY_TASKS = (
    "finrisk.pipelines.steps",
    "great_expectations",
    "great_expectations.expectations",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
)


def main() -> None:
    """Load the libraries, then run ``airflow scheduler`` with the rest of the command line."""
    for module in WANTED_BY_TASKS:
        importlib.import_module(module)
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
