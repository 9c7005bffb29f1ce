"""A model as somebody fitted it, seen through the one form that FinRisk stores and scores."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from finrisk.errors import ConfigurationError, DataError
from finrisk.monitoring.frames import names_of
from finrisk.tracking.calibrator import Uncalibrated
from finrisk.tracking.scoring_model import ScoringModel

ALGORITHMS = {
    "LogisticRegression": "logistic_regression",
    "RandomForestClassifier": "random_forest",
    "XGBClassifier": "xgboost",
    "Booster": "xgboost",
    "IsolationForest": "isolation_forest",
    "OneClassSVM": "one_class_svm",
    "SGDOneClassSVM": "one_class_svm",
    "EllipticEnvelope": "elliptic_envelope",
}
PROBABILITIES = ("binary:logistic", "reg:logistic")
REMEMBERED = frozenset({"support_vectors_", "_fit_X", "X_fit_", "X_"})
"""Under which names scikit-learn's estimators keep rows of the table they were fitted on."""


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
    _check_names(model, names)
    preprocessor, estimator = _parted(model)
    categorical = tuple(n for n in names if not pd.api.types.is_numeric_dtype(features[n]))
    if categorical and preprocessor is None and isinstance(estimator, xgb.Booster):
        raise ConfigurationError(
            f"XGBoost with categories: {', '.join(categorical)}",
            expected="numbers; FinRisk stores no table of XGBoost's category codes",
            remedy="one-hot encode them, in a Pipeline for example",
        )
    return ScoringModel(
        feature_names=names,
        numeric=tuple(name for name in names if name not in categorical),
        categorical=categorical,
        preprocessor=preprocessor,
        estimator=estimator,
        calibrator=Uncalibrated(),
        algorithm=algorithm_of(model),
    )


def _parted(model: Any) -> tuple[Any, Any]:
    """Return the preprocessor, None where there is none, and what scores.

    XGBoost is stored as a Booster of its own, so a Pipeline that ends in it is taken apart; and as
    a copy, because scoring sets its threads. Other estimators are kept whole, as they are.
    """
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not isinstance(last, xgb.XGBClassifier | xgb.Booster):
        return None, model
    booster = last.get_booster() if isinstance(last, xgb.XGBClassifier) else last
    _check_booster(booster)
    first = model[:-1] if isinstance(model, Pipeline) and len(model.steps) > 1 else None
    return first, booster.copy()


def _check_names(model: Any, names: tuple[str, ...]) -> None:
    boosted = isinstance(model, xgb.Booster)
    known = model.feature_names if boosted else getattr(model, "feature_names_in_", None)
    expected = names if known is None else tuple(map(str, known))
    width = int(model.num_features() if boosted else getattr(model, "n_features_in_", len(names)))
    if expected != names or width != len(names):
        raise DataError(
            "the model was fitted on other columns than X_train has",
            expected=", ".join(expected) if expected != names else f"{width} columns",
            got=", ".join(names),
            remedy="pass the frame that the model was fitted on, its columns in the same order",
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


def keeps_rows(*models: Any) -> bool:
    """Say whether a fitted model, or any part of it, keeps rows it was fitted on.

    Support vectors are such rows, and so are the basis of a Nyström approximation and what
    neighbours and kernels remember.

    Parameters
    ----------
    *models : estimators or transformers
        Of one model; None is passed over.

    Examples
    --------
    >>> from sklearn.svm import OneClassSVM
    >>> keeps_rows(None, OneClassSVM().fit([[0.0], [1.0]]))
    True
    """
    return any(_keeps_rows(model) for model in models if model is not None)


def _keeps_rows(model: Any) -> bool:
    own = getattr(model, "__dict__", {})
    parts = [part for value in own.values() for part in _flat(value)]
    if not REMEMBERED.isdisjoint(own) or isinstance(model, Nystroem):
        return True
    return any(_keeps_rows(p) for p in parts if _is_part(p))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [part for item in value for part in _flat(item)]
    return [value]


def _is_part(part: Any) -> bool:
    return type(part).__module__.startswith("sklearn.") and hasattr(part, "__dict__")


def _check(model: Any) -> None:
    if isinstance(model, xgb.Booster):
        return
    scores = any(hasattr(model, name) for name in ("predict_proba", "score_samples"))
    knows_labels = hasattr(model, "classes_") or not hasattr(model, "predict_proba")
    if not (scores and hasattr(model, "predict")) or isinstance(model, type):
        raise ConfigurationError(
            f"{type(model).__name__} gives neither a probability nor an anomaly score",
            expected="a scikit-learn or XGBoost estimator with predict_proba or score_samples",
            remedy="SVC takes probability=True; LocalOutlierFactor takes novelty=True",
        )
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError, AttributeError) as exc:
        raise ConfigurationError(
            f"{type(model).__name__} is not a fitted scikit-learn or XGBoost estimator",
            expected="a model after fit(X_train, y_train)",
        ) from exc
    if not knows_labels:
        raise ConfigurationError(
            f"{type(model).__name__} gives probabilities of something else than bad and good",
            expected="a classifier fitted on labels 0 and 1, or an anomaly detector",
        )
    _check_missing(model.steps[-1][1] if isinstance(model, Pipeline) else model)
    classes = getattr(model, "classes_", None)
    if classes is not None and list(classes) != [0, 1]:
        raise ConfigurationError(
            f"{type(model).__name__} was fitted on other labels than 0 and 1",
            expected="classes 0 (good) and 1 (bad)",
            got=", ".join(map(str, list(classes)[:5])),
        )


def _check_missing(model: Any) -> None:
    """Refuse a classifier with a missing value of its own: its Booster does not know of it."""
    if isinstance(model, xgb.XGBModel) and not np.isnan(model.missing):
        raise ConfigurationError(
            f"XGBoost that takes {model.missing} for missing",
            expected="missing=nan, the default",
            remedy="make NaN of that value and fit again",
        )


def _check_booster(booster: xgb.Booster) -> None:
    learner = json.loads(booster.save_config())["learner"]
    objective, kind = learner["objective"]["name"], learner["gradient_booster"]["name"]
    if objective not in PROBABILITIES or kind == "gblinear":
        raise ConfigurationError(
            "XGBoost that gives no probability of bad, or has no trees",
            expected=f"the objective {PROBABILITIES[0]}, the booster gbtree or dart",
            got=f"{objective}, {kind}",
        )
