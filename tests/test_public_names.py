"""The documented names, their arguments and their defaults: a change here breaks users."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.monitoring import mlflow_tracker

FRAMES = ("model", "model_name", "X_train", "X_test", "y_train", "y_test")


@pytest.mark.parametrize(
    "name",
    [
        "FinRiskMLflowTracker",
        "FinRiskModelRegistry",
        "log_credit_risk_model",
        "log_fraud_detection_model",
        "mlflow_tracker",
        "model_registry",
        "register_model_to_production",
    ],
)
def test_a_documented_name_is_there(name: str) -> None:
    assert name in mlflow_tracker.__all__
    assert getattr(mlflow_tracker, name)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (
            "log_credit_risk_model",
            (*FRAMES, "hyperparameters", "metrics", "feature_importance", "model_type"),
        ),
        (
            "log_fraud_detection_model",
            (*FRAMES, "hyperparameters", "metrics", "anomaly_scores", "model_type"),
        ),
        ("register_model_to_production", ("run_id", "model_name", "description")),
    ],
)
def test_a_documented_call_takes_its_documented_arguments_in_order(
    call: str, arguments: tuple[str, ...]
) -> None:
    signature = inspect.signature(getattr(mlflow_tracker, call))

    assert tuple(signature.parameters) == arguments


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("register_model", ("run_id", "model_name", "model_path", "description")),
        ("promote_model", ("model_name", "version", "stage")),
        ("load_production_model", ("model_name",)),
    ],
)
def test_the_registry_takes_its_documented_arguments_in_order(
    method: str, arguments: tuple[str, ...]
) -> None:
    parameters = inspect.signature(getattr(mlflow_tracker.model_registry, method)).parameters
    by_position = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert tuple(by_position) == arguments


@pytest.mark.parametrize("method", ["get_experiment_summary", "compare_runs"])
def test_the_tracker_answers_without_arguments(method: str) -> None:
    parameters = inspect.signature(getattr(mlflow_tracker.mlflow_tracker, method)).parameters

    assert all(p.default is not p.empty for p in parameters.values())


def test_the_documented_defaults(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert settings.registry_uri == settings.tracking_uri
    assert settings.experiment_name == "finrisk-experiments"
