from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from finrisk.errors import ConfigurationError
from finrisk.metrics.calibration import (
    brier_score,
    calibration_in_the_large,
    calibration_slope,
    expected_calibration_error,
)
from tests.metrics.factories import scored_rows


def test_brier_score_is_that_of_scikit_learn() -> None:
    labels, probability = scored_rows(1_000, seed=1)

    assert brier_score(labels, probability) == pytest.approx(
        brier_score_loss(labels, probability), abs=1e-12
    )


@pytest.mark.parametrize("rows", [150, 157])
def test_calibration_error_averages_equal_count_bins(rows: int) -> None:
    labels, probability = scored_rows(rows, seed=2)
    order = np.argsort(probability)
    bin_of_row = [15 * (2 * rank + 1) // (2 * rows) for rank in range(rows)]
    parts = [order[np.array(bin_of_row) == b] for b in range(15)]
    by_hand = sum(abs(probability[p].sum() - labels[p].sum()) for p in parts) / rows

    assert {len(part) for part in parts} <= {rows // 15, rows // 15 + 1}
    assert expected_calibration_error(labels, probability) == pytest.approx(by_hand, abs=1e-12)


def test_rows_with_one_probability_share_a_bin_whatever_their_order() -> None:
    labels = np.array([1] * 30 + [0] * 70)
    probability = np.full(100, 0.3)

    as_given = expected_calibration_error(labels, probability)
    turned = expected_calibration_error(labels[::-1], probability)

    assert (as_given, turned) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_tied_rows_go_where_their_middle_is() -> None:
    error = expected_calibration_error([1, 0, 0, 0], [0.1, 0.1, 0.1, 0.9], bins=2)

    assert error == pytest.approx((abs(0.3 - 1) + abs(0.9 - 0)) / 4)


def test_one_bin_is_the_distance_of_mean_probability_and_bad_rate() -> None:
    labels, probability = scored_rows(500, seed=3)

    error = expected_calibration_error(labels, probability, bins=1)

    assert error == pytest.approx(abs(probability.mean() - labels.mean()), abs=1e-12)


def test_bins_are_at_least_one() -> None:
    with pytest.raises(ConfigurationError, match="expected at least 1; got 0"):
        expected_calibration_error([0, 1], [0.1, 0.9], bins=0)


@pytest.mark.parametrize("offset", [-2.0, -0.2, 0.0, 0.7])
def test_calibration_in_the_large_finds_the_offset_that_fits_the_bad_rate(offset: float) -> None:
    labels, probability = scored_rows(2_000, seed=4)
    logits = np.log(probability / (1 - probability))
    fitted = logits + calibration_in_the_large(labels, probability)
    moved = 1 / (1 + np.exp(-(fitted - offset)))

    assert calibration_in_the_large(labels, moved) == pytest.approx(offset, abs=1e-9)
    assert (1 / (1 + np.exp(-fitted))).mean() == pytest.approx(labels.mean(), abs=1e-12)


def test_too_little_risk_has_a_positive_offset() -> None:
    labels = [1, 0, 0, 0]

    assert calibration_in_the_large(labels, [0.1] * 4) == pytest.approx(
        math.log(1 / 3) - math.log(1 / 9)
    )
    assert calibration_in_the_large(labels, [0.9] * 4) < 0


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_certainty_that_was_wrong_has_a_finite_offset(certain: float) -> None:
    assert math.isfinite(calibration_in_the_large([0, 1], [certain, certain]))


@pytest.mark.parametrize("slope", [-1.5, 0.2, 1.0, 3.0])
@pytest.mark.parametrize("offset", [-2.0, 0.0])
def test_slope_undoes_how_far_logits_were_stretched(slope: float, offset: float) -> None:
    labels, probability = scored_rows(3_000, seed=5)
    logits = np.log(probability / (1 - probability))
    before = calibration_slope(labels, probability)
    stretched = 1 / (1 + np.exp(-(logits - offset) / slope))

    assert before is not None
    assert calibration_slope(labels, stretched) == pytest.approx(slope * before, rel=1e-6)


def test_slope_is_that_of_an_unpenalised_logistic_regression() -> None:
    labels, probability = scored_rows(2_000, seed=6, bad_rate=0.05)
    logits = np.log(probability / (1 - probability))
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(logits[:, None], labels)

    assert calibration_slope(labels, probability) == pytest.approx(fitted.coef_[0, 0], abs=1e-5)


def test_slope_makes_the_residuals_orthogonal_to_the_logits() -> None:
    labels, probability = scored_rows(2_000, seed=7)
    logits = np.log(probability / (1 - probability))
    slope = calibration_slope(labels, probability)

    assert slope is not None
    tilted = 1 / (1 + np.exp(-slope * logits))
    line = slope * logits + calibration_in_the_large(labels, tilted)
    residuals = labels - 1 / (1 + np.exp(-line))
    assert residuals.sum() == pytest.approx(0.0, abs=1e-8)
    assert (residuals * logits).sum() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    "probability",
    [[0.3] * 4, [0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.1, 0.5, 0.5, 0.9], [0.0, 0, 1, 1]],
    ids=["constant", "separated", "separated backwards", "tied at the cut-off", "certain"],
)
def test_slope_is_unknown_where_none_is_finite(probability: list[float]) -> None:
    assert calibration_slope([0, 0, 1, 1], probability) is None


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 1.0)), min_size=3, max_size=30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_slope_is_a_finite_number_or_unknown_whatever_the_order(
    rows: list[tuple[int, float]], chance: Any
) -> None:
    rows = [(0, 0.4), (1, 0.6), *rows]
    slope = calibration_slope(*zip(*rows, strict=True))
    chance.shuffle(rows)
    again = calibration_slope(*zip(*rows, strict=True))

    assert (slope is None) == (again is None)
    if slope is not None:
        assert math.isfinite(slope)
        assert again == pytest.approx(slope, rel=1e-5, abs=1e-9)
