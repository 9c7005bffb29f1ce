from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.stability import population_stability_index


def test_psi_is_the_sum_over_bins_of_reference_deciles() -> None:
    reference = np.arange(1, 1001) / 1000
    current = reference**2
    edges = [i / 10 for i in range(11)]
    q = [np.mean((current > a) & (current <= b)) for a, b in pairwise(edges)]
    by_hand = sum((share - 0.1) * math.log(share / 0.1) for share in q)

    assert population_stability_index(reference, current) == pytest.approx(by_hand, abs=1e-12)


def test_psi_is_0_for_the_same_spread_at_another_size() -> None:
    reference = np.arange(1000.0)

    assert population_stability_index(reference, np.repeat(reference, 3)) == pytest.approx(0.0)


def test_psi_of_another_sample_of_the_same_source_is_small() -> None:
    rng = np.random.default_rng(1)

    assert population_stability_index(rng.normal(size=5_000), rng.normal(size=5_000)) < 0.01


def test_an_empty_bin_counts_as_half_a_row() -> None:
    reference, current = [0.0] * 50 + [1.0] * 50, [1.0] * 100

    r, q = 0.5, 0.5 / 100
    by_hand = (q - r) * math.log(q / r) + (1.0 - r) * math.log(1.0 / r)
    assert population_stability_index(reference, current) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([1.0] * 95 + [0.0] * 5, [1.0] * 50 + [0.0] * 50),
        ([0.0] * 95 + [1.0] * 5, [0.0] * 50 + [1.0] * 50),
        ([7.0] * 100, [6.0] * 100),
        ([7.0] * 100, [8.0] * 100),
        ([0.0] * 80 + [1.0, 2.0] * 10, [-1.0] * 80 + [1.0, 2.0] * 10),
        ([0.0] * 15 + [*range(1, 86)], [-5.0] * 15 + [*range(1, 86)]),
        ([1.0, 2.0] * 50, [1.0, 2.0] * 30 + [np.nan] * 40),
    ],
    ids=[
        "rare low",
        "rare high",
        "constant down",
        "constant up",
        "below a heap",
        "below a small heap",
        "missing",
    ],
)
def test_a_shift_out_of_a_heap_of_one_value_shows(
    reference: list[float], current: list[float]
) -> None:
    assert population_stability_index(reference, current) > 0.25


def test_missing_values_on_both_sides_are_a_bin_like_any_other() -> None:
    values = [1.0, 2.0, np.nan, 4.0]

    assert population_stability_index(values, values * 2) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("reference", "current", "says"),
    [
        ([], [1.0], r"the reference is no column of numbers; .*got shape \(0,\)"),
        ([1.0], [[1.0]], r"the current is no column of numbers; .*got shape \(1, 1\)"),
        ([1.0], ["a"], "the current is no column of numbers"),
        ([1.0, np.inf], [1.0], "reference holds infinite values; .*got 1 of 2 infinite"),
        ([np.nan], [1.0], "the reference is missing throughout"),
    ],
)
def test_values_that_have_no_bins_are_an_error(reference: Any, current: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        population_stability_index(reference, current)


def test_there_are_two_bins_at_least() -> None:
    with pytest.raises(ConfigurationError, match="expected at least 2; got 1"):
        population_stability_index([1.0], [1.0], bins=1)
