"""What a search found: its trials as a table, the best one, and how they spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from finrisk.models.estimators import Labels, Scores
from finrisk.models.grid import Configuration
from finrisk.specs.training import Candidate, Range

Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration: its headline metric on each fold's validated block, and its seconds.

    A pruned one was dropped after its first folds, and has only theirs.
    """

    parameters: Configuration
    fold_scores: tuple[float, ...]
    seconds: float
    state: Literal["complete", "pruned"] = "complete"

    @property
    def complete(self) -> bool:
        """Whether every fold was fitted: only such a trial can be the best."""
        return self.state == "complete"

    @property
    def mean_score(self) -> float:
        """Mean over its folds, in [0, 1]: what configurations are chosen by."""
        return sum(self.fold_scores) / len(self.fold_scores)

    @property
    def std_score(self) -> float:
        """Standard deviation over its folds."""
        return float(np.std(self.fold_scores))


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Rows that some fold validated, in row order: positions (m,), labels (m,), raw scores (m,)."""

    rows: NDArray[np.int64]
    labels: Labels
    scores: Scores


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Every trial in the order of the search, the best one, and what it said out of fold.

    Parameters
    ----------
    trials : tuple of Trial
        In the grid's order, or in the order the sampler asked for them.
    best : Trial
        The highest mean among the complete ones; a tie goes to the first.
    out_of_fold : OutOfFold
        The best trial's raw scores.
    parameter_grid : dict
        What was searched, as plain JSON: see :func:`parameter_grid`.
    seconds : float
        Wall time of the whole search, preprocessing included.
    """

    trials: tuple[Trial, ...]
    best: Trial
    out_of_fold: OutOfFold
    parameter_grid: dict[str, object]
    seconds: float

    @property
    def best_parameters(self) -> Configuration:
        """Of the best trial."""
        return self.best.parameters

    @property
    def cv_results(self) -> Rows:
        """One row a trial, under scikit-learn's names, as plain JSON values.

        A pruned trial has None for the folds it was spared, for its mean and for its rank: a mean
        over fewer folds does not compare.
        """
        folds, ranks = len(self.best.fold_scores), _ranks(self.trials)
        return [
            {"parameters": trial.parameters}
            | {f"split{f}_test_score": _nth(trial.fold_scores, f) for f in range(folds)}
            | {
                "mean_test_score": trial.mean_score if trial.complete else None,
                "std_test_score": trial.std_score if trial.complete else None,
                "rank_test_score": rank,
                "seconds": trial.seconds,
                "state": trial.state,
            }
            for trial, rank in zip(self.trials, ranks, strict=True)
        ]

    @property
    def performance_summary(self) -> dict[str, float]:
        """Best, median and worst mean of the complete trials; counts of trials; seconds."""
        means = [trial.mean_score for trial in self.trials if trial.complete]
        return {
            "best": self.best.mean_score,
            "median": median(means),
            "worst": min(means),
            "trials": len(self.trials),
            "pruned": len(self.trials) - len(means),
            "folds": len(self.best.fold_scores),
            "seconds": self.seconds,
        }


def best_of(trials: Sequence[Trial]) -> int:
    """Return the position of the complete trial with the highest mean; a tie: the first."""
    return max(range(len(trials)), key=lambda n: (trials[n].complete, trials[n].mean_score, -n))


def parameter_grid(candidate: Candidate) -> dict[str, object]:
    """Return what a search tries as plain JSON: for each parameter its values, or its range.

    Examples
    --------
    >>> parameter_grid(Candidate(
    ...     name="xgb", algorithm="xgboost", parameters={"subsample": 0.8},
    ...     search={"max_depth": [2, 3], "gamma": {"low": 0.0, "high": 1.0}}))
    {'subsample': [0.8], 'max_depth': [2, 3], 'gamma': {'low': 0.0, 'high': 1.0, 'log': False}}
    """
    fixed: dict[str, object] = {name: [value] for name, value in candidate.parameters.items()}
    searched = {
        name: part.model_dump() if isinstance(part, Range) else list(part)
        for name, part in candidate.search.items()
    }
    return fixed | searched


def _ranks(trials: Sequence[Trial]) -> list[int | None]:
    """Rank the complete trials from 1; equal means share the better rank."""
    means = [trial.mean_score for trial in trials if trial.complete]
    return [
        1 + sum(mean > trial.mean_score for mean in means) if trial.complete else None
        for trial in trials
    ]


def _nth(values: Sequence[float], position: int) -> float | None:
    return values[position] if position < len(values) else None
