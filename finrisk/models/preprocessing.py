"""From features to a matrix: what each algorithm needs, and no more.

Only scikit-learn transformers that skops stores with ``numpy.dtype`` as the one type to trust; a
spline (``scipy`` BSpline) would need more, and gained nothing out of time.

Measured on Lending Club (fitted to 2010, read on 2011, C = 0.03): plain standardising ranks best
with AUC 0.705; median and quartiles 0.705, Yeo-Johnson 0.702, quantiles to a normal 0.701.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Algorithm

RARE_ROWS = 20
"""A category with fewer rows shares one column with the other rare ones, and with unseen ones."""

UNSCALED = ("random_forest", "isolation_forest")

MOST_CATEGORIES = 100
"""Columns one categorical feature may become."""


@dataclass(frozen=True, slots=True)
class FeatureKinds:
    """Which features are numbers and which are categories; together, all of them."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """Return the spec's."""
        categorical = spec.categorical_features
        numeric = tuple(name for name in spec.feature_names if name not in categorical)
        return cls(numeric=numeric, categorical=categorical)


def build_preprocessor(algorithm: Algorithm, kinds: FeatureKinds) -> ColumnTransformer:
    """Return an unfitted transformer from aligned features to a dense matrix.

    Parameters
    ----------
    algorithm : str
        XGBoost takes numbers as they are, missing included. The others get the median for a
        missing number and a column that says so; all but the two forests standardised numbers, too.
    kinds : FeatureKinds
        A category becomes one column for each of its values; an unseen one counts as rare.

    Returns
    -------
    ColumnTransformer
        Dense, because XGBoost would read the zeros of a sparse matrix as missing. The numeric
        features stand first, in their order; then their flags for missing; then the categories.
    """
    return ColumnTransformer(
        [
            ("numeric", _numbers(algorithm), list(kinds.numeric)),
            ("categorical", _categories(), list(kinds.categorical)),
        ]
    )


def column_features(preprocessor: ColumnTransformer, kinds: FeatureKinds) -> tuple[str, ...]:
    """Return the feature that each column of a fitted preprocessor's matrix comes from.

    Returns
    -------
    tuple of str, one for each column
        A feature's flag for missing, and each of a category's columns, give the feature's name.
    """
    fitted = preprocessor.named_transformers_
    columns = list(kinds.numeric)
    if isinstance(fitted["numeric"], Pipeline) and kinds.numeric:
        flagged = fitted["numeric"].named_steps["impute"].indicator_.features_
        columns += [kinds.numeric[position] for position in flagged]
    for position, name in enumerate(kinds.categorical):
        columns += [name] * columns_of(fitted["categorical"], position)
    return tuple(columns)


def columns_of(encoder: OneHotEncoder, position: int) -> int:
    """Return how many columns a fitted encoder makes of the category at a position."""
    rare = encoder.infrequent_categories_[position]
    shared = 0 if rare is None else len(rare) - 1  # the rare ones share one column
    return len(encoder.categories_[position]) - shared


def _numbers(algorithm: Algorithm) -> Pipeline | str:
    if algorithm == "xgboost":
        return "passthrough"
    # a feature that no development row has stays in, as zeros: the columns may not depend on
    # which fold saw a value
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if algorithm in UNSCALED:  # a split is the same on any scale
        return Pipeline([("impute", impute)])
    return Pipeline([("impute", impute), ("scale", StandardScaler())])


def _categories() -> OneHotEncoder:
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RARE_ROWS,
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
