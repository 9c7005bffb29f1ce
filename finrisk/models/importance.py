"""How much a fitted model leans on each feature, in shares of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from finrisk.models.estimators import Estimator


def feature_importance(
    estimator: Estimator, matrix: Any, column_features: Sequence[str], features: Sequence[str]
) -> dict[str, float]:
    """Return each feature's share of what the estimator does with its columns.

    - xgboost: total gain, what all splits on the column took off the loss;
    - random forest: impurity importance, what they took off the Gini impurity, which flatters
      features with many values;
    - logistic regression: the coefficient without its sign × the column's standard deviation in
      development, how far the log-odds move from an ordinary to an unusual value.

    The three are on scales of their own, and none is an effect: of two features that tell the
    same, one may get all.

    Parameters
    ----------
    estimator : XGBClassifier, RandomForestClassifier or LogisticRegression
        Fitted.
    matrix : (n, m) array of float
        The preprocessed rows it was fitted on.
    column_features : sequence of str, one for each column
        From :func:`finrisk.models.preprocessing.column_features`.
    features : sequence of str
        Every feature of the spec.

    Returns
    -------
    dict of str to float
        Every feature, the largest share first; they sum to 1, or all are 0 where the estimator
        uses no feature at all.

    Examples
    --------
    >>> matrix, labels = np.array([[0.0, 1.0], [1.0, 1.0]] * 5), np.array([0, 1] * 5)
    >>> feature_importance(
    ...     LogisticRegression().fit(matrix, labels), matrix, ("age", "sum"), ("sum", "age"))
    {'age': 1.0, 'sum': 0.0}
    """
    weights = _column_weights(estimator, matrix)
    sums = dict.fromkeys(features, 0.0)
    for feature, weight in zip(column_features, weights.tolist(), strict=True):
        sums[feature] += weight
    total = sum(sums.values()) or 1.0
    return {name: sums[name] / total for name in sorted(sums, key=lambda n: -sums[n])}


def _column_weights(estimator: Any, matrix: Any) -> NDArray[np.float64]:
    if isinstance(estimator, RandomForestClassifier):
        return np.asarray(estimator.feature_importances_, dtype=np.float64)
    if isinstance(estimator, LogisticRegression):
        return np.asarray(np.abs(estimator.coef_[0]) * matrix.std(axis=0), dtype=np.float64)
    gains = estimator.get_booster().get_score(importance_type="total_gain")
    return np.array([gains.get(f"f{column}", 0.0) for column in range(matrix.shape[1])])
