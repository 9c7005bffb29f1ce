"""The documented integration suite: seven checks of the documented calls on a real MLflow store.

``python tests/test_mlflow_integration.py`` prints a line a check, on the store that
``MLFLOW_TRACKING_URI`` names, else on one of its own that is thrown away. pytest collects the same
seven, against SQLite; ``make test-services`` runs them against an ``mlflow server`` too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

if __name__ == "__main__":  # run as a script, from a clone whose package was not installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.model_selection import train_test_split

from finrisk.monitoring.mlflow_tracker import (
    FinRiskMLflowTracker,
    FinRiskModelRegistry,
    log_credit_risk_model,
    log_fraud_detection_model,
    model_registry,
    register_model_to_production,
)

LINE = "=" * 60
X_COLUMNS = [f"feature_{number}" for number in range(8)]

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]


def frames(bad_share: float, seed: int) -> Frames:
    """Rows that a model can learn; what is bad also lies further out, for the detectors."""
    X, y = make_classification(
        n_samples=1200, n_features=8, n_informative=5, weights=[1 - bad_share], random_state=seed
    )
    X[y == 1] *= 2.5
    table = pd.DataFrame(X, columns=X_COLUMNS)
    return tuple(  # type: ignore[return-value]
        train_test_split(
            table, pd.Series(y, name="bad"), test_size=0.3, stratify=y, random_state=seed
        )
    )


def test_the_tracker_is_initialized() -> None:
    tracker = FinRiskMLflowTracker()

    assert tracker.experiment_id
    assert tracker.tracking_uri.startswith(("sqlite:///", "http", "postgresql"))


def test_the_registry_is_initialized() -> None:
    assert FinRiskModelRegistry().registry_uri


def test_a_credit_risk_experiment_is_logged() -> None:
    assert FinRiskMLflowTracker().compare_runs([_credit_run()])["auc"].iloc[0] > 0.7


def test_a_fraud_detection_experiment_is_logged() -> None:
    X_train, X_test, y_train, y_test = frames(0.05, seed=2)
    model = IsolationForest(random_state=2).fit(X_train)

    run_id = log_fraud_detection_model(
        model=model,
        model_name="isolation_forest",
        X_train=X_train,
        X_test=X_test,
        y_train=y_train,
        y_test=y_test,
        hyperparameters=model.get_params(),
        metrics={},
        anomaly_scores=model.score_samples(X_test),
        model_type="sklearn",
    )

    assert FinRiskMLflowTracker().compare_runs([run_id])["auc"].iloc[0] > 0.7


def test_a_model_is_registered() -> None:
    assert register_model_to_production(_credit_run(), own_name(), "the integration suite") == 1


def test_the_experiment_summary_is_retrieved() -> None:
    _credit_run()

    summary = FinRiskMLflowTracker().get_experiment_summary()

    assert summary["total_runs"] >= 1
    assert summary["model_types"]["credit_risk"] >= 1


def test_a_model_is_loaded() -> None:
    name = own_name()
    register_model_to_production(_credit_run(), name, "to be loaded")
    X_test = frames(0.3, seed=1)[1]

    predictions = model_registry.load_production_model(name).predict(X_test)

    assert set(np.unique(predictions)) <= {0, 1}
    assert len(predictions) == len(X_test)


def own_name() -> str:
    """A name nobody used: the store may have been here before."""
    return f"integration_{uuid4().hex[:8]}"


def _credit_run() -> str:
    X_train, X_test, y_train, y_test = frames(0.3, seed=1)
    model = RandomForestClassifier(n_estimators=30, min_samples_leaf=10, random_state=1)
    model.fit(X_train, y_train)
    return log_credit_risk_model(
        model=model,
        model_name="random_forest",
        X_train=X_train,
        X_test=X_test,
        y_train=y_train,
        y_test=y_test,
        hyperparameters=model.get_params(),
        metrics={},
        feature_importance=dict(zip(X_COLUMNS, model.feature_importances_, strict=True)),
        model_type="sklearn",
    )


CHECKS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("MLflow tracker initialized", test_the_tracker_is_initialized),
    ("Model registry initialized", test_the_registry_is_initialized),
    ("Credit risk experiment logged", test_a_credit_risk_experiment_is_logged),
    ("Fraud detection experiment logged", test_a_fraud_detection_experiment_is_logged),
    ("Model registered", test_a_model_is_registered),
    ("Experiment summary retrieved", test_the_experiment_summary_is_retrieved),
    ("Model loaded", test_a_model_is_loaded),
)


@pytest.fixture(autouse=True, scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store of this module's own, for the environment that the calls read."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setenv("FINRISK_HOME", folder)
        patch.chdir(folder)
        yield


def test_run_as_a_script_it_prints_the_documented_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main() == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == [LINE, "MLflow Integration Test Suite", LINE]
    assert printed[3:10] == [f"✓ {what} successfully" for what, _ in CHECKS]
    assert printed[10:] == [
        LINE,
        "Tests passed: 7/7",
        "Success rate: 100.0%",
        "✓ All tests passed! MLflow integration is working correctly.",
    ]


def test_a_check_that_fails_is_counted_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/no/such/place.db")

    assert main() == 1

    printed = capsys.readouterr().out
    assert "✗ Credit risk experiment logged: " in printed
    assert "Tests passed: 0/7" in printed or "Tests passed: 1/7" in printed


def main() -> int:
    """Run the checks in their order; return 0 if all passed."""
    print(LINE, "MLflow Integration Test Suite", LINE, sep="\n")
    passed = 0
    for what, check in CHECKS:
        try:
            check()
        except Exception as exc:  # noqa: BLE001 - one failing check must not hide the others
            print(f"✗ {what}: {type(exc).__name__}: {exc}")
        else:
            passed += 1
            print(f"✓ {what} successfully")
    print(LINE)
    print(f"Tests passed: {passed}/{len(CHECKS)}")
    print(f"Success rate: {100 * passed / len(CHECKS):.1f}%")
    if passed < len(CHECKS):
        print("✗ Some tests failed. `finrisk doctor` says what is wrong with the installation.")
        return 1
    print("✓ All tests passed! MLflow integration is working correctly.")
    return 0


@contextmanager
def thrown_away() -> Iterator[None]:
    """Let the script leave nothing behind where it was not told a store."""
    if "MLFLOW_TRACKING_URI" in os.environ:
        yield
        return
    with TemporaryDirectory(prefix="finrisk-integration-") as folder:
        os.environ["FINRISK_HOME"] = folder
        yield


if __name__ == "__main__":
    with thrown_away():
        sys.exit(main())
