from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import NotEnoughData
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.folds import expanding_folds
from finrisk.models.grid import Configuration
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.models.tuning import SearchResult, search

RECIPE = Recipe("logistic_regression", FeatureKinds(("signal", "noise"), ()), seed=1, threads=1)
ROWS, VINTAGES = 600, 6


def rows(seed: int = 2) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    signal = chance.normal(size=ROWS)
    labels = (chance.random(ROWS) < 1 / (1 + np.exp(1.0 - signal))).astype(np.int64)
    features = pd.DataFrame({"signal": signal, "noise": chance.normal(size=ROWS)})
    return features, labels, np.repeat(np.arange(VINTAGES), ROWS // VINTAGES)


def searched(labels: np.ndarray | None = None, *grid: Configuration) -> SearchResult:
    features, own, vintages = rows()
    folds = expanding_folds(vintages, folds=3)
    return search(features, own if labels is None else labels, folds, grid or [{"C": 1.0}], RECIPE)


def test_the_best_mean_auc_wins_and_the_table_keeps_the_grids_order() -> None:
    found = searched(None, {"C": 1e-9, "max_iter": 1}, {"C": 1.0}, {"C": 0.5})

    means = [trial.mean_auc for trial in found.trials]
    assert found.best.mean_auc == max(means)
    assert [trial.parameters["C"] for trial in found.trials] == [1e-9, 1.0, 0.5]
    assert all(trial.seconds > 0 and len(trial.fold_aucs) == 3 for trial in found.trials)


def test_a_tie_goes_to_the_first_of_the_grid() -> None:
    found = searched(None, {"C": 1.0, "max_iter": 900}, {"C": 1.0, "max_iter": 901})

    assert found.best is found.trials[0]


def test_out_of_fold_scores_are_of_the_best_and_give_its_fold_aucs() -> None:
    features, labels, vintages = rows()
    folds = expanding_folds(vintages, folds=3)

    found = search(features, labels, folds, [{"C": 1e-6}, {"C": 1.0}], RECIPE)

    out = found.out_of_fold
    assert out.rows.tolist() == sorted(np.concatenate([fold.validate for fold in folds]))
    np.testing.assert_array_equal(out.labels, labels[out.rows])
    for fold, auc in zip(folds, found.best.fold_aucs, strict=True):
        within = np.isin(out.rows, fold.validate)
        assert ranking_metrics(out.labels[within], out.scores[within]).auc == auc


def test_rows_after_a_validated_block_do_not_change_its_scores() -> None:
    features, labels, vintages = rows()
    folds = expanding_folds(vintages, folds=3)
    first = folds[0].validate
    later = np.arange(ROWS) > first.max()

    before = search(features, labels, folds, [{"C": 1.0}], RECIPE).out_of_fold
    changed = features.copy()
    changed[later] = 99.0
    after = search(
        changed, np.where(later, 1 - labels, labels), folds, [{"C": 1.0}], RECIPE
    ).out_of_fold

    known = np.isin(before.rows, first)
    np.testing.assert_array_equal(before.scores[known], after.scores[known])


def test_a_fold_of_one_class_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    _, labels, vintages = rows()

    with caplog.at_level(logging.WARNING):
        found = searched(np.where(vintages == VINTAGES - 1, 0, labels))

    assert len(found.best.fold_aucs) == 2
    assert "1 of 3 folds have one class only" in caplog.text


def test_no_fold_with_both_classes_is_not_enough_data() -> None:
    _, _, vintages = rows()

    with pytest.raises(NotEnoughData, match="got 600 rows, 100 bad, in 3 fold"):
        searched((vintages == 0).astype(np.int64))


def test_a_trial_is_a_row_of_plain_json() -> None:
    row = searched().trials[0].to_json()

    assert set(row) == {"parameters", "fold_aucs", "mean_auc", "std_auc", "seconds"}
    assert row["std_auc"] == np.std(row["fold_aucs"])
