from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from finrisk.errors import ConfigurationError, DataError
from finrisk.monitoring.fitted import as_scoring_model
from finrisk.monitoring.frames import named_features
from finrisk.monitoring.same_answers import MOST_ROWS, check_same_answers, telling_rows
from tests.monitoring.factories import frames


def with_home(home: Any) -> tuple[pd.DataFrame, Any]:
    X, y = frames()[0].copy(), frames()[2]
    values = home(X["income"].to_numpy())
    as_given = object if values.dtype == object else None  # pandas would make text of it
    X["home"] = pd.Series(values, index=X.index, dtype=as_given)
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["home"]), remainder="passthrough"
    )
    return X, make_pipeline(encoder, LogisticRegression()).fit(X, y)


def check(model: Any, X: Any) -> None:
    named = named_features(X)
    check_same_answers(model, as_scoring_model(model, named), X, named, "X_test")


@pytest.mark.parametrize(
    "home",
    [
        lambda income: pd.Categorical(np.where(income > 0.3, 3, 11)),
        lambda income: pd.Series(np.where(income > 0.3, 3, 11), dtype=object).to_numpy(),
        lambda income: np.array([None if i > 0.5 else "rent" for i in income]),
        lambda income: np.where(income > 0.5, None, income > 0.0),
    ],
    ids=["codes", "codes as objects", "None among text", "truth values and None"],
)
def test_categories_that_are_no_text_are_refused_by_name(home: Any) -> None:
    X, model = with_home(home)

    with pytest.raises(ConfigurationError, match="make text of the categories of home"):
        check(model, X)


@pytest.mark.parametrize(
    "home",
    [
        lambda income: np.where(income > 0.3, "own", "rent"),
        lambda income: pd.array([np.nan if i > 0.5 else "rent" for i in income], dtype="str"),
        lambda income: np.where(income > 0.3, 2011, 2008),
        lambda income: income > 0.3,
    ],
    ids=["text", "text with gaps", "years", "truth values"],
)
def test_what_is_stored_as_it_was_fitted_passes(home: Any) -> None:
    X, model = with_home(home)

    check(model, X)


def test_one_rare_category_among_thousands_is_looked_at() -> None:
    X, model = with_home(lambda income: np.where(income > 0.3, "own", "rent"))
    many = pd.concat([X] * 5, ignore_index=True).astype({"home": object})
    many.loc[1_234, "home"] = None

    assert 1_234 in telling_rows(many, as_scoring_model(model, X))
    assert len(telling_rows(many, as_scoring_model(model, X))) < MOST_ROWS


def test_a_missing_value_of_its_own_is_refused() -> None:
    X, y = frames()[0].mask(frames()[0] > 1.0, -999.0), frames()[2]
    model = xgb.XGBClassifier(n_estimators=3, missing=-999.0, n_jobs=1).fit(X, y)

    with pytest.raises(ConfigurationError, match=r"takes -999.0 for missing"):
        check(model, X)


def test_a_booster_is_held_against_its_own_columns_and_objective() -> None:
    X, y = frames()[0], frames()[2]
    booster = xgb.train({"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(X, y), 3)
    check(booster, X)

    for other in (X[list(X)[::-1]], X.iloc[:, :3], X.to_numpy()):
        with pytest.raises(DataError, match="fitted on other columns"):
            check(booster, other)
    for other_kind in ({"objective": "binary:logitraw"}, {"booster": "gblinear"}):
        settings = {"objective": "binary:logistic", "nthread": 1, **other_kind}
        with pytest.raises(ConfigurationError, match="no probability of bad, or has no trees"):
            check(xgb.train(settings, xgb.DMatrix(X, y), 3), X)


def test_another_count_of_columns_is_refused_where_names_are_unknown() -> None:
    model = LogisticRegression().fit(frames()[0].to_numpy(), frames()[2])

    with pytest.raises(DataError, match="fitted on other columns"):
        check(model, frames()[0].to_numpy()[:, :3])


def test_arrays_and_lists_are_handed_over_as_they_are() -> None:
    X = frames()[0].to_numpy()
    model = LogisticRegression().fit(X, frames()[2])

    check(model, X)
    check(model, X.tolist())
