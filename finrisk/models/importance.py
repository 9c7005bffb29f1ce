"""How much a fitted model leans on each feature, in shares of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import Booster

from finrisk.models.detectors import Detector
from finrisk.models.estimators import Estimator

SHUFFLED_ROWS = 2_000


def feature_importance(
    estimator: Estimator | Detector,
    matrix: Any,
    column_features: Sequence[str],
    features: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Return each feature's share of what the estimator does with its columns.

    - xgboost: total gain, what all splits on the column took off the loss;
    - random forest: impurity importance, what they took off the Gini impurity, which flatters
      features with many values;
    - logistic regression: the coefficient without its sign × the column's standard deviation in
      development, how far the log-odds move from an ordinary to an unusual value;
    - a detector: how far its score moves, on average, when the feature's values change places
      among :data:`SHUFFLED_ROWS` of the rows (Breiman's permutation, on the score instead of an
      error: a detector knows no labels).

    They are on scales of their own, and none is an effect: of two features that tell the
    same, one may get all.

    Parameters
    ----------
    estimator : XGBClassifier, Booster, RandomForestClassifier, LogisticRegression or detector
        Fitted.
    matrix : (n, m) array of float
        The preprocessed rows it was fitted on; XGBoost's gains need its width alone.
    column_features : sequence of str, one for each column
        From :func:`finrisk.models.preprocessing.column_features`.
    features : sequence of str
        Every feature of the spec.
    seed : int
        Of the rows that are shuffled, and of the shuffles.

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
    sums = dict.fromkeys(features, 0.0)
    if hasattr(estimator, "score_samples"):
        sums |= _moves(estimator, matrix, np.array(column_features), seed)
    else:
        weights = _column_weights(estimator, matrix)
        for feature, weight in zip(column_features, weights.tolist(), strict=True):
            sums[feature] += weight
    total = sum(sums.values()) or 1.0
    return {name: sums[name] / total for name in sorted(sums, key=lambda n: -sums[n])}


def _column_weights(estimator: Any, matrix: Any) -> NDArray[np.float64]:
    if isinstance(estimator, RandomForestClassifier):
        return np.asarray(estimator.feature_importances_, dtype=np.float64)
    if isinstance(estimator, LogisticRegression):
        return np.asarray(np.abs(estimator.coef_[0]) * matrix.std(axis=0), dtype=np.float64)
    booster = estimator if isinstance(estimator, Booster) else estimator.get_booster()
    gains = booster.get_score(importance_type="total_gain")
    return np.array([gains.get(f"f{column}", 0.0) for column in range(matrix.shape[1])])


def _moves(
    detector: Any, matrix: Any, column_features: NDArray[np.str_], seed: int
) -> dict[str, float]:
    """Shuffle one feature at a time; all of its columns, so that a row keeps one category."""
    chance = np.random.default_rng(seed)
    rows = matrix[chance.permutation(len(matrix))[:SHUFFLED_ROWS]]
    scores = detector.score_samples(rows)
    moves = {}
    for feature in dict.fromkeys(column_features.tolist()):
        own, order = column_features == feature, chance.permutation(len(rows))
        shuffled = rows.copy()
        shuffled[:, own] = rows[order][:, own]
        moves[feature] = float(np.abs(detector.score_samples(shuffled) - scores).mean())
    return moves
