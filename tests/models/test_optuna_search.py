from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.folds import expanding_folds
from finrisk.models.optuna_search import ASKS_PER_TRIAL, search_optuna
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.models.trials import SearchResult, Trial
from finrisk.models.tuning import search
from finrisk.specs.training import Candidate, Search

KINDS = FeatureKinds(("signal", "noise"), ())
ROWS, VINTAGES = 600, 6
WIDE: dict[str, Any] = {
    "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
    "max_depth": {"low": 1, "high": 4},
    "grow_policy": ["depthwise", "lossguide"],
}


def boosted(**search: Any) -> Candidate:
    return Candidate.model_validate(
        {
            "name": "xgb",
            "algorithm": "xgboost",
            "parameters": {"n_estimators": 8},
            "search": search or WIDE,
        }
    )


def searched(candidate: Candidate, most: int = 12, seed: int = 1) -> SearchResult:
    chance = np.random.default_rng(2)
    signal = chance.normal(size=ROWS)
    labels = (chance.random(ROWS) < 1 / (1 + np.exp(1.0 - signal))).astype(np.int64)
    features = pd.DataFrame({"signal": signal, "noise": chance.normal(size=ROWS)})
    folds = expanding_folds(np.repeat(np.arange(VINTAGES), ROWS // VINTAGES), folds=3)
    how = Search(method="optuna", folds=3, max_configurations=most)
    found = search(features, labels, folds, candidate, Recipe("xgboost", KINDS, seed, 1), how)
    for fold, auc in zip(folds, found.best.fold_scores, strict=True):
        within = np.isin(found.out_of_fold.rows, fold.validate)
        scores = found.out_of_fold.scores[within]
        assert ranking_metrics(labels[fold.validate], scores).auc == auc
    return found


@dataclass
class ScriptedFold:
    """A fold whose AUC is what a configuration's ``gamma`` says; remembers what it judged."""

    rows: np.ndarray
    aucs: dict[float, float]
    judged: list[float] = field(default_factory=list)

    def judge(self, parameters: dict[str, Any], recipe: Recipe) -> tuple[np.ndarray, float]:
        gamma = parameters["gamma"]
        self.judged.append(gamma)
        return np.full(len(self.rows), gamma), self.aucs[gamma]


def scripted(*aucs: dict[float, float], most: int = 50) -> tuple[list[Trial], np.ndarray, Any]:
    folds: Any = [ScriptedFold(np.array([n]), table) for n, table in enumerate(aucs)]
    candidate = boosted(gamma=list(aucs[0]))
    recipe = Recipe("xgboost", KINDS, seed=3, threads=1)
    trials, scores = search_optuna(folds, len(aucs), candidate, recipe, most)
    return trials, scores, folds


def without_seconds(found: SearchResult) -> list[tuple[object, ...]]:
    return [(trial.parameters, trial.fold_scores, trial.state) for trial in found.trials]


def test_the_same_seed_gives_the_same_trials_and_scores_bit_for_bit() -> None:
    one, other = searched(boosted()), searched(boosted())

    assert without_seconds(one) == without_seconds(other)
    np.testing.assert_array_equal(one.out_of_fold.scores, other.out_of_fold.scores)
    assert without_seconds(one) != without_seconds(searched(boosted(), seed=2))


def test_the_order_in_which_a_file_lists_its_parameters_changes_nothing() -> None:
    turned = boosted(**dict(reversed(WIDE.items())))

    assert without_seconds(searched(boosted())) == without_seconds(searched(turned))


def test_trials_stay_within_their_ranges_and_lists_and_never_repeat() -> None:
    tried = [trial.parameters for trial in searched(boosted()).trials]

    assert len(tried) == len({str(sorted(p.items())) for p in tried}) == 12
    for parameters in tried:
        assert parameters["n_estimators"] == 8
        assert 0.01 <= float(parameters["learning_rate"]) <= 0.5
        assert parameters["max_depth"] in (1, 2, 3, 4)
        assert isinstance(parameters["max_depth"], int)
        assert parameters["grow_policy"] in ("depthwise", "lossguide")


def test_a_log_range_is_as_often_in_its_lowest_as_in_its_highest_tenfold() -> None:
    wide = boosted(gamma={"low": 0.001, "high": 10.0, "log": True})

    tried = [float(trial.parameters["gamma"]) for trial in searched(wide, most=30).trials]

    assert sum(gamma < 0.1 for gamma in tried) >= 5


@pytest.mark.parametrize(
    ("search", "most", "expected"),
    [
        ({"max_depth": [1, 2, 3]}, 12, 3),
        ({"max_depth": {"low": 1, "high": 3}}, 12, 3),
        ({"max_depth": [1, 2, 3], "gamma": {"low": 0.0, "high": 1.0}}, 7, 7),
        ({"max_depth": [1]}, 12, 1),
    ],
)
def test_a_search_ends_when_there_is_nothing_left_to_try(
    search: dict[str, Any], most: int, expected: int
) -> None:
    assert len(searched(boosted(**search), most).trials) == expected


def test_without_anything_to_search_the_fixed_parameters_are_the_one_trial() -> None:
    candidate = Candidate(name="xgb", algorithm="xgboost", parameters={"n_estimators": 5})

    found = searched(candidate)

    assert [trial.parameters for trial in found.trials] == [{"n_estimators": 5}]


def test_a_configuration_asked_for_twice_is_fitted_once() -> None:
    values = {float(n): 0.5 + n / 100 for n in range(6)}

    trials, _, folds = scripted(values, values)

    assert len(folds[0].judged) == len(trials) <= len(values) * ASKS_PER_TRIAL
    assert sorted(folds[0].judged) == sorted(set(folds[0].judged))


def test_a_poor_first_fold_drops_a_configuration_and_spares_the_next_folds() -> None:
    first = {float(n): 0.9 if n % 2 else 0.6 for n in range(40)}

    trials, _, folds = scripted(first, first, first)

    dropped = [trial for trial in trials if not trial.complete]
    assert dropped
    assert all(trial.fold_scores == (0.6,) for trial in dropped)
    assert len(folds[1].judged) == len(trials) - len(dropped)


def test_a_poor_second_fold_drops_too_though_folds_get_harder_for_all() -> None:
    easy = {float(n): 0.9 for n in range(40)}
    hard = {float(n): 0.7 if n % 2 else 0.5 for n in range(40)}

    trials, _, folds = scripted(easy, hard, hard)

    dropped = [trial for trial in trials if not trial.complete]
    assert dropped
    assert all(trial.fold_scores == (0.9, 0.5) for trial in dropped)
    assert len(folds[2].judged) == len(trials) - len(dropped)


def test_a_dropped_configuration_never_wins_whatever_its_first_fold_says() -> None:
    first = {float(n): 0.60 + n / 1000 for n in range(40)}
    rest = {float(n): 0.90 - n / 1000 for n in range(40)}

    trials, scores, _ = scripted(first, rest, rest)

    complete = {t.parameters["gamma"]: t.mean_score for t in trials if t.complete}
    best = max(complete, key=lambda gamma: complete[gamma])
    assert scores.tolist() == [best] * 3


def test_nothing_is_dropped_after_its_last_fold() -> None:
    table = {float(n): 0.9 if n % 2 else 0.6 for n in range(40)}

    trials, _, _ = scripted(table)

    assert all(trial.complete for trial in trials)


def test_a_search_is_silent_on_the_console_and_in_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        searched(boosted(), most=3)

    assert capfd.readouterr().err == ""
    assert "Trial" not in caplog.text


def test_a_warning_of_the_sampler_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    searched(boosted(), most=2)

    with caplog.at_level(logging.WARNING):
        logging.getLogger("optuna.study").warning("something odd")

    assert "something odd" in caplog.text
