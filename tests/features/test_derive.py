from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ContractBreach
from finrisk.features.derive import MISSING, derive_features
from finrisk.specs.model_spec import ModelSpec


def a_spec(**changes: Any) -> ModelSpec:
    document: dict[str, Any] = {
        "name": "loans",
        "title": "Loans",
        "owner": "risk",
        "model_type": "credit_risk",
        "registered_name": "loans",
        "source": {"path": "landing/loans"},
        "row_key": "id",
        "time": {"column": "opened"},
        "columns": {
            "id": {"type": "text"},
            "opened": {"type": "date"},
            "first_credit": {"type": "date", "nullable": True},
            "amount": {"type": "number"},
            "income": {"type": "number", "nullable": True},
            "dependants": {"type": "integer", "nullable": True},
            "employed": {"type": "boolean", "nullable": True},
            "home": {"type": "category", "nullable": True},
            "tenure": {"type": "text", "nullable": True},
            "bad": {"type": "integer"},
        },
        "label": {"rule": {"kind": "column", "column": "bad"}},
        "features": [
            "dependants",
            "employed",
            "home",
            {"name": "history_months", "months_between": ["first_credit", "opened"]},
            {"name": "burden", "ratio": ["amount", "income"]},
            {"name": "tenure_years", "leading_number": "tenure"},
        ],
        "candidates": [{"name": "lr", "algorithm": "logistic_regression"}],
    }
    return ModelSpec.model_validate({**document, **changes})


def some_rows(**changes: list[Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "opened": pd.to_datetime(["2024-03-31", "2024-02-29"]),
        "first_credit": pd.to_datetime(["2014-03-31", None]),
        "amount": [1200.0, 500.0],
        "income": [4000.0, 0.0],
        "dependants": [2.0, np.nan],
        "employed": pd.array([True, None], dtype="boolean"),
        "home": pd.array(["rent", None], dtype="str"),
        "tenure": pd.array(["10+ years", None], dtype="str"),
    }
    return pd.DataFrame({**columns, **changes})


def test_features_come_in_the_specs_order_as_numbers_and_text() -> None:
    spec = a_spec()

    features = derive_features(some_rows(), spec)

    assert tuple(features.columns) == spec.feature_names
    assert features.iloc[0].tolist() == [2.0, 1.0, "rent", 120.0, 0.3, 10.0]
    assert features.loc[1, "home"] == MISSING
    assert features.loc[1].drop("home").isna().all()
    numbers = features.drop(columns="home").dtypes
    assert all(dtype == np.dtype("float64") for dtype in numbers)
    assert features["home"].dtype == "str"


def test_the_index_of_the_rows_is_kept() -> None:
    rows = some_rows().set_axis([7, 3], axis=0)

    assert derive_features(rows, a_spec()).index.tolist() == [7, 3]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10+ years", 10.0),
        ("< 1 year", 1.0),
        (" 36 months", 36.0),
        ("-2.5 %", -2.5),
        ("A-5", 5.0),
        ("n/a", None),
        ("", None),
    ],
)
def test_the_first_number_of_a_text(text: str, number: float | None) -> None:
    rows = some_rows(tenure=[text, text])

    found = derive_features(rows, a_spec())["tenure_years"].tolist()

    assert found == (
        [number, number] if number is not None else pytest.approx([np.nan] * 2, nan_ok=True)
    )


def test_a_leading_number_of_a_number_is_itself() -> None:
    rows = some_rows(tenure=[3.5, np.nan])

    assert derive_features(rows, a_spec())["tenure_years"].iloc[0] == 3.5


def test_infinite_values_count_as_missing() -> None:
    rows = some_rows(amount=[1e308, 1.0], income=[1e-300, np.inf], dependants=[np.inf, -np.inf])

    features = derive_features(rows, a_spec())

    assert features["burden"].tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
    assert features["dependants"].isna().all()


def test_booleans_read_back_as_objects_are_still_numbers() -> None:
    rows = some_rows()
    rows["employed"] = pd.Series([True, None], dtype=object)

    assert derive_features(rows, a_spec())["employed"].iloc[0] == 1.0


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractBreach, match=r"1 feature column.*home.*model 'loans'"):
        derive_features(some_rows().drop(columns="home"), a_spec())


@settings(deadline=None, max_examples=30)
@given(st.integers(min_value=1, max_value=7), st.integers(min_value=0, max_value=2**32 - 1))
def test_no_feature_depends_on_other_rows(kept: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.concat([some_rows()] * 4, ignore_index=True)
    rows["amount"] = rng.normal(1000, 300, len(rows))
    spec = a_spec()

    alone = derive_features(rows.iloc[:kept], spec)

    pd.testing.assert_frame_equal(alone, derive_features(rows, spec).iloc[:kept])
