from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import NotEnoughData
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.folds import expanding_folds
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.models.trials import SearchResult
from finrisk.models.tuning import search
from finrisk.specs.training import Candidate, Search

RECIPE = Recipe("logistic_regression", FeatureKinds(("signal", "noise"), ()), seed=1, threads=1)
ROWS, VINTAGES = 600, 6


def rows(seed: int = 2) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    signal = chance.normal(size=ROWS)
    labels = (chance.random(ROWS) < 1 / (1 + np.exp(1.0 - signal))).astype(np.int64)
    features = pd.DataFrame({"signal": signal, "noise": chance.normal(size=ROWS)})
    return features, labels, np.repeat(np.arange(VINTAGES), ROWS // VINTAGES)


def trying(**values: list[float]) -> Candidate:
    return Candidate(name="lr", algorithm="logistic_regression", search=values)


def searched(labels: np.ndarray | None = None, **values: list[float]) -> SearchResult:
    features, own, vintages = rows()
    folds = expanding_folds(vintages, folds=3)
    given = own if labels is None else labels
    return search(features, given, folds, trying(**(values or {"C": [1.0]})), RECIPE, Search())


def test_the_best_mean_score_wins_and_the_table_keeps_the_grids_order() -> None:
    found = searched(C=[1e-9, 1.0, 0.5])

    means = [trial.mean_score for trial in found.trials]
    assert found.best.mean_score == max(means)
    assert [trial.parameters["C"] for trial in found.trials] == [1e-9, 1.0, 0.5]
    assert all(trial.seconds > 0 and len(trial.fold_scores) == 3 for trial in found.trials)


def test_a_tie_goes_to_the_first_of_the_grid() -> None:
    found = searched(max_iter=[900, 901])

    assert found.best is found.trials[0]


def test_out_of_fold_scores_are_of_the_best_and_give_its_fold_scores() -> None:
    features, labels, vintages = rows()
    folds = expanding_folds(vintages, folds=3)

    found = search(features, labels, folds, trying(C=[1e-6, 1.0]), RECIPE, Search())

    out = found.out_of_fold
    assert out.rows.tolist() == sorted(np.concatenate([fold.validate for fold in folds]))
    np.testing.assert_array_equal(out.labels, labels[out.rows])
    for fold, auc in zip(folds, found.best.fold_scores, strict=True):
        within = np.isin(out.rows, fold.validate)
        assert ranking_metrics(out.labels[within], out.scores[within]).auc == auc


def test_rows_after_a_validated_block_do_not_change_its_scores() -> None:
    features, labels, vintages = rows()
    folds = expanding_folds(vintages, folds=3)
    first = folds[0].validate
    later = np.arange(ROWS) > first.max()

    before = search(features, labels, folds, trying(C=[1.0]), RECIPE, Search()).out_of_fold
    changed = features.copy()
    changed[later] = 99.0
    turned = np.where(later, 1 - labels, labels)
    after = search(changed, turned, folds, trying(C=[1.0]), RECIPE, Search()).out_of_fold

    known = np.isin(before.rows, first)
    np.testing.assert_array_equal(before.scores[known], after.scores[known])


def test_a_fold_of_one_class_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    _, labels, vintages = rows()

    with caplog.at_level(logging.WARNING):
        found = searched(np.where(vintages == VINTAGES - 1, 0, labels))

    assert len(found.best.fold_scores) == 2
    assert "1 of 3 folds have one class only" in caplog.text


def test_no_fold_with_both_classes_is_not_enough_data() -> None:
    _, _, vintages = rows()

    with pytest.raises(NotEnoughData, match="got 600 rows, 100 bad, in 3 fold"):
        searched((vintages == 0).astype(np.int64))


def test_what_was_searched_stands_beside_what_was_found() -> None:
    found = searched(C=[0.1, 1.0])

    assert found.parameter_grid == {"C": [0.1, 1.0]}
    assert found.seconds >= sum(trial.seconds for trial in found.trials)
    assert [trial.state for trial in found.trials] == ["complete"] * 2


def test_a_grid_above_the_most_configurations_is_sampled() -> None:
    features, labels, vintages = rows()
    candidate = trying(C=[0.1, 0.2, 0.3, 0.4, 0.5])
    how = Search(folds=2, max_configurations=2)

    found = search(features, labels, expanding_folds(vintages, 2), candidate, RECIPE, how)

    assert len(found.trials) == 2
