"""Why a row scored as it did: the features that raised its risk most, in the spec's own words.

From the model's own contributions to its score: of XGBoost exact tree contributions to the
log-odds; of logistic regression coefficient × (value − centre), of the log-odds too; of a random
forest what each split on a row's paths did to its probability. With one constant for all rows they
add up to the score. Several columns of one feature (its words, its flag for missing) are one
contribution. An anomaly detector's score has no such parts, and it is given no reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from finrisk.features.derive import MISSING
from finrisk.serving.compiled import Compiled, Scorer
from finrisk.serving.plain_features import Matrix, PlainDerivation, PlainFeatures
from finrisk.tracking.scoring_model import ScoringModel, best_rounds

MOST_REASONS = 4

Places = NDArray[np.intp]
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
        How far it moved the log-odds of bad, or a forest's probability; above 0: towards bad.
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


@dataclass(frozen=True)
class PathContributions:
    """Of a random forest: what each split on a row's way did to the share of bads, mean over trees.

    Saabas 2014, "Interpreting random forests": from a node to its child the share of bads changes,
    and the change is the feature's that the node asks for. With the mean share at the roots, one
    constant, the changes add up to the forest's score. All trees' nodes stand in one array.

    Parameters
    ----------
    parent : (m,) array of int
        Of each node; a root's is itself.
    asked : (m,) array of int
        The feature that the parent asks for.
    change : (m,) array of float64
        Of the share of bads, from the parent; a root's is 0.
    starts : tuple of int
        Where each tree's nodes begin.
    """

    compiled: Compiled
    trees: tuple[Any, ...]
    features: tuple[str, ...]
    parent: Places
    asked: Places
    change: Matrix
    starts: tuple[int, ...]

    @classmethod
    def of(cls, compiled: Compiled, trees: Sequence[Any], features: tuple[str, ...]) -> Self:
        """Lay a forest's nodes out."""
        place = {name: number for number, name in enumerate(features)}
        of_column = np.array([place[name] for name in compiled.column_features], dtype=np.intp)
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        parent = np.arange(starts[-1])
        asked = np.zeros(starts[-1], dtype=np.intp)
        change = np.zeros(starts[-1])
        for start, tree in zip(starts.tolist(), trees, strict=False):
            inner = np.flatnonzero(tree.children_left >= 0)
            share = tree.value[:, 0, 1]
            for children in (tree.children_left[inner], tree.children_right[inner]):
                parent[start + children] = start + inner
                asked[start + children] = of_column[tree.feature[inner]]
                change[start + children] = share[children] - share[inner]
        return cls(compiled, tuple(trees), features, parent, asked, change, tuple(starts[:-1]))

    def contributions(self, features: PlainFeatures) -> Matrix:
        """Return each feature's part of the probability of bad, shape (n, features)."""
        rows = np.ascontiguousarray(self.compiled.matrix(features), dtype=np.float32)
        ends = [
            tree.apply(rows) + start for tree, start in zip(self.trees, self.starts, strict=True)
        ]
        node = np.stack(ends, axis=1)
        count, wide = len(rows), len(self.features)
        row = np.broadcast_to(np.arange(count)[:, None] * wide, node.shape)
        sums = np.zeros(count * wide)
        while True:
            above = self.parent[node]
            if np.array_equal(above, node):
                break
            place = (row + self.asked[node]).ravel()
            sums += np.bincount(place, self.change[node].ravel(), minlength=sums.size)
            node = above
        return sums.reshape(count, wide) / len(self.trees)


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
    if isinstance(model.estimator, RandomForestClassifier):
        trees = [grown.tree_ for grown in model.estimator.estimators_]
        return PathContributions.of(scorer, trees, model.feature_names)
    return None


def principal_reasons(
    found: Explainer,
    features: PlainFeatures,
    words: Mapping[str, str],
    derivation: PlainDerivation | None = None,
) -> list[list[Reason]]:
    """Return up to four reasons of each row: what raised its risk, the most first.

    A feature that did not raise it is never among them, so that a row may have fewer.

    Parameters
    ----------
    words : mapping of str to str
        The spec's sentences; a feature that has none is named.
    derivation : PlainDerivation, optional
        Says which of the features' cells are whose: where one is missing, its sentence says so.
    """
    names = found.features
    parts = found.contributions(features)
    lacking = None if derivation is None else missing_cells(features, derivation, names)
    largest = np.argsort(-parts, axis=1, kind="stable")[:, :MOST_REASONS]
    return [
        [
            _reason(
                names[at],
                float(row[at]),
                words,
                lacks=lacking is not None and bool(lacking[number, at]),
            )
            for at in order
            if row[at] > 0.0
        ]
        for number, (row, order) in enumerate(zip(parts, largest, strict=True))
    ]


def missing_cells(
    features: PlainFeatures, derivation: PlainDerivation, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which cells of the named features are missing, shape (n, features)."""
    found = np.zeros((len(features), len(names)), dtype=bool)
    place = {name: number for number, name in enumerate(names)}
    for at, name in enumerate(derivation.numeric):
        if name in place:
            found[:, place[name]] = np.isnan(features.numbers[:, at])
    for at, name in enumerate(derivation.categorical):
        if name in place:
            found[:, place[name]] = [word == MISSING for word in features.words[at]]
    return found


def sentence(feature: str, words: Mapping[str, str]) -> str:
    """Return what is said of a feature.

    Examples
    --------
    >>> sentence("loan_to_income", {"loan_to_income": "Size of the loan beside the income"})
    'Size of the loan beside the income'
    >>> sentence("loan_to_income", {})
    'Loan to income'
    """
    return words.get(feature) or feature.replace("_", " ").strip().capitalize()


def _reason(feature: str, contribution: float, words: Mapping[str, str], *, lacks: bool) -> Reason:
    told = sentence(feature, words)
    return Reason(feature, f"{told}: not known" if lacks else told, contribution)


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
