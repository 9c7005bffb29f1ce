"""One Airflow of the tests' own: home, database and configuration exist before Airflow is imported.

Airflow reads its environment at its first import, and would write into the person's home.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = REPOSITORY / "dags"
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="finrisk-airflow-"))

sys.path.append(str(DAGS))  # as Airflow does: the Dag files import each other
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME}/airflow.db",
    "AIRFLOW__API_AUTH__JWT_SECRET": "of the tests " * 6,
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> Iterator[None]:
    """Migrate the database once; it costs two seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own imports
        from airflow.utils.db import initdb

        initdb()
    yield
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)
