"""What a Dag file costs, in an interpreter of its own: sys.modules of the tests is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import DAGS, REPOSITORY

HEAVY = (
    "numpy",
    "pandas",
    "sklearn",
    "mlflow",
    "xgboost",
    "great_expectations",
    "skops",
    "pyarrow",
    "alembic",
    "matplotlib",
)
PARSE_SECONDS = 0.1
MOST_TRIES = 4

MEASURE = """
import json, runpy, sys, time
# What any Dag file makes Airflow load: its names are lazy, and so is the @task decorator.
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, task
import airflow.providers.standard.decorators.python
before = set(sys.modules)
began = time.process_time()
runpy.run_path(sys.argv[1])
seconds = time.process_time() - began
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


def measured(path: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_parses_quickly_and_loads_nothing_heavy(path: Path) -> None:
    run = measured(str(path))
    tries = 1
    while run["seconds"] > PARSE_SECONDS and tries < MOST_TRIES:  # a busy machine
        run, tries = measured(str(path)), tries + 1

    assert not {name for name in run["modules"] if name.split(".")[0] in HEAVY}
    assert run["seconds"] <= PARSE_SECONDS


def test_the_plugin_loads_nothing_heavy() -> None:
    run = measured(str(REPOSITORY / "plugins" / "finrisk_plugin.py"))

    assert not {name for name in run["modules"] if name.split(".")[0] in HEAVY}
