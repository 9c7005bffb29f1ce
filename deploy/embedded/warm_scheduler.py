"""Airflow's scheduler with the steps' libraries loaded before it forks its workers.

The local executor forks a process for each task. What the parent has imported costs the child
nothing; otherwise every task of a night would spend seconds on pandas, MLflow and scikit-learn.
"""

from __future__ import annotations

import sys

import finrisk.pipelines.steps  # noqa: F401 - loaded for the forks


def main() -> None:
    """Run ``airflow scheduler`` with the rest of the command line."""
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
