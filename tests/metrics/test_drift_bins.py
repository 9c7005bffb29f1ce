from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.bins import number_bins
from finrisk.metrics.drift_bins import bin_labels, bin_of_rows, column_bins

numbers = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), st.just(np.nan)),
    min_size=1,
    max_size=50,
)


@given(numbers, numbers, st.integers(2, 12))
@settings(max_examples=100, deadline=None)
def test_comparing_whole_columns_finds_the_bins_that_searching_finds(
    reference: list[float], current: list[float], count: int
) -> None:
    bins = number_bins([0.0, *reference], count)

    assert bin_of_rows(bins, "current", current).tolist() == bins.bin_of("x", current).tolist()


def test_more_bins_than_a_byte_counts_are_numbered_too() -> None:
    values = np.arange(2_000.0)
    bins = number_bins(values, 500)

    assert bin_of_rows(bins, "x", values).tolist() == bins.bin_of("x", values).tolist()


def test_frequent_kinds_have_a_bin_each_and_the_others_share_one() -> None:
    reference = ["a"] * 5 + ["b"] * 3 + ["c", "d", None]

    bins = column_bins("kind", reference, most_kinds=2)

    fresh = ["a", "b", "c", "d", "new", None, float("nan")]
    assert bin_of_rows(bins, "kind", fresh).tolist() == [0, 1, 2, 2, 3, 4, 4]
    assert bin_labels(bins) == ("a", "b", "others", "unseen", "missing")


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_of_any_make_is_the_last_bin(nothing: Any) -> None:
    bins = column_bins("kind", np.array(["a", "b", nothing], dtype=object))

    column = np.array([nothing, "a"], dtype=object)
    assert bin_of_rows(bins, "kind", column).tolist() == [4, 0]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_never_changes_the_bins(kinds: list[str | None], chance: Any) -> None:
    reference = ["z", *kinds]
    turned = list(reference)
    chance.shuffle(turned)

    assert bin_labels(column_bins("k", reference)) == bin_labels(column_bins("k", turned))


def test_numbers_are_labelled_by_their_edges() -> None:
    assert bin_labels(column_bins("age", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], bins=3)) == (
        "≤ 2",
        "2 to 4",
        "> 4",
        "missing",
    )


def test_one_value_has_a_bin_and_what_lies_on_either_side_another() -> None:
    bins = column_bins("x", [7.0, 7.0, 7.0])

    apart = bin_of_rows(bins, "x", [6.0, 7.0, 8.0]).tolist()

    assert len(set(apart[:2])) == 2
    assert len(bin_labels(bins)) == bins.size


def test_flags_are_numbers_and_categories_of_pandas_are_kinds() -> None:
    flags = column_bins("flag", [True, False, True])
    kinds = column_bins("kind", pd.Series(["a", "b", None], dtype="category"))

    assert len(set(bin_of_rows(flags, "flag", [True, False]).tolist())) == 2
    assert bin_of_rows(kinds, "kind", pd.Series(["b", None])).tolist() == [1, 4]


@pytest.mark.parametrize(
    ("reference", "current", "says"),
    [
        ([np.inf, 1.0], [1.0], "the amount holds infinite values; .*got 1 of 2 infinite"),
        ([1.0, 2.0], [np.inf], "the amount holds infinite values"),
        ([1.0, 2.0], ["a"], "the amount is no column of numbers"),
        (["a", "b"], [1.0], "the amount is no column of categories"),
        ([np.nan, np.nan], [1.0], "the amount is missing throughout"),
        ([None, None], [1.0], "the amount is missing throughout"),
        ([], [1.0], "the amount is no column"),
        (["a"], [], "the amount is no column"),
    ],
)
def test_what_has_no_bins_is_an_error_that_names_the_column(
    reference: Any, current: Any, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        bin_of_rows(column_bins("amount", reference), "amount", current)


def test_kinds_that_cannot_be_told_apart_are_an_error() -> None:
    lists = np.empty(2, dtype=object)
    lists[:] = [[1], [2]]

    with pytest.raises(DataError, match="the tags is no column of categories"):
        column_bins("tags", lists)
    with pytest.raises(DataError, match="the tags is no column of categories"):
        bin_of_rows(column_bins("tags", ["a"]), "tags", lists)


@pytest.mark.parametrize("wrong", [{"bins": 1}, {"most_kinds": 0}], ids=str)
def test_too_few_bins_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="too few"):
        column_bins("x", [1.0, 2.0], **wrong)
