"""The documented front door: log a model you fitted, register it, bring it to Production, load it.

>>> from finrisk.monitoring.mlflow_tracker import model_registry, register_model_to_production

Importing this reads no environment and opens nothing; the first call does. ``docs/tracking-api.md``
shows every call in use.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from finrisk.errors import PromotionError
from finrisk.monitoring.frames import Frames
from finrisk.monitoring.logged_model import log_model_by_hand, mapping_of
from finrisk.monitoring.model_registry import FinRiskModelRegistry, open_or_make
from finrisk.tracking.tracker import FinRiskMLflowTracker

__all__ = [
    "FinRiskMLflowTracker",
    "FinRiskModelRegistry",
    "HoldWarning",
    "log_credit_risk_model",
    "log_fraud_detection_model",
    "mlflow_tracker",
    "model_registry",
    "register_model_to_production",
]

mlflow_tracker = FinRiskMLflowTracker()
model_registry = FinRiskModelRegistry()


class HoldWarning(UserWarning):
    """A version was registered and not promoted; the message says why."""


def log_credit_risk_model(
    model: Any,
    model_name: str,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    feature_importance: Any = None,
    model_type: str = "sklearn",
) -> str:
    """Log a fitted credit-risk model as an MLflow run; return the run's id.

    AUC, Gini, KS, PSI, Brier, precision, recall, F1 and accuracy are measured here on the test
    rows. What ``metrics`` says is logged beside them as ``reported_<name>``; where the two differ
    by more than 0.005 the run carries the tag ``finrisk.metrics_disagree`` and a warning is logged.
    No row of either frame reaches MLflow, but digests, statistics and pictures: unless the model
    itself keeps rows it was fitted on, as an SVC's or a one-class SVM's support vectors are. Its
    run then carries the tag ``finrisk.holds_rows``, and a warning is logged.

    Parameters
    ----------
    model : estimator
        Fitted scikit-learn classifier (alone or in a Pipeline) or XGBoost classifier; labels 0 and
        1. Stored signed, without pickle.
    model_name : str
        Begins the run's name, ``credit_risk_<model_name>_<YYYYmmdd_HHMMSS>``.
    X_train, X_test : DataFrame or array of shape (n, n_features)
        The columns that ``model`` was fitted on.
    y_train, y_test : array-like of shape (n,)
        1 = bad, 0 = good.
    hyperparameters : mapping, optional
        ``model.get_params()``, usually.
    metrics : mapping, optional
        Your own figures, by name.
    feature_importance : mapping, Series or sequence of float, optional
        By feature, or one for each in their order; else the model's own, where it has one.
    model_type : str
        The library, ``"sklearn"`` or ``"xgboost"``; only a tag.

    Raises
    ------
    ConfigurationError
        The model is not fitted, holds what FinRisk would not load again, or would answer otherwise
        once it is loaded. No run is begun.
    DataError, LabelError
        Frames and labels that do not fit each other or the model.
    Unreachable
        MLflow does not answer.
    """
    return log_model_by_hand(
        _ready_tracker(),
        model,
        model_name,
        Frames.of(X_train, X_test, y_train, y_test),
        model_type="credit_risk",
        library=str(model_type),
        hyperparameters=mapping_of(hyperparameters, "hyperparameters"),
        metrics=mapping_of(metrics, "metrics"),
        feature_importance=feature_importance,
    )


def log_fraud_detection_model(
    model: Any,
    model_name: str,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    anomaly_scores: Any = None,
    model_type: str = "sklearn",
) -> str:
    """Log a fitted fraud model or anomaly detector as an MLflow run; return the run's id.

    As :func:`log_credit_risk_model`, with precision at k, lift and detection rate at a
    false-positive rate in place of the credit figures.

    Parameters
    ----------
    model : estimator
        Fitted isolation forest, one-class SVM, elliptic envelope, or a classifier on labels.
    anomaly_scores : array-like of shape (n_test,), optional
        Scores of ``X_test``, counted either way; they are turned, if need be, so that higher is
        riskier, and their statistics are logged. Without them, the model's own.
    model_name, X_train, X_test, y_train, y_test, hyperparameters, metrics, model_type
        As for :func:`log_credit_risk_model`; 1 = fraud, 0 = genuine.

    Raises
    ------
    ConfigurationError, DataError, LabelError, Unreachable
        As :func:`log_credit_risk_model`.
    """
    return log_model_by_hand(
        _ready_tracker(),
        model,
        model_name,
        Frames.of(X_train, X_test, y_train, y_test),
        model_type="fraud_detection",
        library=str(model_type),
        hyperparameters=mapping_of(hyperparameters, "hyperparameters"),
        metrics=mapping_of(metrics, "metrics"),
        anomaly_scores=anomaly_scores,
    )


def register_model_to_production(
    run_id: str, model_name: str, description: str | None = None
) -> int:
    """Register a logged model, and bring it to Production if it may; return the version's number.

    Where it may not (a champion stands that only a night's evidence may replace, or the floors are
    not reached) the version stays in Development and a :class:`HoldWarning` says why.

    Raises
    ------
    ArtifactRejected
        The run holds no model that FinRisk logged, or its artifact does not verify.
    Unreachable
        MLflow or the ledger does not answer.
    """
    version = model_registry.register_model(run_id, model_name, description=description)
    try:
        model_registry.promote_model(model_name, version, "Production")
    except PromotionError as exc:
        warnings.warn(
            f"HOLD: {model_name} version {version} is registered, and not in Production: {exc}",
            HoldWarning,
            stacklevel=2,
        )
    return version


def _ready_tracker() -> FinRiskMLflowTracker:
    """Return the tracker, with signing keys where nothing was set up yet."""
    open_or_make(mlflow_tracker.settings).close()
    return mlflow_tracker
