"""What every test needs before it: nothing of the developer's own settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# skops looks every public name up in every module that is loaded; Airflow answers some of them
# with a deprecation warning, which is an error here. So skops comes first.
import skops.io  # noqa: F401

for _name in list(os.environ):
    if _name.startswith(("FINRISK_", "MLFLOW_")):
        del os.environ[_name]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

import mlflow.store.db.utils  # noqa: E402

from finrisk.data import gx_adapter  # noqa: E402
from tests.made_once import judging_once, making_once  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    of_the_run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_the_run = of_the_run.parent
    kept = of_the_run / "made_once"
    kept.mkdir(exist_ok=True)
    tables = mlflow.store.db.utils
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gx_adapter, "_run", judging_once(gx_adapter._run, kept))
        patch.setattr(tables, "_initialize_tables", making_once(tables._initialize_tables, kept))
        yield
