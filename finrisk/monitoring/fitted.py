"""A model as somebody fitted it, seen through the one form that FinRisk stores and scores."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from finrisk.errors import ConfigurationError, DataError
from finrisk.tracking.calibrator import Uncalibrated
from finrisk.tracking.scoring_model import ScoringModel, as_frame

ALGORITHMS = {
    "LogisticRegression": "logistic_regression",
    "RandomForestClassifier": "random_forest",
    "XGBClassifier": "xgboost",
    "Booster": "xgboost",
    "IsolationForest": "isolation_forest",
    "OneClassSVM": "one_class_svm",
    "EllipticEnvelope": "elliptic_envelope",
}
GAIN = "total_gain"


def named_features(rows: Any) -> pd.DataFrame:
    """Return rows as a frame whose columns have names; an array's are ``feature_0``, ...

    Raises
    ------
    DataError
        Not two-dimensional, or a column of a kind that no model scores.
    """
    if not isinstance(rows, pd.DataFrame):
        cells = np.asarray(rows)
        width = cells.shape[1] if cells.ndim == 2 else 0  # noqa: PLR2004 - rows and columns
        return as_frame(cells, tuple(f"feature_{number}" for number in range(width)))
    frame = rows.set_axis([str(name) for name in rows.columns], axis="columns")
    strange = [name for name in names_of(frame) if frame[name].dtype.kind in "mMc"]
    if strange:
        raise DataError(
            f"features of a kind that no model scores: {', '.join(strange)}",
            expected="numbers, truth values or text",
            got=", ".join(f"{name}: {frame[name].dtype}" for name in strange),
            remedy="make numbers of them before fitting",
        )
    return frame


def names_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns' names."""
    return tuple(map(str, frame.columns))


def as_scoring_model(model: Any, features: pd.DataFrame) -> ScoringModel:
    """Return a fitted estimator behind one ``score`` (higher = riskier) and its own ``predict``.

    Parameters
    ----------
    model : estimator
        A scikit-learn classifier or anomaly detector, alone or as the end of a Pipeline, or an
        XGBoost classifier or Booster.
    features : DataFrame of shape (n, number of features)
        What it was fitted on, from :func:`named_features`.

    Raises
    ------
    ConfigurationError
        It is no such estimator, or not fitted.
    DataError
        It was fitted on other columns.
    """
    _check(model)
    names = names_of(features)
    expected = tuple(map(str, getattr(model, "feature_names_in_", names)))
    if expected != names:
        raise DataError(
            "the model was fitted on other columns than X_train has",
            expected=", ".join(expected),
            got=", ".join(names),
            remedy="pass the frame that the model was fitted on, its columns in the same order",
        )
    categorical = tuple(n for n in names if not pd.api.types.is_numeric_dtype(features[n]))
    if categorical and isinstance(model, xgb.XGBModel | xgb.Booster):
        raise ConfigurationError(
            f"XGBoost with categories: {', '.join(categorical)}",
            expected="numbers; FinRisk stores no table of XGBoost's category codes",
            remedy="one-hot encode them, in a Pipeline for example",
        )
    return ScoringModel(
        feature_names=names,
        numeric=tuple(name for name in names if name not in categorical),
        categorical=categorical,
        preprocessor=None,
        estimator=model,
        calibrator=Uncalibrated(),
        algorithm=algorithm_of(model),
    )


def algorithm_of(model: Any) -> str:
    """Return the algorithm in the words of the specs; a Pipeline's is that of its last step.

    Examples
    --------
    >>> from sklearn.svm import OneClassSVM
    >>> algorithm_of(OneClassSVM())
    'one_class_svm'
    """
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    name = type(last).__name__
    return ALGORITHMS.get(name) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def importance_of(model: ScoringModel) -> tuple[dict[str, float], str]:
    """Return what the model leans on, by feature, and what the figure means; empty if unknown.

    XGBoost tells the gain of all its splits on a feature as a share, a forest its decrease of
    impurity; logistic regression its coefficient, on the feature's own scale and with its sign.
    """
    estimator, names = model.estimator, model.feature_names
    if isinstance(estimator, xgb.Booster):
        gains = estimator.get_score(importance_type=GAIN)
        of_column = estimator.feature_names or [f"f{number}" for number in range(len(names))]
        found = np.array([float(gains.get(name, 0.0)) for name in of_column])
        total = found.sum() or 1.0
        return dict(zip(names, (found / total).tolist(), strict=True)), "share of all splits' gain"
    for attribute, measure in (
        ("feature_importances_", "share of the decrease of impurity"),
        ("coef_", "coefficient on the feature's own scale"),
    ):
        values = getattr(estimator, attribute, None)
        if values is not None and np.size(values) == len(names):
            return dict(zip(names, np.ravel(values).astype(float).tolist(), strict=True)), measure
    return {}, ""


def _check(model: Any) -> None:
    if isinstance(model, xgb.Booster):
        return
    scores = any(hasattr(model, name) for name in ("predict_proba", "score_samples"))
    if not (scores and hasattr(model, "predict")):
        raise ConfigurationError(
            f"{type(model).__name__} gives neither a probability nor an anomaly score",
            expected="a scikit-learn or XGBoost estimator with predict_proba or score_samples",
            remedy="SVC takes probability=True; LocalOutlierFactor takes novelty=True",
        )
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError) as exc:
        raise ConfigurationError(
            f"{type(model).__name__} is not a fitted scikit-learn or XGBoost estimator",
            expected="a model after fit(X_train, y_train)",
        ) from exc
    classes = getattr(model, "classes_", None)
    if classes is not None and list(classes) != [0, 1]:
        raise ConfigurationError(
            f"{type(model).__name__} was fitted on other labels than 0 and 1",
            expected="classes 0 (good) and 1 (bad)",
            got=", ".join(map(str, list(classes)[:5])),
        )
