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
sys.path.append(os.path.dirname(sys.argv[1]))  # as Airflow does
# What any Dag file makes Airflow load: its names are lazy, and so is the @task decorator.
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, task
import airflow.providers.standard.decorators.python
before = set(sys.modules)
runpy.run_path(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def modules_loaded_by(path: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_loads_nothing_heavy(path: Path) -> None:
    loaded = modules_loaded_by(str(path))

    assert not {name for name in loaded if name.split(".")[0] in HEAVY}


def test_the_plugin_loads_nothing_heavy() -> None:
    loaded = modules_loaded_by(str(REPOSITORY / "plugins" / "finrisk_plugin.py"))

    assert not {name for name in loaded if name.split(".")[0] in HEAVY}
