from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io as sio

from finrisk.models.preprocessing import (
    RARE_ROWS,
    FeatureKinds,
    build_preprocessor,
    column_features,
)
from finrisk.specs.training import Algorithm
from tests.models.factories import a_spec

KINDS = FeatureKinds(numeric=("amount", "age"), categorical=("home",))
ALGORITHMS: tuple[Algorithm, ...] = (
    "logistic_regression",
    "xgboost",
    "random_forest",
    "isolation_forest",
    "one_class_svm",
    "elliptic_envelope",
)


def features(rows: int = 100) -> pd.DataFrame:
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "amount": chance.lognormal(size=rows),
            "age": chance.normal(40.0, 9.0, rows),
            "home": np.where(np.arange(rows) % 2, "own", "rent"),
        }
    ).astype({"home": "str"})
    frame.loc[:4, "age"] = np.nan
    return frame


def test_a_derived_or_boolean_feature_is_a_number_a_declared_category_is_one() -> None:
    kinds = FeatureKinds.of(a_spec())

    assert kinds.numeric == ("amount", "utilisation", "owner", "amount_to_income")
    assert kinds.categorical == ("home",)


def test_xgboost_gets_numbers_as_they_are_missing_included() -> None:
    frame = features()

    matrix = build_preprocessor("xgboost", KINDS).fit_transform(frame)

    np.testing.assert_array_equal(matrix[:, :2], frame[["amount", "age"]])
    assert isinstance(matrix, np.ndarray)


@pytest.mark.parametrize("algorithm", ["logistic_regression", "one_class_svm", "elliptic_envelope"])
def test_what_measures_distances_gets_finite_standardised_numbers_and_a_flag_for_missing(
    algorithm: Algorithm,
) -> None:
    matrix = build_preprocessor(algorithm, KINDS).fit_transform(features())

    assert matrix.shape[1] == 2 + 1 + 2  # numbers, the flag of age, two homes
    np.testing.assert_allclose(matrix[:, :3].mean(axis=0), 0.0, atol=1e-12)
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("algorithm", ["random_forest", "isolation_forest"])
def test_a_forest_gets_the_median_and_a_flag_for_missing_on_the_numbers_own_scale(
    algorithm: Algorithm,
) -> None:
    frame = features()

    matrix = build_preprocessor(algorithm, KINDS).fit_transform(frame)

    np.testing.assert_array_equal(matrix[:, 0], frame["amount"])
    np.testing.assert_array_equal(matrix[:, 1], frame["age"].fillna(frame["age"].median()))
    np.testing.assert_array_equal(matrix[:, 2], frame["age"].isna())


@pytest.mark.parametrize("algorithm", ["logistic_regression", "random_forest"])
def test_a_feature_missing_in_every_row_keeps_its_column(algorithm: Algorithm) -> None:
    frame = features().assign(age=np.nan)

    matrix = build_preprocessor(algorithm, KINDS).fit_transform(frame)

    assert np.isfinite(matrix).all()
    assert matrix.shape[1] == 5


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_unseen_category_counts_as_a_rare_one(algorithm: Algorithm) -> None:
    frame = features()
    frame.loc[: RARE_ROWS // 2, "home"] = "boat"
    preprocessor = build_preprocessor(algorithm, KINDS).fit(frame)
    rare, unseen = frame.iloc[[50]].assign(home="boat"), frame.iloc[[50]].assign(home="castle")

    np.testing.assert_array_equal(preprocessor.transform(rare), preprocessor.transform(unseen))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_unseen_category_is_all_zeros_where_none_was_rare(algorithm: Algorithm) -> None:
    preprocessor = build_preprocessor(algorithm, KINDS).fit(features())

    unseen = preprocessor.transform(features().iloc[[0]].assign(home="castle"))

    assert unseen[0, -2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "kinds", [KINDS, FeatureKinds(("amount", "age"), ()), FeatureKinds((), ("home",))]
)
def test_skops_stores_it_with_one_type_to_trust(algorithm: Algorithm, kinds: FeatureKinds) -> None:
    frame = features()
    preprocessor = build_preprocessor(algorithm, kinds).fit(frame)

    stored = sio.dumps(preprocessor)

    assert set(sio.get_untrusted_types(data=stored)) <= {"numpy.dtype"}
    loaded = sio.loads(stored, trusted=["numpy.dtype"])
    np.testing.assert_array_equal(loaded.transform(frame), preprocessor.transform(frame))


@pytest.mark.parametrize(
    ("algorithm", "flags"),
    [("xgboost", ()), ("logistic_regression", ("age",)), ("random_forest", ("age",))],
)
def test_each_column_knows_its_feature_numbers_first_flags_after(
    algorithm: Algorithm, flags: tuple[str, ...]
) -> None:
    preprocessor = build_preprocessor(algorithm, KINDS)
    matrix = preprocessor.fit_transform(features())

    found = column_features(preprocessor, KINDS)

    assert found == ("amount", "age", *flags, "home", "home")
    assert len(found) == matrix.shape[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rare_categories_share_one_column_of_their_feature(algorithm: Algorithm) -> None:
    frame = features().assign(plan="monthly")
    frame.loc[: RARE_ROWS // 2, "home"] = "boat"
    frame.loc[RARE_ROWS // 2 + 1 : RARE_ROWS, "home"] = "tent"
    kinds = FeatureKinds(("amount",), ("home", "plan"))
    preprocessor = build_preprocessor(algorithm, kinds)
    matrix = preprocessor.fit_transform(frame)

    found = column_features(preprocessor, kinds)

    assert found == ("amount", "home", "home", "home", "plan")
    assert len(found) == matrix.shape[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("kinds", "columns"),
    [(FeatureKinds(("amount",), ()), ("amount",)), (FeatureKinds((), ("home",)), ("home",) * 2)],
)
def test_one_kind_of_features_alone_is_no_special_case(
    algorithm: Algorithm, kinds: FeatureKinds, columns: tuple[str, ...]
) -> None:
    preprocessor = build_preprocessor(algorithm, kinds).fit(features())

    assert column_features(preprocessor, kinds) == columns
