from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.bins import bins_of, is_missing


@pytest.mark.parametrize(
    "values",
    [
        ["own", "rent", "own"],
        np.array(["own", "rent", "own"], dtype=object),
        np.array(["own", "rent", "own"], dtype=np.dtypes.StringDType()),
        pd.Series(["own", "rent", "own"], dtype="category"),
        pd.Series(["own", "rent", "own"], dtype="string"),
    ],
    ids=["list", "objects", "any width", "pandas category", "pandas string"],
)
def test_categories_of_any_make_have_a_bin_each(values: Any) -> None:
    bins = bins_of(values, 10)

    assert bins.size == 4
    assert bins.bin_of("current", ["rent", "own", "boat"]).tolist() == [1, 0, 2]


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT")])
def test_missing_of_any_make_is_one_bin(nothing: Any) -> None:
    bins = bins_of(np.array(["own", nothing], dtype=object), 10)

    assert is_missing(nothing)
    current = np.array([nothing, "boat", None], dtype=object)
    assert bins.bin_of("current", current).tolist() == [2, 1, 2]


def test_a_column_that_lost_its_type_to_missing_values_is_still_a_column() -> None:
    categories, numbers = bins_of(["own", "rent"], 10), bins_of([1.0, 2.0], 2)

    assert categories.bin_of("current", [np.nan, np.nan]).tolist() == [3, 3]
    assert numbers.bin_of("current", [None, None]).tolist() == [numbers.size - 1] * 2


def test_flags_are_numbers() -> None:
    bins = bins_of([True, False, True, True], 4)

    assert len(set(bins.bin_of("current", [False, True]).tolist())) == 2


def test_the_order_of_the_rows_never_changes_the_bins() -> None:
    mixed = np.array(["b", 1, "a", ("x", 2), None], dtype=object)

    assert bins_of(mixed, 10).bin_of("current", mixed[:4]).tolist() == (
        bins_of(mixed[::-1], 10).bin_of("current", mixed[:4]).tolist()
    )


@pytest.mark.parametrize(
    ("reference", "current", "says"),
    [
        (["own", "rent"], [1.0, 2.0], "the current is no column of categories"),
        ([1.0, 2.0], ["own", "rent"], "the current is no column of numbers"),
        ([None, None], ["own"], "the reference is missing throughout"),
        ([], ["own"], "the reference is no column of numbers; .*shape \\(0,\\)"),
        (np.array([["own"]]), ["own"], "no column of categories; .*shape \\(1, 1\\)"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), ["own"], "no column of categories"),
    ],
)
def test_what_has_no_bins_is_an_error(reference: Any, current: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        bins_of(reference, 10).bin_of("current", current)


def test_there_are_two_bins_at_least() -> None:
    with pytest.raises(ConfigurationError, match="expected at least 2; got 1"):
        bins_of([1.0, 2.0], 1)
