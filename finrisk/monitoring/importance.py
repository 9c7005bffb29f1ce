"""What a model leans on, by feature: as it says itself, or as it was handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from finrisk.errors import ConfigurationError
from finrisk.tracking.scoring_model import ScoringModel

GAIN = "total_gain"


def importance_of(model: ScoringModel) -> tuple[dict[str, float], str]:
    """Return what the model leans on, by feature, and what the figure means; empty if unknown.

    XGBoost tells the gain of all its splits on a feature as a share, a forest its decrease of
    impurity; logistic regression its coefficient, on the feature's own scale and with its sign.
    """
    estimator, names = model.estimator, model.feature_names
    if model.preprocessor is not None:  # its columns are not the features
        return {}, ""
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


def importance_given(given: Any, model: ScoringModel) -> tuple[dict[str, float], str]:
    """Return importance as it was handed over, by feature: a mapping, a Series, or one a feature.

    Raises
    ------
    ConfigurationError
        Another count of figures than features, or one that is no finite number.
    """
    names: Any = model.feature_names
    if isinstance(given, Mapping | pd.Series):
        names, values = list(given.keys()), [given[name] for name in given.keys()]  # noqa: SIM118
    else:
        values = list(np.ravel(np.asarray(given, dtype=object)))
    try:
        found = {str(name): float(v) for name, v in zip(names, values, strict=True)}
    except (TypeError, ValueError):
        found = {"": float("nan")}
    if not np.isfinite(list(found.values())).all():
        raise ConfigurationError(
            "feature_importance is not one finite number a feature",
            expected=f"a mapping from feature to number, or {len(model.feature_names)} numbers",
            got=f"{type(given).__name__} of {len(values)}",
        )
    return found, "as given"
