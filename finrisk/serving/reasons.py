"""Why a row scored as it did: the features that raised its risk most, in the spec's own words.

From the model's own contributions to the log-odds: of XGBoost exact tree contributions, which add
up to its score; of logistic regression coefficient × (value − centre). Several columns of one
feature (its words, its flag for missing) are one contribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from finrisk.serving.compiled import Compiled, Scorer
from finrisk.serving.plain_features import Matrix, PlainFeatures
from finrisk.tracking.scoring_model import ScoringModel, best_rounds

MOST_REASONS = 4
LARGEST = float(np.finfo(np.float32).max)  # beyond it a DMatrix takes no number; no split is there


@dataclass(frozen=True, slots=True)
class Reason:
    """One principal reason of a row.

    Parameters
    ----------
    code : str
        The feature: it stays the same as long as the spec has it.
    sentence : str
        In plain words.
    contribution : float
        How far it moved the log-odds of bad; above 0: towards bad.
    """

    code: str
    sentence: str
    contribution: float


class Explainer(Protocol):
    """What says how much each feature did to a row's score."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in the order of the contributions."""

    def contributions(self, features: PlainFeatures) -> Matrix:
        """Return each feature's part of the log-odds of bad, shape (n, features)."""


@dataclass(frozen=True)
class TreeContributions:
    """Of a Booster: with its bias they add up to the raw score's log-odds."""

    compiled: Compiled
    booster: xgb.Booster
    features: tuple[str, ...]

    def contributions(self, features: PlainFeatures) -> Matrix:
        """Return each feature's part of the log-odds of bad, shape (n, features)."""
        within = np.clip(self.compiled.matrix(features), -LARGEST, LARGEST)
        rows = xgb.DMatrix(within, nthread=1)
        found = self.booster.predict(
            rows,
            pred_contribs=True,
            validate_features=False,
            iteration_range=best_rounds(self.booster),
        )
        return _by_feature(found[:, :-1], self.compiled.column_features, self.features)


@dataclass(frozen=True)
class LinearContributions:
    """Of logistic regression: how far each feature is from its centre, in log-odds.

    A standardised column's centre is 0, its mean in development. A category's is the mean over its
    words, since the artifact does not say how often each came.
    """

    compiled: Compiled
    weights: Matrix
    centres: Matrix
    features: tuple[str, ...]

    def contributions(self, features: PlainFeatures) -> Matrix:
        """Return each feature's part of the log-odds of bad, shape (n, features)."""
        parts = (self.compiled.matrix(features) - self.centres) * self.weights
        return _by_feature(parts, self.compiled.column_features, self.features)


def explainer(model: ScoringModel, scorer: Scorer) -> Explainer | None:
    """Return what explains a model; None where its contributions are not known."""
    if not isinstance(scorer, Compiled):
        return None
    if isinstance(model.estimator, xgb.Booster):
        return TreeContributions(scorer, model.estimator, model.feature_names)
    scaled = scorer.numbers.mean is not None
    if isinstance(model.estimator, LogisticRegression) and scaled:
        return LinearContributions(
            scorer,
            np.asarray(model.estimator.coef_[0], dtype=np.float64),
            _centres(scorer),
            model.feature_names,
        )
    return None


def principal_reasons(
    found: Explainer, features: PlainFeatures, words: Mapping[str, str]
) -> list[list[Reason]]:
    """Return up to four reasons of each row: what raised its risk, the most first.

    A feature that did not raise it is never among them, so that a row may have fewer.

    Parameters
    ----------
    words : mapping of str to str
        The spec's sentences; a feature that has none is named.
    """
    names = found.features
    parts = found.contributions(features)
    largest = np.argsort(-parts, axis=1, kind="stable")[:, :MOST_REASONS]
    return [
        [_reason(names[at], float(row[at]), words) for at in order if row[at] > 0.0]
        for row, order in zip(parts, largest, strict=True)
    ]


def sentence(feature: str, words: Mapping[str, str]) -> str:
    """Return what is said of a feature.

    Examples
    --------
    >>> sentence("loan_to_income", {"loan_to_income": "The loan is large beside the income"})
    'The loan is large beside the income'
    >>> sentence("loan_to_income", {})
    'Loan to income'
    """
    return words.get(feature) or feature.replace("_", " ").strip().capitalize()


def _reason(feature: str, contribution: float, words: Mapping[str, str]) -> Reason:
    return Reason(feature, sentence(feature, words), contribution)


def _by_feature(
    parts: NDArray[np.floating], columns: Sequence[str], features: Sequence[str]
) -> Matrix:
    place = {name: number for number, name in enumerate(features)}
    sums = np.zeros((len(parts), len(features)), dtype=np.float64)
    for column, name in enumerate(columns):
        sums[:, place[name]] += parts[:, column]
    return sums


def _centres(scorer: Compiled) -> Matrix:
    centres = np.zeros(len(scorer.column_features), dtype=np.float64)
    at = scorer.numbers.width
    for word in scorer.words:
        centres[at : at + word.width] = 1.0 / max(1, word.width)
        at += word.width
    return centres
