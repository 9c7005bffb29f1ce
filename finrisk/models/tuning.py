"""Search a candidate's grid with folds that look forward in time, on development rows alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.errors import NotEnoughData
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.estimators import Labels, Scores, raw_score
from finrisk.models.folds import Fold
from finrisk.models.grid import Configuration
from finrisk.models.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration: its AUC on each fold's validated block, oldest first, and its seconds."""

    parameters: Configuration
    fold_aucs: tuple[float, ...]
    seconds: float

    @property
    def mean_auc(self) -> float:
        """Mean over the folds, in [0, 1]: what configurations are chosen by."""
        return sum(self.fold_aucs) / len(self.fold_aucs)

    @property
    def std_auc(self) -> float:
        """Standard deviation over the folds."""
        return float(np.std(self.fold_aucs))

    def to_json(self) -> dict[str, object]:
        """Return one row of the table of results."""
        return {
            "parameters": self.parameters,
            "fold_aucs": list(self.fold_aucs),
            "mean_auc": self.mean_auc,
            "std_auc": self.std_auc,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Rows that some fold validated, in row order: positions (m,), labels (m,), raw scores (m,)."""

    rows: NDArray[np.int64]
    labels: Labels
    scores: Scores


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Every trial in the grid's order, the best one, and what the best one said out of fold."""

    trials: tuple[Trial, ...]
    best: Trial
    out_of_fold: OutOfFold


def search(
    features: pd.DataFrame,
    labels: Labels,
    folds: Sequence[Fold],
    grid: Sequence[Configuration],
    recipe: Recipe,
) -> SearchResult:
    """Fit every configuration on every fold, and choose by the mean AUC.

    Rows are preprocessed once a fold, by a transformer that saw that fold's training rows alone.
    Folds with one class on either side say nothing of ranking, and are left out, logged.

    Parameters
    ----------
    features : DataFrame of shape (n, number of features)
        Aligned features of the development rows.
    labels : (n,) array of 0 and 1
        1 = bad.
    folds : sequence of Fold
        From :func:`finrisk.models.folds.expanding_folds`.
    grid : sequence of dict
        From :func:`finrisk.models.grid.configurations`.
    recipe : Recipe
        What is fitted, with which seed and threads.

    Returns
    -------
    SearchResult
        A tie goes to the configuration that stands first in the grid.

    Raises
    ------
    NotEnoughData
        No fold has goods and bads on both sides.
    """
    usable = _usable(folds, labels)
    scores = np.full((len(grid), len(labels)), np.nan)
    aucs = np.zeros((len(grid), len(usable)))
    seconds = np.zeros(len(grid))
    for f, fold in enumerate(usable):
        preprocessor = recipe.preprocessor()
        train = preprocessor.fit_transform(features.iloc[fold.train])
        validate = preprocessor.transform(features.iloc[fold.validate])
        for c, parameters in enumerate(grid):
            began = perf_counter()
            estimator = recipe.fit(train, labels[fold.train], parameters)
            scores[c, fold.validate] = raw_score(estimator, validate, threads=recipe.threads)
            seconds[c] += perf_counter() - began
            aucs[c, f] = ranking_metrics(labels[fold.validate], scores[c, fold.validate]).auc
    trials = tuple(
        Trial(parameters, tuple(aucs[c].tolist()), float(seconds[c]))
        for c, parameters in enumerate(grid)
    )
    best = int(np.argmax(aucs.mean(axis=1)))
    rows = np.flatnonzero(np.isfinite(scores[best]))
    return SearchResult(trials, trials[best], OutOfFold(rows, labels[rows], scores[best, rows]))


def _usable(folds: Sequence[Fold], labels: Labels) -> list[Fold]:
    usable = [
        fold
        for fold in folds
        if all(0 < labels[side].sum() < len(side) for side in (fold.train, fold.validate))
    ]
    if not usable:
        raise NotEnoughData(
            "no fold has goods and bads both to train and to validate on",
            expected="at least one of each, on both sides",
            got=f"{len(labels)} rows, {int(labels.sum())} bad, in {len(folds)} fold(s)",
            remedy="wait for more labels to mature",
        )
    if len(usable) < len(folds):
        log.warning(
            "%d of %d folds have one class only: left out", len(folds) - len(usable), len(folds)
        )
    return usable
