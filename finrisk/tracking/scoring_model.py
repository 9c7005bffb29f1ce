"""What scores: preprocessing, estimator and calibrator behind one ``score``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xgboost as xgb

from finrisk.errors import DataError
from finrisk.tracking.calibrator import Calibrator, Scores, Uncalibrated
from finrisk.tracking.rows import Rows, aligned_features, as_frame

HALF = 0.5
ROWS_AT_ONCE = 100_000


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
        aligned = self._aligned(features)
        if not len(aligned):
            return np.empty(0, dtype=np.float64)
        with answered("these rows"):
            matrix = self._matrix(aligned)
            if isinstance(self.estimator, xgb.Booster):
                raw = boosted_score(self.estimator, matrix)
            elif self.is_detector:
                raw = -in_blocks(self.estimator.score_samples, matrix)
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
        aligned = self._aligned(features)
        if not len(aligned):
            return np.empty(0, dtype=np.int64)
        with answered("these rows"):
            return self.estimator.predict(self._matrix(aligned))

    def _aligned(self, features: Rows) -> pd.DataFrame:
        frame = as_frame(features, self.feature_names)
        return aligned_features(frame, self.feature_names, self.categorical)

    def _matrix(self, aligned: pd.DataFrame) -> Any:
        first = self.estimator if self.preprocessor is None else self.preprocessor
        rows: Any = aligned
        if not hasattr(first, "feature_names_in_"):  # fitted on an array: names would make it warn
            rows = aligned.to_numpy(dtype=None if self.categorical else np.float64)
        return rows if self.preprocessor is None else self.preprocessor.transform(rows)


@contextmanager
def answered(what: str) -> Iterator[None]:
    """Turn what an estimator raises about rows into ``DataError``, without its quotes of values."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, xgb.core.XGBoostError) as exc:
        raise DataError(
            f"the model cannot score {what}: {type(exc).__name__}",
            expected="values such as it was fitted on",
            remedy="see to missing and infinite values, and to categories it was not fitted on",
        ) from None  # the library's own error may quote a value, and a traceback would print it


def in_blocks(score: Callable[[Any], Any], matrix: Any) -> Any:
    """Score rows some at a time: a kernel's features of a million rows at once take a gigabyte."""
    starts = range(0, max(1, len(matrix)), ROWS_AT_ONCE)
    parts = [score(matrix[start : start + ROWS_AT_ONCE]) for start in starts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _has_probability(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba")


def boosted_score(booster: xgb.Booster, matrix: Any) -> Any:
    """Return a Booster's probability of bad, shape (n,), up to its best round if it stopped early.

    ``inplace_predict`` spares the DMatrix: a tenth of the time for one row.
    """
    rounds = best_rounds(booster)
    return booster.inplace_predict(matrix, iteration_range=rounds, validate_features=False)


def best_rounds(booster: xgb.Booster) -> tuple[int, int]:
    """Return the rounds that score: up to the best one of early stopping, else (0, 0), all."""
    best = booster.attributes().get("best_iteration")
    return (0, 0) if best is None else (0, int(best) + 1)
