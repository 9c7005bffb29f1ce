from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.stability import (
    characteristic_stability_index,
    population_stability_index,
    psi_limit,
)


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


def test_csi_of_numbers_is_psi() -> None:
    rng = np.random.default_rng(2)
    reference, current = rng.normal(size=500), rng.normal(0.3, size=400)

    csi = characteristic_stability_index(reference, current, bins=7)

    assert csi == population_stability_index(reference, current, bins=7)


def test_csi_of_categories_is_the_sum_over_kinds() -> None:
    reference, current = ["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 70
    by_hand = (0.3 - 0.6) * math.log(0.3 / 0.6) + (0.7 - 0.4) * math.log(0.7 / 0.4)

    assert characteristic_stability_index(reference, current) == pytest.approx(by_hand)


@pytest.mark.parametrize("moved_to", [None, "boat"], ids=["missing", "unseen"])
def test_missing_and_unseen_categories_are_bins_of_their_own(moved_to: str | None) -> None:
    reference, current = ["a", "b"] * 50, ["a"] * 50 + [moved_to] * 50
    b_gone = (0.005 - 0.5) * math.log(0.005 / 0.5)
    by_hand = 2 * b_gone  # what b lost, the other bin gained from half a row

    assert characteristic_stability_index(reference, current) == pytest.approx(by_hand)


def test_two_unseen_categories_share_a_bin_and_missing_has_another() -> None:
    reference = ["a"] * 98 + [None, None]

    same = characteristic_stability_index(reference, ["a"] * 90 + ["x"] * 5 + ["y"] * 5)
    one = characteristic_stability_index(reference, ["a"] * 90 + ["x"] * 10)
    other = characteristic_stability_index(reference, ["a"] * 90 + ["x"] * 5 + [None] * 5)

    assert same == one
    assert other != one


@given(st.lists(st.sampled_from(["a", "b", None, "c"]), min_size=1, max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_csi_is_0_against_itself_in_any_order_and_never_below(
    values: list[str | None], chance: Any
) -> None:
    reference = ["a", *values]
    turned = list(reference)
    chance.shuffle(turned)

    assert characteristic_stability_index(reference, turned) == pytest.approx(0.0)
    assert characteristic_stability_index(reference, ["b", "new"]) >= 0.0


@pytest.mark.parametrize(("rows", "share"), [(500, 0.95), (5_000, 0.95), (2_000, 0.5)])
def test_the_limit_of_independent_rows_is_that_of_chi_squared(rows: int, share: float) -> None:
    reference = np.random.default_rng(3).normal(size=4_000)

    limit = psi_limit(reference, rows, share=share, replicates=4_000, seed=1)

    assert limit == pytest.approx((1 / 4_000 + 1 / rows) * chi2.ppf(share, 9), rel=0.06)


def test_samples_without_drift_stay_below_the_limit_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    below = 0
    for seed in range(200):
        reference, current = rng.normal(size=1_000), rng.normal(size=500)
        limit = psi_limit(reference, 500, replicates=300, seed=seed)
        below += population_stability_index(reference, current) <= limit

    assert 180 <= below <= 199  # 190, give or take three standard errors


def test_rows_that_move_together_have_a_wider_limit() -> None:
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(200), 10)
    reference = rng.normal(size=200)[cluster] + 0.3 * rng.normal(size=2_000)

    independent = psi_limit(reference, 1_000, seed=1)
    clustered = psi_limit(reference, 1_000, clusters=cluster, seed=1)

    assert clustered > 3 * independent


def test_clusters_of_one_row_have_the_limit_of_independent_rows() -> None:
    reference = np.random.default_rng(6).normal(size=1_000)

    clustered = psi_limit(reference, 800, clusters=np.arange(1_000), replicates=4_000, seed=1)

    assert clustered == pytest.approx(psi_limit(reference, 800, replicates=4_000, seed=2), rel=0.07)


def test_categories_have_a_limit_too_and_a_seed_fixes_it() -> None:
    reference = ["a", "b", "c", None] * 100

    limit = psi_limit(reference, 300, seed=7)

    assert limit == psi_limit(reference[::-1], 300, seed=7)
    assert limit == pytest.approx((1 / 400 + 1 / 300) * chi2.ppf(0.95, 3), rel=0.15)


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"share": 0.0}, {"share": 1.0}, {"replicates": 0}], ids=str
)
def test_a_limit_that_cannot_be_drawn_is_refused(wrong: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"rows": 10, "seed": 1} | wrong

    with pytest.raises(ConfigurationError, match="cannot be drawn"):
        psi_limit([1.0, 2.0, 3.0], **asked)
