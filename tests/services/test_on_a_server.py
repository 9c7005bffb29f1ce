"""The documented calls on a real ``mlflow server``; ``make test-services`` starts one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from finrisk.config import load_settings
from finrisk.monitoring.mlflow_tracker import (
    HoldWarning,
    log_credit_risk_model,
    log_fraud_detection_model,
    mlflow_tracker,
    model_registry,
    register_model_to_production,
)
from finrisk.setting_up import initialise
from tests.monitoring.factories import CLASSIFIERS, DETECTORS, arguments, fitted, frames
from tests.services.stores import SERVER, served_environment

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not SERVER, reason="TEST_MLFLOW_URL names no mlflow server")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose runs and versions go to the server, and its ledger to PostgreSQL if given."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINRISK_HOME", str(folder))
        for variable, value in served_environment().items():
            patch.setenv(variable, value)
        initialise(load_settings())
        yield folder


@pytest.mark.parametrize("algorithm", [*CLASSIFIERS, *DETECTORS])
def test_each_algorithm_is_logged_registered_promoted_and_loaded(
    home: Path, algorithm: str
) -> None:
    log = log_fraud_detection_model if algorithm in DETECTORS else log_credit_risk_model
    X_test = frames()[1]

    version = register_model_to_production(log(**arguments(algorithm)), f"{algorithm}_served")

    loaded = model_registry.load_production_model(f"{algorithm}_served")
    assert version == 1
    assert np.array_equal(loaded.predict(X_test), fitted(algorithm).predict(X_test))


def test_a_second_version_waits_for_evidence(home: Path) -> None:
    register_model_to_production(log_credit_risk_model(**arguments("xgboost")), "waiting")
    other = log_credit_risk_model(**arguments("random_forest"))

    with pytest.warns(HoldWarning):
        version = register_model_to_production(other, "waiting")

    assert version == 2
    assert model_registry.register_model(other, "waiting") == 2
    assert model_registry.load_production_model("waiting").algorithm == "xgboost"


def test_runs_are_counted_and_compared(home: Path) -> None:
    run_id = log_credit_risk_model(**arguments("xgboost"))

    summary = mlflow_tracker.get_experiment_summary()

    assert summary["model_types"]["credit_risk"] >= 1
    assert summary["latest_runs"][0]["run_id"] == run_id
    assert mlflow_tracker.compare_runs([run_id], ["auc"])["auc"].iloc[0] > 0.7


def test_the_integration_suite_passes(tmp_path: Path) -> None:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("FINRISK_", "MLFLOW_"))}
    environment = {**inherited, "MLFLOW_TRACKING_URI": SERVER, "FINRISK_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "tests/test_mlflow_integration.py"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tests passed: 7/7\nSuccess rate: 100.0%" in done.stdout
