from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import LabelError, NotEnoughData
from finrisk.features.derive import derive_features
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.trainer import FittedCandidate, fit_candidate
from finrisk.specs.model_spec import ModelSpec
from tests.models.factories import (
    BOOSTED,
    DETECTOR,
    a_fraud_spec,
    a_spec,
    development_rows,
    transactions,
)

CANDIDATES = ("logistic_regression", "xgboost", "random_forest")


def fitted(
    candidate: str, development: pd.DataFrame | None = None, spec: ModelSpec | None = None
) -> FittedCandidate:
    spec = spec or a_spec()
    rows = development_rows() if development is None else development
    return fit_candidate(rows, spec, spec.candidate(candidate), threads=1)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_two_fits_give_the_same_scores_bit_for_bit(candidate: str) -> None:
    later = derive_features(development_rows(seed=8), a_spec())

    one, other = fitted(candidate), fitted(candidate)

    np.testing.assert_array_equal(one.model.score(later), other.model.score(later))
    pd.testing.assert_frame_equal(one.golden_rows, other.golden_rows)
    assert one.development_score == other.development_score


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_model_ranks_new_rows_and_its_scores_are_probabilities(candidate: str) -> None:
    later = development_rows(seed=8)
    labels = later["_label"].to_numpy(dtype=np.int64)

    probability = fitted(candidate).model.score(derive_features(later, a_spec()))

    assert ranking_metrics(labels, probability).auc > 0.7
    assert probability.mean() == pytest.approx(labels.mean(), abs=0.05)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_figures_are_of_development_rows_alone(candidate: str) -> None:
    development = development_rows()

    found = fitted(candidate, development)

    assert (found.rows, found.bads) == (720, int(development["_label"].sum()))
    assert found.development_score == found.search.best.mean_score
    assert found.out_of_fold_metrics["rows"] == len(found.search.out_of_fold.rows) < found.rows
    assert {"auc", "gini", "ks", "average_precision", "brier", "ece"} <= set(
        found.out_of_fold_metrics
    )
    assert set(found.seconds) == {"features", "search", "calibrate", "fit"}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_importance_has_every_feature_and_the_ones_that_make_bads_lead(candidate: str) -> None:
    shares = fitted(candidate).feature_importance

    assert set(shares) == set(a_spec().feature_names)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert next(iter(shares)) == "amount_to_income"
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert shares["home"] > shares["owner"]


@pytest.mark.parametrize("candidate", ["xgboost", "random_forest"])
def test_a_candidates_constraint_reaches_its_model(candidate: str) -> None:
    document = a_spec().model_dump(mode="json")
    for one in document["candidates"][1:]:
        one["monotonic"] = {"amount_to_income": "decreasing"}  # against what the rows say
    spec = ModelSpec.model_validate(document)
    burdens = derive_features(development_rows(), spec).iloc[[0] * 50].copy()
    burdens["amount_to_income"] = np.geomspace(0.1, 10.0, 50)

    against, free = (fitted(candidate, spec=s).model.score(burdens) for s in (spec, a_spec()))

    assert (np.diff(against) <= 0).all()
    assert free[-1] > free[0]


def test_a_sampled_search_gives_the_same_model_bit_for_bit() -> None:
    spec = a_spec(
        training={"search": {"method": "optuna", "folds": 2, "max_configurations": 8}},
        candidates=[
            BOOSTED | {"search": {"max_depth": [2, 3], "learning_rate": {"low": 0.05, "high": 0.5}}}
        ],
    )
    later = derive_features(development_rows(seed=8), spec)

    one, other = fitted("xgboost", spec=spec), fitted("xgboost", spec=spec)

    assert [t.parameters for t in one.search.trials] == [t.parameters for t in other.search.trials]
    np.testing.assert_array_equal(one.model.score(later), other.model.score(later))


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_golden_rows_score_and_are_nobodys(candidate: str) -> None:
    development = development_rows()

    found = fitted(candidate, development)

    own = derive_features(development, a_spec()).round(6)
    assert np.isfinite(found.model.score(found.golden_rows)).all()
    assert found.golden_rows.round(6).merge(own, how="inner").empty


def test_columns_that_are_no_feature_change_nothing() -> None:
    development = development_rows()
    leaking = development.assign(recovered=development["_label"], bad=development["_label"])

    assert fitted("xgboost", leaking).development_score == fitted("xgboost").development_score


def test_isotonic_calibration_is_the_specs_choice() -> None:
    spec = a_spec(training={"calibration": "isotonic"})

    found = fitted("logistic_regression", spec=spec)

    assert found.model.calibrator.to_json()["kind"] == "isotonic"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_not_enough_data(label: int) -> None:
    with pytest.raises(NotEnoughData, match=rf"goods and bads; got 720 rows, {720 * label} bad"):
        fitted("xgboost", development_rows().assign(_label=label))


def test_one_vintage_only_is_not_enough_data() -> None:
    with pytest.raises(NotEnoughData, match="too few vintages"):
        fitted("xgboost", development_rows(vintages=1))


def test_a_row_without_a_label_is_an_error_that_counts_it() -> None:
    development = development_rows()
    development.loc[[1, 2], "_label"] = pd.NA

    with pytest.raises(LabelError, match="2 of 720 development rows have no label"):
        fitted("xgboost", development)


def test_a_fit_is_told_with_ids_and_no_row(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="finrisk.models"):
        fitted("logistic_regression")

    assert "loans/logistic_regression: mean AUC 0." in caplog.text
    assert "loan-" not in caplog.text


def test_where_labels_come_late_the_final_fit_takes_the_newest_days() -> None:
    rows, spec = transactions(), a_fraud_spec()
    changed = rows.assign(amount=rows["amount"].where(rows["_vintage"] >= "2024-03-05", 5.0))

    found, other = (fitted("xgboost", frame, spec) for frame in (rows, changed))

    newest = rows[rows["_vintage"] >= "2024-03-05"]  # 4 of 12 days
    assert (found.rows, found.bads) == (len(newest), int(newest["_label"].sum()))
    assert found.out_of_fold_metrics["rows"] == 6 * 150
    pd.testing.assert_frame_equal(found.golden_rows, other.golden_rows)
    later = derive_features(transactions(seed=8), spec)
    if found.best_parameters == other.best_parameters:  # only the calibrator saw the older days
        np.testing.assert_array_equal(found.model.raw_score(later), other.model.raw_score(later))


def test_the_newest_days_without_a_bad_are_not_enough_data() -> None:
    rows = transactions()
    rows.loc[rows["_vintage"] >= "2024-03-05", "_label"] = 0
    rows.loc[rows["_vintage"] == "2024-03-04", "_label"] = 1  # something to validate on

    with pytest.raises(NotEnoughData, match="the newest 4 days: rows of one class only"):
        fitted("xgboost", rows, a_fraud_spec())


def test_a_detector_is_judged_by_labels_and_never_fitted_on_them() -> None:
    spec, rows = a_fraud_spec(), transactions()
    newest = rows["_vintage"] >= "2024-03-06"  # what the newest fold validates on
    relabelled = rows.assign(_label=rows["_label"].where(~newest, 1 - rows["_label"]))
    fixed = a_fraud_spec(candidates=[DETECTOR | {"search": {}}])

    one, other = (fitted("isolation_forest", frame, fixed) for frame in (rows, relabelled))

    later = derive_features(transactions(seed=8), spec)
    np.testing.assert_array_equal(one.model.score(later), other.model.score(later))
    assert one.development_score != other.development_score


def test_a_detectors_scores_are_no_probabilities_and_not_measured_as_such() -> None:
    detector, boosted = (
        fitted(name, transactions(), a_fraud_spec()) for name in ("isolation_forest", "xgboost")
    )

    assert (detector.calibrated, boosted.calibrated) == (False, True)
    assert detector.model.is_detector
    assert set(boosted.out_of_fold_metrics) - set(detector.out_of_fold_metrics) == {"brier", "ece"}
    assert detector.out_of_fold_metrics["auc"] > 0.6
    assert sum(detector.feature_importance.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("candidate", ["xgboost", "isolation_forest"])
def test_fits_of_transactions_are_the_same_bit_for_bit(candidate: str) -> None:
    spec = a_fraud_spec()
    later = derive_features(transactions(seed=8), spec)

    one, other = (fitted(candidate, transactions(), spec) for _ in range(2))

    np.testing.assert_array_equal(one.model.score(later), other.model.score(later))
    assert one.feature_importance == other.feature_importance
