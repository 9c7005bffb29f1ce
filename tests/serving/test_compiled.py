"""A compiled model scores as the model itself does; what cannot be compiled is the model itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator, default_rng

from finrisk.config import SHIPPED_CONF
from finrisk.models.detectors import fit_detector
from finrisk.models.estimators import build, fit
from finrisk.models.preprocessing import FeatureKinds, build_preprocessor
from finrisk.serving.compiled import ByFrames, Compiled, compiled
from finrisk.serving.plain_features import PlainDerivation, PlainFeatures
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Algorithm
from finrisk.tracking.calibrator import (
    Calibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    Uncalibrated,
)
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.scoring_model import ScoringModel

SPEC = load_spec(SHIPPED_CONF / "credit_risk.yaml")
DERIVATION = PlainDerivation.of(SPEC)
LABELLED: dict[Algorithm, dict[str, Any]] = {
    "logistic_regression": {"C": 0.3},
    "xgboost": {"n_estimators": 20, "max_depth": 3},
    "random_forest": {"n_estimators": 12, "min_samples_leaf": 5},
}
CALIBRATORS: tuple[Calibrator, ...] = (
    PlattCalibrator(1.3, -0.4, 0.01, 0.9),
    IsotonicCalibrator((0.1, 0.4, 0.8), (0.05, 0.3, 0.9)),
    Uncalibrated(),
)


def some_rows(chance: Generator, count: int, spec: ModelSpec = SPEC) -> pd.DataFrame:
    """Features with gaps, rare words and words that nobody was fitted on."""
    columns: dict[str, Any] = {}
    for name in spec.feature_names:
        if name in spec.categorical_features:
            words = [*(spec.columns[name].values or ()), "missing", "rare", "unseen"]
            weights = np.array([5.0] * (len(words) - 3) + [1.0, 0.05, 0.0])
            columns[name] = chance.choice(words, count, p=weights / weights.sum())
        else:
            numbers = chance.normal(size=count) * chance.uniform(0.1, 1e4)
            columns[name] = np.where(chance.random(count) < 0.15, np.nan, numbers)
    return pd.DataFrame(columns).astype(dict.fromkeys(spec.categorical_features, "str"))


def plain(frame: pd.DataFrame) -> PlainFeatures:
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return DERIVATION.ready(rows, tuple(frame.columns))


def fitted(algorithm: Algorithm, calibrator: Calibrator = CALIBRATORS[0]) -> ScoringModel:
    frame = some_rows(default_rng(1), 600)
    kinds = FeatureKinds.of(SPEC)
    aligned = aligned_features(frame, SPEC.feature_names, kinds.categorical)
    preprocessor = build_preprocessor(algorithm, kinds)
    matrix = preprocessor.fit_transform(aligned)
    if algorithm in LABELLED:
        risk = np.nan_to_num(frame["income"].to_numpy()) + 50.0 * (frame["purpose"] == "car")
        labels = (risk > np.median(risk)).astype(np.int64).to_numpy()
        unfitted = build(algorithm, LABELLED[algorithm], seed=1, threads=1)
        estimator: Any = fit(unfitted, matrix, labels, threads=1)
    else:
        estimator = fit_detector(algorithm, matrix, {}, seed=1, threads=1)
        calibrator = Uncalibrated()
    return ScoringModel(
        SPEC.feature_names,
        kinds.numeric,
        kinds.categorical,
        preprocessor,
        estimator,
        calibrator,
        algorithm,
    )


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("algorithm", LABELLED)
def test_a_compiled_model_scores_as_the_model_does(
    algorithm: Algorithm, calibrator: Calibrator
) -> None:
    model = fitted(algorithm, calibrator)
    frame = some_rows(default_rng(2), 400)
    frame.loc[:5, list(SPEC.categorical_features)] = "unseen"

    scorer = compiled(model, DERIVATION, frame.head(16))

    assert scorer.is_compiled
    expected = model.score(frame)
    np.testing.assert_allclose(scorer.score(plain(frame)), expected, rtol=0, atol=1e-12)
    singly = [scorer.score(plain(frame.iloc[[row]]))[0] for row in range(40)]
    np.testing.assert_allclose(singly, expected[:40], rtol=0, atol=1e-12)


@pytest.mark.parametrize("algorithm", ["isolation_forest", "elliptic_envelope", "one_class_svm"])
def test_a_detector_scores_by_itself(algorithm: Algorithm) -> None:
    model = fitted(algorithm)
    frame = some_rows(default_rng(2), 50)

    scorer = compiled(model, DERIVATION, frame.head(16))

    assert not scorer.is_compiled
    np.testing.assert_array_equal(scorer.score(plain(frame)), model.score(frame))


def test_what_does_not_reproduce_the_golden_rows_is_not_used() -> None:
    model = fitted("logistic_regression")
    frame = some_rows(default_rng(2), 16)
    scale = cast("Any", model.preprocessor).named_transformers_["numeric"].named_steps["scale"]
    original = scale.transform

    scale.transform = lambda rows: original(rows) + 1e-6  # not what its parameters say
    scorer = compiled(model, DERIVATION, frame)

    assert isinstance(scorer, ByFrames)
    np.testing.assert_array_equal(scorer.score(plain(frame)), model.score(frame))


def test_a_model_without_preprocessing_takes_numbers_as_they_are() -> None:
    numeric = FeatureKinds.of(SPEC).numeric
    rows = some_rows(default_rng(3), 200)[list(numeric)]
    labels = (np.nan_to_num(rows["income"]) > 0).astype(np.int64)
    estimator = fit(
        build("xgboost", {"n_estimators": 5}, seed=1, threads=1), rows, labels, threads=1
    )
    model = ScoringModel(numeric, numeric, (), None, estimator, Uncalibrated(), "xgboost")

    scorer = compiled(model, DERIVATION, rows.head(16))

    assert scorer.is_compiled
    np.testing.assert_array_equal(scorer.score(plain(rows)), model.score(rows))


def test_features_may_stand_in_another_order_than_the_specs() -> None:
    model = fitted("random_forest")
    turned = replace(model, feature_names=model.feature_names[::-1])
    frame = some_rows(default_rng(4), 30)

    scorer = Compiled.of(turned, DERIVATION)

    assert scorer is not None
    np.testing.assert_array_equal(scorer.score(plain(frame)), model.score(frame))
