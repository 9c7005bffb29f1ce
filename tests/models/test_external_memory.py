from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finrisk.features.derive import derive_features
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.trainer import FittedCandidate, fit_candidate
from finrisk.specs.model_spec import ModelSpec
from tests.models.factories import (
    BOOSTED,
    a_fraud_spec,
    a_spec,
    development_rows,
    transactions,
)
from tests.models.snapshots import fitted_on_disk


def in_memory(
    rows: pd.DataFrame, spec: ModelSpec | None = None, candidate: str = "xgboost"
) -> FittedCandidate:
    spec = spec or a_spec()
    return fit_candidate(rows, spec, spec.candidate(candidate), threads=1)


def demand_alike(one: FittedCandidate, other: FittedCandidate, later: pd.DataFrame) -> None:
    mine, theirs = one.model.score(later), other.model.score(later)
    assert np.abs(mine - theirs).max() < 0.02
    assert np.corrcoef(mine, theirs)[0, 1] > 0.999
    assert one.development_score == pytest.approx(other.development_score, abs=0.005)
    assert one.best_parameters == other.best_parameters
    np.testing.assert_array_equal(one.search.out_of_fold.rows, other.search.out_of_fold.rows)
    np.testing.assert_array_equal(one.search.out_of_fold.labels, other.search.out_of_fold.labels)
    assert (one.rows, one.bads) == (other.rows, other.bads)


def test_rows_on_disk_give_nearly_the_model_of_rows_in_memory(tmp_path: Path) -> None:
    rows, spec = development_rows(), a_spec()
    later = derive_features(development_rows(seed=8), spec)

    on_disk, days = fitted_on_disk(tmp_path, rows, spec, "xgboost")

    demand_alike(on_disk, in_memory(rows), later)
    assert len(days) == len(on_disk.search.out_of_fold.rows)


def test_rows_of_one_page_give_the_same_scores_bit_for_bit(tmp_path: Path) -> None:
    rows, spec = development_rows(), a_spec()
    later = derive_features(development_rows(seed=8), spec)

    on_disk, _ = fitted_on_disk(
        tmp_path, rows, spec, "xgboost", page_rows=10_000, group_rows=10_000
    )

    memory = in_memory(rows)
    np.testing.assert_array_equal(on_disk.model.score(later), memory.model.score(later))
    assert on_disk.feature_importance == memory.feature_importance
    assert on_disk.out_of_fold_metrics == memory.out_of_fold_metrics
    pd.testing.assert_frame_equal(on_disk.golden_rows, memory.golden_rows)


def test_two_fits_on_disk_give_the_same_scores_bit_for_bit(tmp_path: Path) -> None:
    rows, spec = development_rows(), a_spec()
    later = derive_features(development_rows(seed=8), spec)

    one, _ = fitted_on_disk(tmp_path / "one", rows, spec, "xgboost")
    other, _ = fitted_on_disk(tmp_path / "other", rows, spec, "xgboost")

    np.testing.assert_array_equal(one.model.score(later), other.model.score(later))


def test_prequential_folds_and_the_newest_days_are_the_same_on_disk(tmp_path: Path) -> None:
    rows, spec = transactions(rows_per_day=300), a_fraud_spec()
    later = derive_features(transactions(seed=8), spec)

    on_disk, days = fitted_on_disk(tmp_path, rows, spec, "xgboost")

    demand_alike(on_disk, in_memory(rows, spec), later)
    assert on_disk.rows == 4 * 300
    validated = pd.to_datetime(rows["_vintage"]).to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(days, validated[on_disk.search.out_of_fold.rows])


def test_a_sampled_search_with_other_bins_runs_on_disk(tmp_path: Path) -> None:
    spec = a_spec(
        training={"search": {"method": "optuna", "folds": 2, "max_configurations": 4}},
        candidates=[BOOSTED | {"search": {"max_bin": [16, 256], "max_depth": [2, 3]}}],
    )
    rows = development_rows()

    on_disk, _ = fitted_on_disk(tmp_path, rows, spec, "xgboost")

    memory = in_memory(rows, spec)
    assert [t.parameters for t in on_disk.search.trials] == [
        t.parameters for t in memory.search.trials
    ]
    assert on_disk.development_score == pytest.approx(memory.development_score, abs=0.005)


def test_a_constraint_reaches_the_model_on_disk(tmp_path: Path) -> None:
    spec = a_spec(candidates=[BOOSTED | {"monotonic": {"amount_to_income": "decreasing"}}])
    burdens = derive_features(development_rows(), spec).iloc[[0] * 50].copy()
    burdens["amount_to_income"] = np.geomspace(0.1, 10.0, 50)

    on_disk, _ = fitted_on_disk(tmp_path, development_rows(), spec, "xgboost")

    assert (np.diff(on_disk.model.score(burdens)) <= 0).all()


def test_nothing_of_the_rows_is_left_on_disk(tmp_path: Path) -> None:
    fitted_on_disk(tmp_path, development_rows(), a_spec(), "xgboost")

    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_model_on_disk_ranks_new_rows(tmp_path: Path) -> None:
    later = development_rows(seed=8)

    on_disk, _ = fitted_on_disk(tmp_path, development_rows(), a_spec(), "xgboost")

    scores = on_disk.model.score(derive_features(later, a_spec()))
    assert ranking_metrics(later["_label"].to_numpy(dtype=np.int64), scores).auc > 0.7
