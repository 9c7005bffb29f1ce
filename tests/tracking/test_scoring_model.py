from __future__ import annotations

import dataclasses
import traceback

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from finrisk.errors import DataError
from finrisk.tracking.calibrator import PlattCalibrator
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.scoring_model import ScoringModel
from tests.tracking.factories import (
    CATEGORICAL,
    FEATURES,
    boosted_classifier,
    boosted_model,
    features,
    labels,
    logistic_model,
)

MODELS = {"logistic": logistic_model, "boosted": boosted_model}


@pytest.mark.parametrize("model", MODELS)
def test_order_of_columns_and_further_columns_do_not_matter(model: str) -> None:
    frame = features()
    shuffled = frame[["utilisation", "purpose", "income"]].assign(row_id=range(len(frame)))

    assert np.array_equal(MODELS[model]().score(shuffled), MODELS[model]().score(frame))


@pytest.mark.parametrize("model", MODELS)
def test_a_row_scores_the_same_in_every_dtype_it_may_come_in(model: str) -> None:
    frame = features()
    otherwise = frame.assign(
        purpose=frame["purpose"].astype("category"),
        income=frame["income"].astype(object),
        utilisation=frame["utilisation"].astype("Float64"),
    )

    assert np.array_equal(MODELS[model]().score(otherwise), MODELS[model]().score(frame))


@pytest.mark.parametrize("model", MODELS)
def test_higher_is_riskier(model: str) -> None:
    frame = features()
    scores = MODELS[model]().score(frame)
    bad = labels(frame) == 1

    assert scores.dtype == np.float64
    assert scores[bad].mean() > scores[~bad].mean()


def test_an_unseen_or_missing_category_is_scored() -> None:
    frame = features(rows=2).assign(purpose=["yacht", None])

    assert np.all(np.isfinite(logistic_model().score(frame)))


def test_no_rows_give_no_scores() -> None:
    assert boosted_model().score(features().iloc[:0]).shape == (0,)


def test_a_classifier_kept_as_its_booster_scores_as_it_did() -> None:
    preprocessor, classifier = boosted_classifier()
    frame = features()
    matrix = preprocessor.transform(aligned_features(frame, FEATURES, CATEGORICAL))

    assert isinstance(boosted_model().estimator, xgb.Booster)
    assert np.array_equal(
        boosted_model().raw_score(frame), classifier.predict_proba(matrix)[:, 1].astype(float)
    )


def test_a_classifier_that_stopped_early_scores_with_its_best_round() -> None:
    frame = features()
    numbers = frame[["income", "utilisation"]]
    classifier = xgb.XGBClassifier(n_estimators=60, early_stopping_rounds=2, nthread=1)
    classifier.fit(
        numbers, labels(frame), eval_set=[(numbers[:50], labels(frame, 5)[:50])], verbose=False
    )
    model = ScoringModel(
        ("income", "utilisation"),
        ("income", "utilisation"),
        (),
        None,
        classifier,
        PlattCalibrator(1.0, 0.0),
        "xgboost",
    )

    assert classifier.best_iteration + 1 < classifier.get_booster().num_boosted_rounds()
    assert np.array_equal(
        model.raw_score(frame), classifier.predict_proba(numbers)[:, 1].astype(float)
    )


def test_threads_do_not_change_scores() -> None:
    frame = features()

    assert np.array_equal(
        dataclasses.replace(boosted_model(), threads=2).score(frame), boosted_model().score(frame)
    )


def test_a_missing_column_is_named_beside_what_was_expected_and_got() -> None:
    with pytest.raises(DataError) as raised:
        boosted_model().score(features().drop(columns="income"))

    assert "features without a column: income" in str(raised.value)
    assert "expected 3 columns: income, purpose, utilisation" in str(raised.value)
    assert "got purpose, utilisation" in str(raised.value)


def test_text_in_a_number_is_named_by_column_and_never_quoted() -> None:
    frame = features().assign(income="ES91 2100 0418")

    with pytest.raises(DataError, match="no numbers: income") as raised:
        boosted_model().score(frame)

    printed = "".join(traceback.format_exception(raised.value))
    assert "could not convert" not in printed
    assert "ES91" not in str(raised.value)


def test_kinds_that_do_not_make_up_the_features_are_refused() -> None:
    model = boosted_model()

    with pytest.raises(ValueError, match="together must be feature_names"):
        dataclasses.replace(model, categorical=("purpose", "income"))


def test_aligning_twice_changes_nothing() -> None:
    once = aligned_features(features(), FEATURES, CATEGORICAL)

    pd.testing.assert_frame_equal(aligned_features(once, FEATURES, CATEGORICAL), once)


def test_a_row_without_a_feature_is_refused_by_its_position() -> None:
    rows = features(rows=2).to_dict("records")
    misspelt = {"incomes" if name == "income" else name: value for name, value in rows[1].items()}

    with pytest.raises(DataError, match="row 1 has no value for: income"):
        boosted_model().score([rows[0], misspelt])
    assert boosted_model().score([rows[0], rows[1] | {"income": None}]).shape == (2,)


def test_what_an_estimator_raises_about_rows_quotes_no_value() -> None:
    class Quoting:
        classes_ = (0, 1)

        def predict_proba(self, rows: object) -> object:
            raise ValueError("could not take ES91 2100 0418")

    model = ScoringModel(
        ("age",), ("age",), (), None, Quoting(), PlattCalibrator(1.0, 0.0), "other"
    )

    with pytest.raises(DataError, match="the model cannot score these rows") as raised:
        model.score([[1.0]])
    assert "ES91" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("cell", [10**400, "old"])
def test_a_number_beyond_all_numbers_is_refused(cell: object) -> None:
    with pytest.raises(DataError):
        boosted_model().score({"income": cell, "purpose": "car", "utilisation": 0.1})
