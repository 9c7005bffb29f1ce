from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.specs.training import Algorithm, Direction

KINDS = FeatureKinds(numeric=("noise", "debt", "income"), categorical=("home",))
TREES: tuple[Algorithm, ...] = ("xgboost", "random_forest")
ROWS = 2000
GRID = np.linspace(-2.5, 2.5, 41)
CUSTOMERS = 20


def rows_with_a_bump() -> tuple[pd.DataFrame, np.ndarray]:
    """Risk rises with debt and falls with income, but for a bump in the middle of each."""
    chance = np.random.default_rng(23)
    frame = pd.DataFrame(
        {
            "noise": chance.normal(size=ROWS),
            "debt": chance.uniform(-2.5, 2.5, ROWS),
            "income": chance.uniform(-2.5, 2.5, ROWS),
            "home": chance.choice(["own", "rent"], ROWS),
        }
    ).astype({"home": "str"})
    bump = 3.0 * (frame["debt"].abs() < 0.5) - 3.0 * (frame["income"].abs() < 0.5)
    log_odds = frame["debt"] - frame["income"] - bump
    labels = (chance.random(ROWS) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    for column in ("noise", "debt", "income"):  # flags for missing stand beside the numbers
        frame.loc[chance.random(ROWS) < 0.05, column] = np.nan
    return frame, labels


def along(feature: str, algorithm: Algorithm, monotonic: dict[str, Direction]) -> np.ndarray:
    """Scores over a grid of one feature, shape (customers, points of the grid)."""
    features, labels = rows_with_a_bump()
    recipe = Recipe(algorithm, KINDS, seed=1, threads=1, monotonic=monotonic)
    preprocessor = recipe.preprocessor()
    parameters: dict[str, Any] = {"n_estimators": 12, "max_depth": 5}
    if algorithm == "random_forest":
        parameters |= {"min_samples_leaf": 20, "max_features": 1.0}
    estimator = recipe.fit(preprocessor.fit_transform(features), labels, parameters)
    customers = features.iloc[np.repeat(np.arange(CUSTOMERS), len(GRID))]
    grid = customers.assign(**{feature: np.tile(GRID, CUSTOMERS)})
    scores = estimator.predict_proba(preprocessor.transform(grid))[:, 1]
    return np.asarray(scores).reshape(CUSTOMERS, len(GRID))


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize(
    ("feature", "direction", "sign"), [("debt", "increasing", 1), ("income", "decreasing", -1)]
)
def test_a_constrained_model_never_moves_against_its_feature_and_a_free_one_does(
    algorithm: Algorithm, feature: str, direction: Direction, sign: int
) -> None:
    bound = sign * np.diff(along(feature, algorithm, {feature: direction}))
    free = sign * np.diff(along(feature, algorithm, {}))

    assert bound.min() >= -1e-7  # the last digit of a float32
    assert bound.max() > 0.01
    assert free.min() < -0.05


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize(
    ("feature", "against", "sign"), [("debt", "decreasing", -1), ("income", "increasing", 1)]
)
def test_a_constraint_holds_in_every_tree_though_all_rows_speak_against_it(
    algorithm: Algorithm, feature: str, against: Direction, sign: int
) -> None:
    bound = sign * np.diff(along(feature, algorithm, {feature: against}))

    assert bound.min() >= -1e-7


@pytest.mark.parametrize("algorithm", TREES)
def test_a_constraint_binds_its_own_column_alone(algorithm: Algorithm) -> None:
    debt = np.diff(along("debt", algorithm, {"income": "decreasing"}))

    assert debt.min() < -0.05


def test_numbers_stand_first_and_flags_and_categories_are_free() -> None:
    features, _ = rows_with_a_bump()
    recipe = Recipe("random_forest", KINDS, 1, 1, {"income": "decreasing", "debt": "increasing"})
    preprocessor = recipe.preprocessor()
    columns = preprocessor.fit_transform(features).shape[1]

    signs = recipe.signs(columns)

    assert signs == (0, 1, -1, 0, 0, 0, 0, 0)
    assert [name.split("__")[1] for name in preprocessor.get_feature_names_out()[:3]] == [
        "noise",
        "debt",
        "income",
    ]


def test_no_constraint_is_none() -> None:
    assert Recipe("xgboost", KINDS, 1, 1).signs(columns=5) is None
