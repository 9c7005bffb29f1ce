from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finrisk.errors import ConfigurationError
from finrisk.models import estimators
from finrisk.models.detectors import fit_detector
from finrisk.models.estimators import build, raw_score
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.monitoring.fitted import algorithm_of, keeps_rows
from finrisk.specs.parameters import DETECTORS
from finrisk.specs.training import Algorithm
from finrisk.tracking.calibrator import Uncalibrated
from finrisk.tracking.flavor import load_with_manifest
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer, Verifier, create_keys
from tests.models.factories import development_rows
from tests.tracking.factories import artifact

CHANCE = np.random.default_rng(17)
MATRIX = CHANCE.normal(size=(3000, 4))
ODD = np.array([[0.0, 0.0, 0.0, 0.0], [4.0, -4.0, 4.0, 0.0]])
KINDS = FeatureKinds(("amount", "income", "utilisation"), ("home",))
SMALL: dict[str, dict[str, int]] = {
    "isolation_forest": {"n_estimators": 20},
    "one_class_svm": {"fit_rows": 1000, "components": 20},
    "elliptic_envelope": {"fit_rows": 1000},
}


def fitted(algorithm: Algorithm, matrix: np.ndarray = MATRIX, **changes: float) -> Any:
    return fit_detector(algorithm, matrix, SMALL[algorithm] | changes, seed=3, threads=1)


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_a_row_unlike_the_others_has_the_higher_score(algorithm: Algorithm) -> None:
    usual, odd = raw_score(fitted(algorithm), ODD, threads=1)

    assert usual < odd


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_two_fits_give_the_same_scores_bit_for_bit(algorithm: Algorithm) -> None:
    one, other = (raw_score(fitted(algorithm), MATRIX, threads=1) for _ in range(2))

    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_scores_in_blocks_are_the_scores(
    algorithm: Algorithm, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = fitted(algorithm)
    whole = raw_score(detector, MATRIX, threads=1)
    monkeypatch.setattr(estimators, "BLOCK_ROWS", 700)

    np.testing.assert_allclose(raw_score(detector, MATRIX, threads=1), whole, rtol=1e-9)


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_a_recipe_fits_a_detector_without_looking_at_a_label(algorithm: Algorithm) -> None:
    recipe = Recipe(algorithm, KINDS, seed=3, threads=1)
    zeros, ones = np.zeros(len(MATRIX), dtype=np.int64), np.ones(len(MATRIX), dtype=np.int64)

    one, other = (recipe.fit(MATRIX, labels, SMALL[algorithm]) for labels in (zeros, ones))

    assert recipe.is_detector
    np.testing.assert_array_equal(
        raw_score(one, MATRIX, threads=1), raw_score(other, MATRIX, threads=1)
    )


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_columns_that_are_constant_and_columns_that_repeat_another_are_no_special_case(
    algorithm: Algorithm,
) -> None:
    rare = (CHANCE.random(3000) < 0.01).astype(float)
    columns = (MATRIX, np.zeros(3000), rare, 1.0 - rare)
    matrix = np.column_stack(columns)

    scores = raw_score(fitted(algorithm, matrix), matrix, threads=1)

    assert np.isfinite(scores).all()
    assert scores[rare == 1].mean() > scores[rare == 0].mean()


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_fewer_rows_than_a_sample_are_taken_as_they_are(algorithm: Algorithm) -> None:
    few = fit_detector(algorithm, MATRIX[:60], {}, seed=1, threads=1)

    assert np.isfinite(raw_score(few, MATRIX, threads=1)).all()


def test_a_sample_of_the_rows_is_what_is_fitted_on() -> None:
    basis, envelope = fitted("one_class_svm")["kernel"].components_, fitted("elliptic_envelope")

    assert {tuple(row) for row in basis} < {tuple(row) for row in MATRIX}
    assert (basis.shape, len(envelope.dist_)) == ((20, 4), 1000)


def test_without_gamma_the_kernel_knows_the_scale_of_the_rows() -> None:
    narrow, wide = (fitted("one_class_svm", m)["kernel"].gamma for m in (MATRIX, 10.0 * MATRIX))
    asked = fitted("one_class_svm", gamma=0.7)["kernel"].gamma

    assert narrow == pytest.approx(0.25, rel=0.1)  # 1 ÷ (4 columns × variance 1)
    assert narrow / wide == pytest.approx(100.0)
    assert asked == 0.7


def test_a_share_of_columns_is_never_one_column() -> None:
    forest = fitted("isolation_forest", max_features=1)

    assert isinstance(forest.max_features, float)
    assert (forest.max_samples, forest.n_jobs) == (256, 1)


def test_a_fit_that_did_not_converge_is_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    recipe = Recipe("one_class_svm", KINDS, seed=3, threads=1)
    hasty = {"components": 20, "max_iter": 1, "tol": 1e-12}

    unfinished = recipe.fit(MATRIX, np.zeros(len(MATRIX), dtype=np.int64), hasty)

    assert "one-class SVM (nu=0.05) did not converge in 1 passes" in caplog.text
    assert np.isfinite(raw_score(unfinished, MATRIX, threads=1)).all()


def test_a_detector_is_no_estimator_of_labels() -> None:
    with pytest.raises(ConfigurationError, match="isolation_forest is no estimator of labelled"):
        build("isolation_forest", {}, seed=1, threads=1)


def test_what_keeps_rows_it_was_fitted_on_is_known() -> None:
    kept = {name: keeps_rows(fitted(name)) for name in DETECTORS}

    assert kept == {
        "isolation_forest": False,
        "one_class_svm": True,  # the basis of the kernel's approximation
        "elliptic_envelope": False,
    }
    assert algorithm_of(fitted("one_class_svm")) == "one_class_svm"


@pytest.mark.parametrize("algorithm", DETECTORS)
def test_a_stored_detector_comes_back_scoring_bit_for_bit(
    algorithm: Algorithm, tmp_path: Path
) -> None:
    rows = development_rows()[[*KINDS.numeric, *KINDS.categorical]].astype({"home": "str"})
    recipe = Recipe(algorithm, KINDS, seed=3, threads=1)
    preprocessor = recipe.preprocessor()
    matrix = preprocessor.fit_transform(rows)
    estimator = recipe.fit(matrix, np.zeros(len(rows), dtype=np.int64), {})
    names = (*KINDS.numeric, *KINDS.categorical)
    model = ScoringModel(
        feature_names=names,
        numeric=KINDS.numeric,
        categorical=KINDS.categorical,
        preprocessor=preprocessor,
        estimator=estimator,
        calibrator=Uncalibrated(),
        algorithm=algorithm,
    )
    keys, folder = tmp_path / "keys", tmp_path / "a"
    create_keys(keys)

    artifact(folder, Signer.load(keys), model=model, golden_rows=rows[:16])
    loaded, manifest = load_with_manifest(folder, Verifier.load(keys))

    assert loaded.is_detector
    assert manifest.algorithm == algorithm
    np.testing.assert_array_equal(loaded.score(rows), raw_score(estimator, matrix, threads=1))
