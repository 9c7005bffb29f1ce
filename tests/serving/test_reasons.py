"""Reasons are the model's own: they add up to its score, and changing one changes the score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from numpy.random import default_rng
from scipy.special import logit

from finrisk.serving.compiled import ByFrames, Compiled
from finrisk.serving.reasons import explainer, principal_reasons
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Algorithm
from finrisk.tracking.calibrator import Uncalibrated
from tests.serving.test_compiled import DERIVATION, SPEC, fitted, plain, some_rows
from tests.specs.factories import changed


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression"])
def test_contributions_and_a_constant_add_up_to_the_log_odds(algorithm: Algorithm) -> None:
    model = fitted(algorithm, Uncalibrated())
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    features = plain(some_rows(default_rng(5), 100))

    parts = explains.contributions(features)

    assert parts.shape == (100, len(model.feature_names))
    constant = logit(scorer.score(features)) - parts.sum(axis=1)
    np.testing.assert_allclose(constant, constant[0], rtol=0, atol=2e-5)


def test_tree_contributions_are_xgboosts_own() -> None:
    model = fitted("xgboost")
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    features = plain(some_rows(default_rng(5), 20))

    own = model.estimator.predict(xgb.DMatrix(scorer.matrix(features)), pred_contribs=True)

    place = model.feature_names.index("income")
    column = scorer.column_features.index("income")
    np.testing.assert_array_equal(explains.contributions(features)[:, place], own[:, column])
    words = [n for n, name in enumerate(scorer.column_features) if name == "purpose"]
    assert len(words) > 1
    np.testing.assert_allclose(
        explains.contributions(features)[:, model.feature_names.index("purpose")],
        own[:, words].astype(np.float64).sum(axis=1),
        rtol=1e-12,
    )


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression"])
def test_what_is_named_first_is_what_the_model_leans_on(algorithm: Algorithm) -> None:
    """The labels were made of income and of one purpose: of the risky rows, these are named."""
    model = fitted(algorithm)
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    frame = some_rows(default_rng(6), 300)
    features = plain(frame)
    risky = np.argsort(-scorer.score(features))[:30]

    reasons = principal_reasons(explains, plain(frame.iloc[risky]), {})

    first = [row[0].code for row in reasons]
    assert first.count("income") > 25


def test_numbers_that_no_tree_takes_are_explained_as_the_largest_it_does() -> None:
    model = fitted("xgboost")
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    frame = some_rows(default_rng(5), 2)
    frame.loc[:, "income"] = [1e308, -1e308]

    assert np.isfinite(explains.contributions(plain(frame))).all()


def test_a_forests_contributions_and_its_root_add_up_to_its_probability() -> None:
    model = fitted("random_forest", Uncalibrated())
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    features = plain(some_rows(default_rng(5), 100))

    parts = explains.contributions(features)

    roots = np.mean([grown.tree_.value[0, 0, 1] for grown in model.estimator.estimators_])
    np.testing.assert_allclose(parts.sum(axis=1) + roots, scorer.score(features), atol=1e-12)
    assert (np.abs(parts) > 1e-4).any(axis=0).sum() > 5
    single = explains.contributions(plain(some_rows(default_rng(5), 100).iloc[[7]]))
    np.testing.assert_allclose(single[0], parts[7], atol=1e-12)


def test_a_splits_change_goes_to_the_feature_that_the_node_asks_for() -> None:
    """Walked by hand, node by node, beside the laid-out arrays."""
    model = fitted("random_forest")
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    features = plain(some_rows(default_rng(5), 10))
    matrix = scorer.matrix(features).astype(np.float32)
    place = {name: number for number, name in enumerate(model.feature_names)}

    expected = np.zeros((10, len(place)))
    for row in range(10):
        for grown in model.estimator.estimators_:
            tree, node = grown.tree_, 0
            while tree.children_left[node] >= 0:
                column = tree.feature[node]
                left = matrix[row, column] <= tree.threshold[node]
                child = (tree.children_left if left else tree.children_right)[node]
                change = tree.value[child, 0, 1] - tree.value[node, 0, 1]
                expected[row, place[scorer.column_features[column]]] += change
                node = child
    expected /= len(model.estimator.estimators_)

    np.testing.assert_allclose(explains.contributions(features), expected, atol=1e-12)


def test_a_reason_of_a_missing_cell_says_that_it_is_missing() -> None:
    model = fitted("xgboost")
    scorer = Compiled.of(model, DERIVATION)
    assert scorer is not None
    explains = explainer(model, scorer)
    assert explains is not None
    frame = some_rows(default_rng(9), 1000)

    reasons = principal_reasons(explains, plain(frame), SPEC.reasons, DERIVATION)

    told = [(at, of) for at, row in enumerate(reasons) for of in row]
    lacking = [
        frame[of.code].iloc[at] in ("missing",) or _no_number(frame, of.code, at) for at, of in told
    ]
    for (_, of), lacks in zip(told, lacking, strict=True):
        assert of.sentence == SPEC.reasons[of.code] + (": not known" if lacks else "")
    assert 10 < sum(lacking) < len(told)


def _no_number(frame: pd.DataFrame, name: str, at: int) -> bool:
    cell = frame[name].iloc[at]
    return isinstance(cell, float) and bool(np.isnan(cell))


@pytest.mark.parametrize("algorithm", ["isolation_forest"])
def test_a_model_whose_contributions_are_not_known_is_not_explained(algorithm: Algorithm) -> None:
    model = fitted(algorithm)
    scorer = Compiled.of(model, DERIVATION) or ByFrames(model, DERIVATION)

    assert explainer(model, scorer) is None


def test_sentences_change_no_night() -> None:
    plain_spec = ModelSpec.model_validate(changed("owner", "risk"))
    told = ModelSpec.model_validate(changed("reasons", {"income": "The income is low"}))

    assert told.sha256 == plain_spec.sha256
    assert told.reasons == {"income": "The income is low"}


def test_a_sentence_of_no_feature_is_refused() -> None:
    with pytest.raises(ValueError, match="reasons names 'incom', no feature"):
        ModelSpec.model_validate(changed("reasons", {"incom": "The income is low"}))


def test_the_shipped_specs_have_a_sentence_for_every_feature() -> None:
    assert set(SPEC.reasons) == set(SPEC.feature_names)
