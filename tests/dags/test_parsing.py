"""What a Dag file loads, in an interpreter of its own: sys.modules of the tests is full.

What it costs is measured by ``benchmarks/parse_and_log.py``: a timed test fails on a busy machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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

MEASURE = """
import json, os, runpy, sys
# What any Dag file makes Airflow load: its names are lazy, and so is the @task decorator.
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, task
import airflow.providers.standard.decorators.python
before = set(sys.modules)
for path in sys.argv[1:]:
    told, tells = os.pipe()
    if not os.fork():  # each file is loaded where no other was
        sys.path.append(os.path.dirname(path))  # as Airflow does
        runpy.run_path(path)
        os.write(tells, json.dumps([path, sorted(set(sys.modules) - before)]).encode())
        os._exit(0)
    os.close(tells)
    print(os.fdopen(told).read())
"""
FILES = (*sorted(DAGS.glob("*.py")), REPOSITORY / "plugins" / "finrisk_plugin.py")


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, FILES)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    told = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    return {Path(path).name: set(modules) for path, modules in told.items()}


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_a_dag_file_and_the_plugin_load_nothing_heavy(
    name: str, loaded: dict[str, set[str]]
) -> None:
    assert not {module for module in loaded[name] if module.split(".")[0] in HEAVY}
