"""What scores: preprocessing, estimator and calibrator behind one ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xgboost as xgb

from finrisk.errors import DataError
from finrisk.tracking.calibrator import Calibrator, Scores, Uncalibrated

Rows = pd.DataFrame | np.ndarray[Any, Any] | Mapping[str, Any] | Sequence[Any]
HALF = 0.5
ROWS_AND_COLUMNS = 2


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
    """A fitted model: one ``score``, higher = riskier, and the ``predict`` it was fitted with.

    Parameters
    ----------
    feature_names : tuple of str
        All features, in the order the preprocessor sees them.
    numeric, categorical : tuple of str
        The two kinds of features; together they are ``feature_names``.
    preprocessor : transformer or None
        scikit-learn transformer from aligned features to a matrix; None: the estimator takes the
        features themselves.
    estimator : scikit-learn estimator, xgboost.XGBClassifier or xgboost.Booster
        Fitted on labels 0 (good) and 1 (bad), or an anomaly detector. An XGBoost classifier is kept
        as its Booster.
    calibrator : PlattCalibrator, IsotonicCalibrator or Uncalibrated
        From the estimator's raw score to a probability.
    algorithm : str
        Which estimator it is, in the words of the specs: ``random_forest``.
    threads : int
        Threads a Booster scores with; 1 is right for single rows.
    cutoff : float or None
        Probability at which ``predict`` says bad; None: as the estimator itself decides.
    """

    feature_names: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    preprocessor: Any
    estimator: Any
    calibrator: Calibrator
    algorithm: str
    threads: int = 1
    cutoff: float | None = None

    def __post_init__(self) -> None:
        kinds = (*self.numeric, *self.categorical)
        if sorted(kinds) != sorted(self.feature_names) or len(set(kinds)) != len(kinds):
            raise ValueError("numeric and categorical together must be feature_names, each once")
        if isinstance(self.estimator, xgb.XGBClassifier):
            object.__setattr__(self, "estimator", self.estimator.get_booster())
        if isinstance(self.estimator, xgb.Booster):
            self.estimator.set_param({"nthread": self.threads})

    @property
    def kinds(self) -> dict[str, Literal["number", "category"]]:
        """What each feature is, in the order the model sees them."""
        return {
            name: "category" if name in self.categorical else "number"
            for name in self.feature_names
        }

    @property
    def is_detector(self) -> bool:
        """Whether it knows no labels: its score says how unlike the others a row is."""
        return not (isinstance(self.estimator, xgb.Booster) or _has_probability(self.estimator))

    def score(self, features: Rows) -> Scores:
        """Return the risk score, shape (n,), higher = riskier.

        A probability of bad for every model fitted on labels, calibrated where it was trained by
        FinRisk; for an anomaly detector the negated ``score_samples``, on a scale of its own.

        Parameters
        ----------
        features : DataFrame of shape (n, at least the features), or rows as ``as_frame`` takes them
            Found by name; the order of columns and further columns do not matter.

        Raises
        ------
        DataError
            A feature has no column, or a numeric one holds something that is no number.
        """
        return self.calibrator.calibrate(self.raw_score(features))

    def raw_score(self, features: Rows) -> Scores:
        """Return the estimator's own score before calibration, shape (n,); higher = riskier."""
        matrix = self._matrix(features)
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        if isinstance(self.estimator, xgb.Booster):
            raw = boosted_score(self.estimator, matrix)
        elif self.is_detector:
            raw = -self.estimator.score_samples(matrix)
        else:
            raw = self.estimator.predict_proba(matrix)[:, 1]
        return np.asarray(raw, dtype=np.float64)

    def predict(self, features: Rows) -> Any:
        """Return what the fitted model's own ``predict`` returns, one answer a row.

        Labels 0 and 1 of a classifier; 1 and −1 (anomalous) of a detector. A model that FinRisk
        calibrated says 1 from ``cutoff`` on, where its policy declines. Plain rows, as they come in
        a JSON request, are answered with a plain list; frames and arrays with an array.
        """
        answers = self._predicted(features)
        plain = not isinstance(features, pd.DataFrame | np.ndarray)
        return answers.tolist() if plain else answers

    def predict_proba(self, features: Rows) -> Scores:
        """Return the probabilities of good and bad, shape (n, 2).

        Raises
        ------
        DataError
            An anomaly detector has none.
        """
        if self.is_detector:
            raise DataError(
                f"{self.algorithm} gives no probability",
                expected="a model fitted on labels",
                remedy="score() gives its risk score, predict() its ±1",
            )
        bad = self.score(features)
        return np.column_stack((1.0 - bad, bad))

    def _predicted(self, features: Rows) -> Any:
        if self.cutoff is not None and not isinstance(self.calibrator, Uncalibrated):
            return (self.score(features) >= self.cutoff).astype(np.int64)
        if isinstance(self.estimator, xgb.Booster):
            return (self.raw_score(features) > HALF).astype(np.int64)
        return self.estimator.predict(self._matrix(features))

    def _matrix(self, features: Rows) -> Any:
        frame = as_frame(features, self.feature_names)
        aligned = aligned_features(frame, self.feature_names, self.categorical)
        if self.preprocessor is not None and not aligned.empty:
            return self.preprocessor.transform(aligned)
        if hasattr(self.estimator, "feature_names_in_"):  # fitted on a frame: it looks at the names
            return aligned
        return aligned.to_numpy(dtype=None if self.categorical else np.float64)


def as_frame(rows: Rows, feature_names: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame of features.

    Parameters
    ----------
    rows : DataFrame, array-like of shape (n, n_features), mapping or sequence of mappings
        An array has its columns in the model's order; a mapping from feature to value is one row.

    Raises
    ------
    DataError
        An array of another width.

    Examples
    --------
    >>> as_frame({"income": 900, "age": 31}, ("age", "income")).shape
    (1, 2)
    >>> list(as_frame([[31, 900]], ("age", "income")).columns)
    ['age', 'income']
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    if isinstance(rows, Mapping):
        return pd.DataFrame([dict(rows)])
    if isinstance(rows, Sequence) and rows and isinstance(rows[0], Mapping):
        return pd.DataFrame([dict(row) for row in rows])
    cells = np.asarray(rows)
    if cells.ndim != ROWS_AND_COLUMNS or cells.shape[1] != len(feature_names):
        raise DataError(
            "rows that do not fit the model",
            expected=f"shape (n, {len(feature_names)}), columns {', '.join(feature_names)}",
            got=f"shape {cells.shape}",
        )
    return pd.DataFrame(cells, columns=list(feature_names))


def _has_probability(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba")


def boosted_score(booster: xgb.Booster, matrix: Any) -> Any:
    """Return a Booster's probability of bad, shape (n,), up to its best round if it stopped early.

    ``inplace_predict`` spares the DMatrix: a tenth of the time for one row.
    """
    best = booster.attributes().get("best_iteration")
    rounds = (0, 0) if best is None else (0, int(best) + 1)
    return booster.inplace_predict(matrix, iteration_range=rounds, validate_features=False)
