"""What scores: preprocessing, estimator and calibrator behind one ``score``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from finrisk.errors import DataError
from finrisk.specs.training import Algorithm
from finrisk.tracking.calibrator import Calibrator, Scores


def aligned_features(
    features: pd.DataFrame,
    feature_names: tuple[str, ...],
    categorical: tuple[str, ...],
) -> pd.DataFrame:
    """Return the features in the model's order: numbers as float64, categories as text.

    The trainer fits on exactly this form, so that a row scores the same whether it comes from a
    snapshot (int8, category), a request (object) or a manifest's golden rows (JSON).

    Parameters
    ----------
    features : DataFrame of shape (n, at least the features)
        Other columns are left out.
    feature_names : tuple of str
        All features, in the order the model sees them.
    categorical : tuple of str
        Those that are categories; every other one is a number. Missing stays missing.

    Raises
    ------
    DataError
        A feature has no column, or a numeric one holds something that is no number.
    """
    missing = [name for name in feature_names if name not in features.columns]
    if missing:
        raise DataError(
            f"features without a column: {', '.join(missing)}",
            expected=f"{len(feature_names)} columns: {', '.join(feature_names)}",
            got=", ".join(map(str, features.columns)) or "no column",
        )
    kinds = {name: "str" if name in categorical else "float64" for name in feature_names}
    try:
        return features.loc[:, list(feature_names)].astype(kinds)
    except (TypeError, ValueError):
        wrong = [n for n in feature_names if kinds[n] == "float64" and not _numeric(features[n])]
        raise DataError(
            f"features that are no numbers: {', '.join(wrong)}",
            expected="numbers, or missing",
            got=", ".join(f"{name}: {features[name].dtype}" for name in wrong),
            remedy="declare the column a category, or correct the values",
        ) from None  # pandas' own error quotes the value, and a traceback would print it


def _numeric(column: pd.Series[Any]) -> bool:
    try:
        column.astype("float64")
    except (TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class ScoringModel:
    """A fitted model that gives calibrated probabilities of bad.

    Parameters
    ----------
    feature_names : tuple of str
        All features, in the order the preprocessor sees them.
    numeric, categorical : tuple of str
        The two kinds of features; together they are ``feature_names``.
    preprocessor : transformer or None
        scikit-learn transformer from aligned features to a matrix; None: numbers as they are.
    estimator : LogisticRegression, xgboost.XGBClassifier or xgboost.Booster
        Fitted on labels 0 (good) and 1 (bad). A classifier is kept as its Booster.
    calibrator : PlattCalibrator or IsotonicCalibrator
        From the estimator's raw score to a probability.
    algorithm : {"logistic_regression", "xgboost"}
        Which estimator it is.
    threads : int
        Threads a Booster scores with; 1 is right for single rows.
    """

    feature_names: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    preprocessor: Any
    estimator: Any
    calibrator: Calibrator
    algorithm: Algorithm
    threads: int = 1

    def __post_init__(self) -> None:
        kinds = (*self.numeric, *self.categorical)
        if sorted(kinds) != sorted(self.feature_names) or len(set(kinds)) != len(kinds):
            raise ValueError("numeric and categorical together must be feature_names, each once")
        if isinstance(self.estimator, xgb.XGBClassifier):
            object.__setattr__(self, "estimator", self.estimator.get_booster())
        if isinstance(self.estimator, xgb.Booster):
            self.estimator.set_param({"nthread": self.threads})

    def score(self, features: pd.DataFrame) -> Scores:
        """Return the calibrated probability of bad, shape (n,); higher = riskier.

        Parameters
        ----------
        features : DataFrame of shape (n, at least the features)
            Found by name; the order of columns and further columns do not matter.

        Raises
        ------
        DataError
            A feature has no column, or a numeric one holds something that is no number.
        """
        return self.calibrator.calibrate(self.raw_score(features))

    def raw_score(self, features: pd.DataFrame) -> Scores:
        """Return the estimator's own score before calibration, shape (n,), in [0, 1]."""
        aligned = aligned_features(features, self.feature_names, self.categorical)
        if aligned.empty:
            return np.empty(0, dtype=np.float64)
        if self.preprocessor is None:
            matrix = aligned.to_numpy(dtype=np.float64)
        else:
            matrix = self.preprocessor.transform(aligned)
        raw = (
            boosted_score(self.estimator, matrix)
            if isinstance(self.estimator, xgb.Booster)
            else self.estimator.predict_proba(matrix)[:, 1]
        )
        return np.asarray(raw, dtype=np.float64)


def boosted_score(booster: xgb.Booster, matrix: Any) -> Any:
    """Return a Booster's probability of bad, shape (n,), up to its best round if it stopped early.

    ``inplace_predict`` spares the DMatrix: a tenth of the time for one row.
    """
    best = booster.attributes().get("best_iteration")
    rounds = (0, 0) if best is None else (0, int(best) + 1)
    return booster.inplace_predict(matrix, iteration_range=rounds, validate_features=False)
