"""Search a candidate's configurations on folds that look forward in time, on development rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

import numpy as np
import pandas as pd

from finrisk.models.estimators import Labels, Scores
from finrisk.models.folds import Fold, Rows
from finrisk.models.grid import Configuration, configurations
from finrisk.models.prepared_folds import JudgingFold, prepared_folds, usable_folds
from finrisk.models.recipe import Recipe
from finrisk.models.trials import OutOfFold, SearchResult, Trial, best_of, parameter_grid
from finrisk.specs.training import Candidate, Search


def search(
    features: pd.DataFrame,
    labels: Labels,
    folds: Sequence[Fold],
    candidate: Candidate,
    recipe: Recipe,
    how: Search,
) -> SearchResult:
    """Fit configurations on the folds, and choose by the mean of the headline metric.

    Rows are preprocessed once a fold, by a transformer that saw that fold's training rows alone.
    Folds with one class on either side say nothing of ranking, and are left out, logged. The same
    rows, candidate and recipe give the same trials, bit for bit.

    Parameters
    ----------
    features : DataFrame of shape (n, number of features)
        Aligned features of the development rows.
    labels : (n,) array of 0 and 1
        1 = bad.
    folds : sequence of Fold
        From :func:`finrisk.models.folds.expanding_folds`.
    candidate : Candidate
        What is searched.
    recipe : Recipe
        What is fitted, with which seed and threads.
    how : Search
        Grid or sampler, and how many configurations.

    Returns
    -------
    SearchResult
        A tie goes to the configuration that was tried first.

    Raises
    ------
    NotEnoughData
        No fold has goods and bads on both sides.
    """
    prepared = prepared_folds(features, labels, usable_folds(folds, labels), recipe)
    return search_folds(prepared, labels, candidate, recipe, how)


def search_folds(
    prepared: Iterable[JudgingFold],
    labels: Labels,
    candidate: Candidate,
    recipe: Recipe,
    how: Search,
) -> SearchResult:
    """Do as :func:`search` on folds that are prepared, wherever their rows are.

    Parameters
    ----------
    prepared : iterable of JudgingFold
        Oldest first; a grid needs one at a time.
    labels : (n,) array of 0 and 1
        Of all development rows.
    """
    began = perf_counter()
    if how.method == "optuna":
        # half a second of imports that a grid can do without
        from finrisk.models.optuna_search import search_optuna

        trials, scores = search_optuna(
            list(prepared), len(labels), candidate, recipe, how.max_configurations
        )
    else:
        grid = configurations(candidate, how.max_configurations, recipe.seed)
        trials, scores = _search_grid(prepared, len(labels), grid, recipe)
    rows = np.flatnonzero(np.isfinite(scores))
    return SearchResult(
        trials=tuple(trials),
        best=trials[best_of(trials)],
        out_of_fold=OutOfFold(rows, labels[rows], scores[rows]),
        parameter_grid=parameter_grid(candidate),
        seconds=perf_counter() - began,
    )


def _search_grid(
    folds: Iterable[JudgingFold], rows: int, grid: Sequence[Configuration], recipe: Recipe
) -> tuple[list[Trial], Scores]:
    """Try every configuration on every fold; one fold at a time is in memory."""
    # each as long as the fold validates, and no wider than the estimator answered
    scored: list[tuple[Rows, list[Scores]]] = []
    figures: list[list[float]] = [[] for _ in grid]
    seconds = np.zeros(len(grid))
    for fold in folds:
        scored.append((fold.rows, []))
        for c, parameters in enumerate(grid):
            began = perf_counter()
            scores, figure = fold.judge(parameters, recipe)
            scored[-1][1].append(scores)
            figures[c].append(figure)
            seconds[c] += perf_counter() - began
    trials = [
        Trial(parameters, tuple(figures[c]), float(seconds[c])) for c, parameters in enumerate(grid)
    ]
    best = np.full(rows, np.nan)
    for validated, of_grid in scored:
        best[validated] = of_grid[best_of(trials)]
    return trials, best
