from __future__ import annotations

import logging

import numpy as np
import pytest

from finrisk.models import estimators
from finrisk.models.estimators import Estimator, build

CHANCE = np.random.default_rng(5)
MATRIX = CHANCE.normal(size=(200, 3))
LABELS = (CHANCE.random(200) < 1 / (1 + np.exp(-2 * MATRIX[:, 0]))).astype(np.int64)


def test_xgboost_has_explicit_threads_seed_and_histograms() -> None:
    found = build("xgboost", {"max_depth": 3}, seed=11, threads=2).get_params()

    assert (found["n_jobs"], found["random_state"], found["max_depth"]) == (2, 11, 3)
    assert (found["tree_method"], found["objective"]) == ("hist", "binary:logistic")


def test_a_spec_may_ask_for_exact_trees() -> None:
    exact = {"tree_method": "exact", "base_score": 0.5}

    assert build("xgboost", exact, seed=1, threads=1).get_params()["tree_method"] == "exact"


@pytest.mark.parametrize(
    ("parameters", "solver"),
    [
        ({"C": 0.1}, "newton-cholesky"),
        ({"l1_ratio": 0.0}, "newton-cholesky"),
        ({"l1_ratio": 0.5}, "saga"),
    ],
)
def test_only_an_l1_penalty_needs_the_slower_solver(
    parameters: dict[str, float], solver: str
) -> None:
    assert build("logistic_regression", parameters, seed=1, threads=1).solver == solver


def test_a_forest_has_bounded_leaves_unless_told_another_bound() -> None:
    found = build("random_forest", {}, seed=11, threads=2).get_params()
    bound = build("random_forest", {"min_samples_leaf": 7}, seed=11, threads=2).get_params()

    assert (found["n_estimators"], found["min_samples_leaf"]) == (200, 50)
    assert (found["random_state"], found["n_jobs"]) == (11, 2)
    assert bound["min_samples_leaf"] == 7


@pytest.mark.parametrize("name", ["max_features", "max_samples"])
def test_all_of_a_share_is_not_one_column_or_one_row(name: str) -> None:
    found = build("random_forest", {name: 1}, seed=1, threads=1).get_params()[name]

    assert isinstance(found, float)


def test_a_forest_scores_the_same_bits_however_many_threads_it_was_fitted_with() -> None:
    def fitted(threads: int) -> Estimator:
        forest = build("random_forest", {"min_samples_leaf": 5}, seed=3, threads=threads)
        return estimators.fit(forest, MATRIX, LABELS, threads=threads)

    scores = [estimators.raw_score(fitted(n), MATRIX, threads=n) for n in (1, 2, 2)]

    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[1], scores[2])
    assert fitted(2).get_params()["n_jobs"] == 1


@pytest.mark.parametrize("algorithm", ["logistic_regression", "xgboost", "random_forest"])
def test_a_score_is_higher_for_the_riskier(algorithm: str) -> None:
    estimator = estimators.fit(build(algorithm, {}, seed=1, threads=1), MATRIX, LABELS, threads=1)

    safe, risky = estimators.raw_score(estimator, np.array([[-2.0, 0, 0], [2.0, 0, 0]]), threads=1)

    assert 0.0 <= safe < risky <= 1.0


def test_a_fit_that_did_not_converge_is_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    unfinished = build("logistic_regression", {"max_iter": 1, "C": 7.0}, seed=1, threads=1)

    with caplog.at_level(logging.WARNING):
        estimators.fit(unfinished, MATRIX, LABELS, threads=1)

    assert "(C=7.0) did not converge in 1 iterations" in caplog.text
    assert np.isfinite(estimators.raw_score(unfinished, MATRIX, threads=1)).all()
