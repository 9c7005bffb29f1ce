from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.pictures.shares import BINS, FEWEST_ROWS, FeatureShares, feature_shares

CHANCE = np.random.default_rng(4)
NUMBERS = pd.Series(CHANCE.normal(size=1_000))


def test_a_number_has_equal_bins_between_its_development_quantiles() -> None:
    found = feature_shares(NUMBERS, NUMBERS)

    assert found.edges.size == BINS + 1
    assert (found.edges[0], found.edges[-1]) == (0.0, 1.0)
    assert np.diff(found.edges) == pytest.approx(1 / BINS)
    assert found.development.sum() == pytest.approx(0.98, abs=0.003)
    assert found.holdout.tolist() == found.development.tolist()


def test_rows_beyond_the_development_range_are_missing_from_the_holdouts_shares() -> None:
    moved = pd.concat([NUMBERS, NUMBERS + 1_000.0])

    found = feature_shares(NUMBERS, moved)

    assert found.holdout.sum() == pytest.approx(found.development.sum() / 2)


def test_a_number_of_few_values_has_one_bin_a_value() -> None:
    found = feature_shares(pd.Series([0, 1, 1, 3] * 30), pd.Series([1, 1, 3, 9]))

    assert found.development.tolist() == [0.25, 0.5, 0.25]
    assert found.holdout.tolist() == [0.0, 0.5, 0.25]
    assert found.ends == ("0", "3")


@pytest.mark.parametrize("value", [0.0, 7.0, -2.5, 1e20])
def test_a_constant_is_one_bin(value: float) -> None:
    found = feature_shares(pd.Series([value] * 30), pd.Series([value] * 3))

    assert (found.development.tolist(), found.holdout.tolist()) == ([1.0], [1.0])


def test_ends_are_rounded_to_three_digits() -> None:
    found = feature_shares(NUMBERS * 10_000 + 54_321.0, NUMBERS)

    low, high = (float(end.replace(",", "")) for end in found.ends)
    assert low % 100 == high % 100 == 0.0


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([None, 1, 2, 2] * 10, dtype="Int64"),
        pd.Series([np.nan, 1, 2, np.inf] * 10),
        pd.Series([True, False] * 20),
        pd.Series([True, False, None, None] * 10, dtype="boolean"),
    ],
    ids=["nullable", "infinite", "boolean", "nullable boolean"],
)
def test_missing_and_infinite_numbers_are_left_out(column: pd.Series) -> None:
    found = feature_shares(column, column)

    assert found.development.size == 2
    assert found.development.sum() == pytest.approx(1.0)


def test_categories_are_ranked_by_their_development_rows_and_the_rare_ones_pooled() -> None:
    development = pd.Series(["rent"] * 50 + ["own"] * 30 + ["castle"] * 10 + ["boat"] * 10)
    holdout = pd.Series(["own", "own", "boat", None, "tent"])

    found = feature_shares(development, holdout)

    assert found.development == pytest.approx([0.5, 0.3, 0.2])
    assert found.holdout == pytest.approx([0.0, 0.5, 0.5])
    assert found.ends == ("most frequent", "all others")


def test_eight_categories_have_a_bin_and_all_others_share_one() -> None:
    many = pd.Series([f"purpose {place}" for place in range(12)] * 20)

    assert feature_shares(many, many).development.size == 9


def test_text_in_one_part_and_numbers_in_the_other_are_categories() -> None:
    found = feature_shares(pd.Series([1, 2] * 20), pd.Series(["1", "2"]))

    assert found.holdout.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("values", [[1.5] * 19, ["rent"] * 19, [np.nan] * 50])
def test_nothing_is_shown_of_a_few_rows(values: list[Any]) -> None:
    assert len(values) < FEWEST_ROWS or np.isnan(values).all()

    found = feature_shares(pd.Series(values), pd.Series(values))

    assert found.ends == FeatureShares.none().ends == ("too few values", "")
    assert found.development.tolist() == found.holdout.tolist() == [0.0]


@pytest.mark.parametrize("part", [NUMBERS, pd.Series(["rent"] * 30)], ids=["number", "category"])
def test_a_holdout_that_knows_no_value_is_empty(part: pd.Series) -> None:
    unknown = pd.Series([None] * 5, dtype=part.dtype)

    assert feature_shares(part, unknown).holdout.sum() == 0.0
