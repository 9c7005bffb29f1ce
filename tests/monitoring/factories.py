"""Frames a model can learn from, and the six documented algorithms fitted on them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import OneClassSVM
from xgboost import XGBClassifier

COLUMNS = ("income", "debt", "age", "inquiries")
CLASSIFIERS = ("random_forest", "logistic_regression", "xgboost")
DETECTORS = ("isolation_forest", "one_class_svm", "elliptic_envelope")
Frames = tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]


@cache
def frames() -> Frames:
    """600 development and 300 test rows; every fifth is bad, and lies further out."""
    chance = np.random.default_rng(11)
    bad = chance.random(900) < 0.2
    X = pd.DataFrame(chance.normal(size=(900, 4)), columns=list(COLUMNS))
    X.loc[bad] = X.loc[bad] * 2.0 + 1.0
    y = pd.Series(bad.astype(int), name="bad")
    return X.iloc[:600], X.iloc[600:], y.iloc[:600], y.iloc[600:]


def unfitted(algorithm: str) -> Any:
    return {
        "random_forest": RandomForestClassifier(20, min_samples_leaf=5, random_state=1),
        "logistic_regression": LogisticRegression(),
        "xgboost": XGBClassifier(n_estimators=10, max_depth=2, n_jobs=1),
        "isolation_forest": IsolationForest(n_estimators=30, random_state=1),
        "one_class_svm": OneClassSVM(nu=0.1),
        "elliptic_envelope": EllipticEnvelope(random_state=1),
    }[algorithm]


@cache
def fitted(algorithm: str) -> Any:
    X_train, _, y_train, _ = frames()
    model = unfitted(algorithm)
    return model.fit(X_train) if algorithm in DETECTORS else model.fit(X_train, y_train)


def arguments(algorithm: str, **changes: Any) -> dict[str, Any]:
    """What a documented call takes."""
    X_train, X_test, y_train, y_test = frames()
    model = fitted(algorithm)
    made = {
        "model": model,
        "model_name": algorithm,
        "X_train": X_train,
        "X_test": X_test,
        "y_train": y_train,
        "y_test": y_test,
        "hyperparameters": model.get_params(),
        "metrics": {},
    }
    return {**made, **changes}
