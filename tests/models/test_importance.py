from __future__ import annotations

import numpy as np
import pytest

from finrisk.models import estimators
from finrisk.models.detectors import fit_detector
from finrisk.models.importance import feature_importance
from finrisk.specs.parameters import DETECTORS
from finrisk.specs.training import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("logistic_regression", "xgboost", "random_forest")
CHANCE = np.random.default_rng(29)
MATRIX = CHANCE.normal(size=(800, 4)) * (1.0, 1.0, 1.0, 100.0)  # scales differ, shares may not
LABELS = (CHANCE.random(800) < 1 / (1 + np.exp(-2 * MATRIX[:, 1] - MATRIX[:, 2]))).astype(np.int64)
COLUMNS = ("age", "home", "home", "noise")
FEATURES = ("age", "home", "noise", "unused")


def importance(algorithm: Algorithm, matrix: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    unfitted = estimators.build(algorithm, {}, seed=1, threads=1)
    fitted = estimators.fit(unfitted, matrix, labels, threads=1)
    return feature_importance(fitted, matrix, COLUMNS, FEATURES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_columns_of_a_feature_add_up_and_shares_sum_to_one(algorithm: Algorithm) -> None:
    shares = importance(algorithm, MATRIX, LABELS)

    assert next(iter(shares)) == "home"
    assert set(shares) == set(FEATURES)
    assert shares["home"] > 0.5
    assert shares["unused"] == 0.0
    assert min(shares.values()) >= 0.0
    assert sum(shares.values()) == pytest.approx(1.0)


def test_the_scale_of_a_column_does_not_buy_a_coefficient_importance() -> None:
    narrow = importance("logistic_regression", MATRIX, LABELS)
    wide = importance("logistic_regression", MATRIX * (1.0, 50.0, 1.0, 1.0), LABELS)

    assert wide["home"] == pytest.approx(narrow["home"], abs=0.02)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_model_that_uses_no_feature_gives_none_a_share(algorithm: Algorithm) -> None:
    shares = importance(algorithm, np.zeros((800, 4)), LABELS)

    assert shares == dict.fromkeys(FEATURES, 0.0)


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_a_detector_leans_on_what_moves_its_score(algorithm: Algorithm) -> None:
    rows = np.column_stack((MATRIX[:, 0], MATRIX[:, 1], MATRIX[:, 2], np.zeros(800)))
    detector = fit_detector(algorithm, rows, {}, seed=1, threads=1)

    shares, again = (feature_importance(detector, rows, COLUMNS, FEATURES, seed=2) for _ in "12")

    assert list(shares) == ["home", "age", "noise", "unused"]  # home has two columns
    assert shares["noise"] == shares["unused"] == 0.0
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares == again


def test_all_columns_of_a_feature_change_places_together() -> None:
    """A row of two homes at once would be odd to any detector, and home would seem to matter."""

    class BothHomes:
        def score_samples(self, X: np.ndarray) -> np.ndarray:
            return (X[:, 1] != X[:, 2]).astype(float)

    home = np.repeat([0.0, 1.0], 400)
    rows = np.column_stack((MATRIX[:, 0], home, 1.0 - home, MATRIX[:, 3]))

    shares = feature_importance(BothHomes(), rows, COLUMNS, FEATURES)

    assert shares == dict.fromkeys(FEATURES, 0.0)
