"""Folds that can judge a ranking, preprocessed once for all configurations."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.errors import NotEnoughData
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.estimators import Labels, Scores, raw_score
from finrisk.models.folds import Fold, Rows
from finrisk.models.grid import Configuration
from finrisk.models.recipe import Recipe

log = logging.getLogger(__name__)


class JudgingFold(Protocol):
    """A fold that fits and judges configurations, wherever its rows are."""

    @property
    def rows(self) -> Rows:
        """Positions of the validated rows among the development rows."""

    def judge(self, parameters: Configuration, recipe: Recipe) -> tuple[Scores, float]:
        """Fit one configuration; return raw scores of the validated rows, and their headline."""


@dataclass(frozen=True, slots=True)
class PreparedFold:
    """Both sides of a fold as matrices, by a preprocessor that saw its training rows alone.

    Parameters
    ----------
    train, validate : (n, m) arrays of float
        Preprocessed rows.
    train_labels, validate_labels : (n,) arrays of 0 and 1
        1 = bad.
    rows : (n,) array of int
        Positions of the validated rows among the development rows.
    """

    train: Any
    train_labels: Labels
    validate: Any
    validate_labels: Labels
    rows: Rows

    def judge(self, parameters: Configuration, recipe: Recipe) -> tuple[Scores, float]:
        """Fit one configuration; return raw scores of the validated rows, and their headline."""
        estimator = recipe.fit(self.train, self.train_labels, parameters)
        scores = raw_score(estimator, self.validate, threads=recipe.threads)
        return scores, headline_of(self.validate_labels, scores, recipe)


def headline_of(labels: Labels, scores: Scores, recipe: Recipe) -> float:
    """Return the headline metric of validated rows."""
    ranked = ranking_metrics(labels, scores)
    return ranked.auc if recipe.headline == "auc" else ranked.average_precision


def prepared_folds(
    features: pd.DataFrame, labels: Labels, folds: Sequence[Fold], recipe: Recipe
) -> Iterator[PreparedFold]:
    """Preprocess fold after fold, oldest first; who needs one at a time keeps one in memory."""
    for fold in folds:
        preprocessor = recipe.preprocessor()
        yield PreparedFold(
            train=preprocessor.fit_transform(features.iloc[fold.train]),
            train_labels=labels[fold.train],
            validate=preprocessor.transform(features.iloc[fold.validate]),
            validate_labels=labels[fold.validate],
            rows=fold.validate,
        )


def usable_folds(
    folds: Sequence[Fold], bads: Labels, rows: NDArray[np.int64] | None = None
) -> list[Fold]:
    """Return the folds with goods and bads on both sides; the others say nothing of ranking.

    Parameters
    ----------
    bads : (n,) array of int
        Of each position that the folds hold: a row's label, or how many of its rows are bad.
    rows : (n,) array of int, optional
        How many rows each position stands for; None: one.

    Raises
    ------
    NotEnoughData
        There is none.
    """
    counts = np.ones(len(bads), dtype=np.int64) if rows is None else rows
    usable = [
        fold
        for fold in folds
        if all(0 < bads[side].sum() < counts[side].sum() for side in (fold.train, fold.validate))
    ]
    if not usable:
        raise NotEnoughData(
            "no fold has goods and bads both to train and to validate on",
            expected="at least one of each, on both sides",
            got=f"{int(counts.sum())} rows, {int(bads.sum())} bad, in {len(folds)} fold(s)",
            remedy="wait for more labels to mature",
        )
    if len(usable) < len(folds):
        log.warning(
            "%d of %d folds have one class only: left out", len(folds) - len(usable), len(folds)
        )
    return usable
