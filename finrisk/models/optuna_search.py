"""A seeded sampler that learns from the trials before, and drops what starts poorly.

It asks for configurations one by one: the first ones at random, then where the good ones were found
(TPE, Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"). After each fold but the
last, a configuration below the median of the complete ones is dropped. One process, one trial at a
time: that is what makes the same seed give the same trials.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import accumulate
from time import perf_counter
from typing import cast

import numpy as np
import optuna

from finrisk.models.estimators import Scores
from finrisk.models.grid import Configuration
from finrisk.models.prepared_folds import JudgingFold
from finrisk.models.recipe import Recipe
from finrisk.models.trials import Trial, best_of
from finrisk.specs.parameters import PARAMETERS, number_of
from finrisk.specs.training import Candidate, Parameter, Range, Values

AT_RANDOM = 10
"""First trials drawn at random; a third of all, where there are fewer than 30."""

COMPLETE_BEFORE_PRUNING = 5
"""A median of fewer trials is no measure."""

ENDLESS = 2**31

ASKS_PER_TRIAL = 4
"""The sampler may ask for what was tried before; it is answered without a fit, up to here."""


def search_optuna(
    folds: Sequence[JudgingFold], rows: int, candidate: Candidate, recipe: Recipe, most: int
) -> tuple[list[Trial], Scores]:
    """Try up to ``most`` different configurations.

    Parameters
    ----------
    folds : sequence of JudgingFold
        Oldest first: the smallest, so that what is dropped early cost little.
    rows : int
        Number of development rows.
    candidate : Candidate
        Lists are choices without an order; ranges are sampled.
    recipe : Recipe
        Its seed is the sampler's, too.
    most : int
        Trials, pruned ones included; fewer where the search holds fewer configurations.

    Returns
    -------
    list of Trial, (rows,) array of float
        In the order they were asked for; the best one's raw scores, NaN where no fold validated.
    """
    study = _study(recipe.seed, most)
    tried: dict[str, Trial] = {}
    best_scores = np.full(rows, np.nan)
    wanted = min(most, _configurations(candidate))
    for _ in range(ASKS_PER_TRIAL * wanted):
        if len(tried) == wanted:
            break
        asked = study.ask()
        parameters = candidate.parameters | _suggested(asked, candidate)
        name = json.dumps(parameters, sort_keys=True)
        if name in tried:
            _report_again(asked, tried[name])
        else:
            scores = np.full(rows, np.nan)
            tried[name] = _fitted(asked, folds, parameters, recipe, scores)
            if best_of(list(tried.values())) == len(tried) - 1:
                best_scores = scores
        _tell(study, asked, tried[name])
    return list(tried.values()), best_scores


def _study(seed: int, most: int) -> optuna.Study:
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()  # its warnings reach our log
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line for each trial would not be read
    return optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=min(AT_RANDOM, math.ceil(most / 3))
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPLETE_BEFORE_PRUNING),
    )


def _configurations(candidate: Candidate) -> int:
    """Return how many configurations there are; of real numbers, as many as anyone may ask for."""
    count = 1
    for name, part in candidate.search.items():
        if isinstance(part, tuple):
            count *= len(part)
        elif _whole(candidate, name):
            count *= int(part.high) - int(part.low) + 1
        else:
            return ENDLESS
    return count


def _whole(candidate: Candidate, name: str) -> bool:
    number = number_of(PARAMETERS[candidate.algorithm][name])
    return number is not None and number.whole


def _suggested(asked: optuna.Trial, candidate: Candidate) -> Configuration:
    """Ask for each parameter by name: two files of one digest may list them in another order."""
    return {
        name: _suggestion(asked, name, candidate.search[name], _whole(candidate, name))
        for name in sorted(candidate.search)
    }


def _suggestion(asked: optuna.Trial, name: str, part: Values | Range, whole: bool) -> Parameter:
    if isinstance(part, tuple):
        return cast("Parameter", asked.suggest_categorical(name, part))
    if whole:
        return asked.suggest_int(name, int(part.low), int(part.high), log=part.log)
    return asked.suggest_float(name, part.low, part.high, log=part.log)


def _fitted(
    asked: optuna.Trial,
    folds: Sequence[JudgingFold],
    parameters: Configuration,
    recipe: Recipe,
    scores: Scores,
) -> Trial:
    """Fit fold after fold until the configuration is dropped; writes into ``scores``."""
    began = perf_counter()
    scored: list[float] = []
    for fold in folds:
        scores[fold.rows], figure = fold.judge(parameters, recipe)
        scored.append(figure)
        # the sum, because the pruner compares the best report so far: a figure that falls from fold
        # to fold for every configuration would hide a poor second fold behind the first
        asked.report(sum(scored), step=len(scored))
        if len(scored) < len(folds) and asked.should_prune():
            return Trial(parameters, tuple(scored), perf_counter() - began, "pruned")
    return Trial(parameters, tuple(scored), perf_counter() - began)


def _report_again(asked: optuna.Trial, known: Trial) -> None:
    for step, total in enumerate(accumulate(known.fold_scores), start=1):
        asked.report(total, step=step)


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    if trial.complete:
        study.tell(asked, trial.mean_score)
    else:
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
