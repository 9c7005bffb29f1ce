"""A model as plain arithmetic: one row takes microseconds where frames take milliseconds.

The parameters are read from the fitted transformers, and the result is held against the model
itself when it is loaded. What is not known here is scored by the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from finrisk.serving.plain_features import Matrix, PlainDerivation, PlainFeatures
from finrisk.serving.trees import Raw, boosted, forest
from finrisk.tracking.calibrator import Calibrator, Scores
from finrisk.tracking.scoring_model import ScoringModel, answered

SAME = 1e-12
UNKNOWN = "\x00 no word of anybody's"

Positions = NDArray[np.intp]


class Scorer(Protocol):
    """What gives features a risk score."""

    @property
    def is_compiled(self) -> bool:
        """Whether it scores without frames."""

    def score(self, features: PlainFeatures) -> Scores:
        """Return the risk score, shape (n,), higher = riskier."""


@dataclass(frozen=True)
class ByFrames:
    """The model itself, for what cannot be compiled."""

    model: ScoringModel
    derivation: PlainDerivation
    is_compiled: bool = False

    def score(self, features: PlainFeatures) -> Scores:
        """Return the risk score, shape (n,), higher = riskier.

        Raises
        ------
        DataError
            The model does not take these rows.
        """
        return self.model.score(self.derivation.frame(features))


@dataclass(frozen=True)
class Numbers:
    """Numeric features to columns: chosen, then filled and flagged, then scaled, as far as fitted.

    Parameters
    ----------
    take : (k,) array of int
        Where each stands among the spec's numeric features.
    medians : (k,) array of float64, optional
        What stands for a missing number.
    flagged : (f,) array of int, optional
        Those that get a column which says that the number was missing.
    mean, scale : (k + f,) arrays of float64, optional
        Of the standardising.
    """

    take: Positions
    medians: Matrix | None = None
    flagged: Positions | None = None
    mean: Matrix | None = None
    scale: Matrix | None = None

    @property
    def width(self) -> int:
        """How many columns come of it."""
        return len(self.take) + (0 if self.flagged is None else len(self.flagged))

    def fill(self, numbers: Matrix, out: Matrix) -> None:
        """Write the columns of n rows into ``out``, shape (n, width)."""
        count = len(self.take)
        chosen = numbers[:, self.take]
        if self.medians is None or self.flagged is None:
            out[:, :count] = chosen
            return
        lacking = np.isnan(chosen)
        out[:, :count] = np.where(lacking, self.medians, chosen)
        out[:, count:] = lacking[:, self.flagged]
        if self.mean is not None and self.scale is not None:
            out -= self.mean
            out /= self.scale


@dataclass(frozen=True)
class Words:
    """One category to its columns, of which at most one is 1.

    Parameters
    ----------
    place : int
        Where the category stands among the spec's.
    columns : dict of str to int
        The column of each word that was fitted; −1: none.
    other : int
        The column of any other word; −1: none.
    width : int
        How many columns it has.
    """

    place: int
    columns: dict[str, int]
    other: int
    width: int

    def fill(self, words: list[str], out: Matrix) -> None:
        """Write the columns of n rows into ``out``, shape (n, width), which holds zeros."""
        for row, word in enumerate(words):
            column = self.columns.get(word, self.other)
            if column >= 0:
                out[row, column] = 1.0


@dataclass(frozen=True)
class Compiled:
    """Preprocessing, estimator and calibrator of a model, without frames.

    Parameters
    ----------
    raw : callable
        From the matrix to the estimator's own score.
    column_features : tuple of str
        The feature that each column of the matrix comes from.
    """

    numbers: Numbers
    words: tuple[Words, ...]
    raw: Raw
    calibrator: Calibrator
    column_features: tuple[str, ...]
    is_compiled: bool = True

    @classmethod
    def of(cls, model: ScoringModel, derivation: PlainDerivation) -> Self | None:
        """Compile a model; None where a part of it is none of those that FinRisk fits."""
        raw = _raw(model.estimator)
        parts = _preprocessing(model, derivation)
        if raw is None or parts is None:
            return None
        numbers, words = parts
        named = [*model.numeric, *_flagged_names(model.numeric, numbers)]
        for name, word in zip(model.categorical, words, strict=True):
            named += [name] * word.width
        return cls(numbers, words, raw, model.calibrator, tuple(named))

    def matrix(self, features: PlainFeatures) -> Matrix:
        """Return what the estimator sees, shape (n, columns)."""
        made = np.zeros((len(features), len(self.column_features)), dtype=np.float64)
        at = self.numbers.width
        self.numbers.fill(features.numbers, made[:, :at])
        for word in self.words:
            word.fill(features.words[word.place], made[:, at : at + word.width])
            at += word.width
        return made

    def score(self, features: PlainFeatures) -> Scores:
        """Return the risk score, shape (n,), higher = riskier."""
        return self.score_matrix(self.matrix(features))

    def score_matrix(self, matrix: Matrix) -> Scores:
        """Return the risk score of rows of :meth:`matrix`, shape (n,).

        Raises
        ------
        DataError
            The estimator does not take these rows.
        """
        # a score that is no number is for the caller to refuse
        with answered("these rows"), np.errstate(over="ignore", invalid="ignore"):
            return self.calibrator.calibrate(self.raw(matrix))


def compiled(model: ScoringModel, derivation: PlainDerivation, golden: pd.DataFrame) -> Scorer:
    """Return the fastest way to score that gives the golden rows the model's own scores.

    Parameters
    ----------
    golden : DataFrame
        Rows of the model's features, as its manifest has them.
    """
    found = Compiled.of(model, derivation)
    if found is None or not _same(found, model, derivation, golden):
        return ByFrames(model, derivation)
    return found


def _same(
    found: Compiled, model: ScoringModel, derivation: PlainDerivation, golden: pd.DataFrame
) -> bool:
    order = tuple(golden.columns)
    rows = golden.astype(object).where(golden.notna(), None).to_numpy().tolist()
    told = found.score(derivation.ready(rows, order))
    expected = model.score(golden)
    scale = np.maximum(1.0, np.abs(expected))
    return bool(np.all(np.abs(told - expected) / scale <= SAME))


def _flagged_names(numeric: tuple[str, ...], numbers: Numbers) -> list[str]:
    return [] if numbers.flagged is None else [numeric[place] for place in numbers.flagged]


def _preprocessing(
    model: ScoringModel, derivation: PlainDerivation
) -> tuple[Numbers, tuple[Words, ...]] | None:
    take = np.array([derivation.numeric.index(name) for name in model.numeric], dtype=np.intp)
    if model.preprocessor is None:
        plain = not model.categorical and model.feature_names == model.numeric
        return (Numbers(take), ()) if plain else None
    if not isinstance(model.preprocessor, ColumnTransformer):
        return None
    steps = {name: (part, columns) for name, part, columns in model.preprocessor.transformers_}
    if not set(steps) <= {"numeric", "categorical"}:
        return None
    chosen = tuple(list(steps.get(kind, (None, ()))[1]) for kind in ("numeric", "categorical"))
    if chosen != (list(model.numeric), list(model.categorical)):
        return None
    numbers = _numbers(steps.get("numeric", ("passthrough", ()))[0], take)
    words = _words(steps.get("categorical", (None, ()))[0], model.categorical, derivation)
    return None if numbers is None or words is None else (numbers, words)


def _numbers(part: Any, take: Positions) -> Numbers | None:
    if not len(take) or part == "passthrough" or _passes_through(part):
        return Numbers(take)
    steps = dict(part.steps) if isinstance(part, Pipeline) else {}
    if not steps or not set(steps) <= {"impute", "scale"} or "impute" not in steps:
        return None
    impute, scale = steps["impute"], steps.get("scale")
    flagged = np.array(getattr(impute.indicator_, "features_", ()), dtype=np.intp)
    return Numbers(
        take,
        medians=np.nan_to_num(np.asarray(impute.statistics_, dtype=np.float64)),  # none known: 0
        flagged=flagged,
        mean=None if scale is None else np.asarray(scale.mean_, dtype=np.float64),
        scale=None if scale is None else np.asarray(scale.scale_, dtype=np.float64),
    )


def _passes_through(part: Any) -> bool:
    """scikit-learn keeps "passthrough" as a transformer that has no function."""
    return type(part).__name__ == "FunctionTransformer" and part.func is None


def _words(
    encoder: Any, categorical: tuple[str, ...], derivation: PlainDerivation
) -> tuple[Words, ...] | None:
    if not categorical:
        return ()
    if not isinstance(encoder, OneHotEncoder) or encoder.drop_idx_ is not None:
        return None
    found, start = [], 0
    ends = np.cumsum(_widths(encoder, categorical))
    for position, (name, end) in enumerate(zip(categorical, ends.tolist(), strict=True)):
        known = [word for word in encoder.categories_[position] if isinstance(word, str)]
        rows = [[kinds[0] for kinds in encoder.categories_] for _ in (*known, UNKNOWN)]
        for row, word in zip(rows, (*known, UNKNOWN), strict=True):
            row[position] = word
        asked = pd.DataFrame(rows, columns=list(categorical))
        hot = np.asarray(encoder.transform(asked), dtype=np.float64)[:, start:end]
        *columns, other = [_hot_column(row) for row in hot]
        place = derivation.categorical.index(name)
        found.append(Words(place, dict(zip(known, columns, strict=True)), other, end - start))
        start = end
    return tuple(found)


def _widths(encoder: OneHotEncoder, categorical: tuple[str, ...]) -> list[int]:
    """Ask the fitted encoder how many columns each category has: rare words share one."""
    widths = []
    for position in range(len(categorical)):
        rare = encoder.infrequent_categories_[position] if encoder._infrequent_enabled else None
        shared = 0 if rare is None else len(rare) - 1
        widths.append(len(encoder.categories_[position]) - shared)
    return widths


def _hot_column(row: Matrix) -> int:
    hot = np.flatnonzero(row)
    return int(hot[0]) if len(hot) else -1


def _raw(estimator: Any) -> Raw | None:
    if isinstance(estimator, xgb.Booster):
        return boosted(estimator)
    if type(estimator) is LogisticRegression and estimator.coef_.shape[0] == 1:
        weights, intercept = estimator.coef_[0], estimator.intercept_[0]
        return lambda matrix: expit(matrix @ weights + intercept)
    if type(estimator) is RandomForestClassifier and estimator.n_classes_ == 2:  # noqa: PLR2004
        return forest([grown.tree_ for grown in estimator.estimators_])
    return None
