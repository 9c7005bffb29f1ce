from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from finrisk.errors import ConfigurationError
from finrisk.metrics.quadratic_forms import share_beyond, times_beyond

TAILS = (0.5, 0.1, 1e-3, 1e-6, 1e-8)


@pytest.mark.parametrize(("count", "off"), [(1, 0.25), (2, 0.1), (9, 0.02), (30, 0.01)])
@pytest.mark.parametrize("degrees", [2.0, 4.4, 30.0, 1e4])
def test_equal_weights_are_the_f_distribution_far_into_its_tail(
    count: int, degrees: float, off: float
) -> None:
    at = f_distribution.isf(TAILS, count, count * degrees)

    share = share_beyond(np.ones(count), degrees, at)

    assert share.tolist() == pytest.approx(list(TAILS), rel=off)
    assert (share[2:] >= np.array(TAILS[2:])).all()  # never too sure


def test_many_degrees_are_chi_squared() -> None:
    at = chi2.isf(TAILS, 9) / 9

    assert share_beyond([3.0] * 9, 1e9, at).tolist() == pytest.approx(list(TAILS), rel=0.01)


def test_unequal_weights_are_what_drawing_them_gives() -> None:
    rng = np.random.default_rng(1)
    weights, degrees = np.array([1.0, 0.3, 0.1, 0.1, 0.05]), 6.0
    above = rng.chisquare(1, (400_000, 5)) @ weights
    below = rng.chisquare(degrees, (400_000, 5)) @ weights / degrees

    at = np.array([0.5, 1.0, 2.0, 5.0, 10.0])

    drawn = [float(np.mean(above >= times * below)) for times in at]
    assert share_beyond(weights, degrees, at).tolist() == pytest.approx(drawn, rel=0.15)


def test_one_large_weight_has_a_longer_tail_than_many_equal_ones() -> None:
    one, even = (share_beyond(w, 100.0, [8.0])[0] for w in ([1.0, 0.1, 0.1, 0.1], [1.0] * 4))

    assert one > 100 * even


def test_fewer_degrees_have_a_longer_tail() -> None:
    shares = [share_beyond([1.0] * 5, degrees, [6.0])[0] for degrees in (2.0, 5.0, 20.0, 1e6)]

    assert shares == sorted(shares, reverse=True)


def test_the_share_falls_from_1_to_0_without_a_step() -> None:
    at = np.concatenate([[0.0], np.logspace(-10, 10, 2_000), [np.inf]])

    share = share_beyond([1.0, 0.2, 1e-12], 3.0, at)

    assert share[0] == 1.0
    assert (np.diff(share) <= 1e-9).all()
    assert np.abs(np.diff(share)).max() < 0.01
    assert share[-1] < 1e-10


@pytest.mark.parametrize("share", TAILS)
def test_the_point_that_a_share_lies_beyond_is_the_share_turned_round(share: float) -> None:
    weights = [1.0, 0.5, 0.2]

    at = times_beyond(weights, 7.0, share)

    assert share_beyond(weights, 7.0, [at])[0] == pytest.approx(share, rel=1e-4)


def test_beyond_all_multiples_is_infinite() -> None:
    assert times_beyond([1.0], 0.1, 1e-6) == np.inf


@pytest.mark.parametrize(
    ("weights", "degrees", "at"),
    [
        ([], 1.0, [1.0]),
        ([0.0], 1.0, [1.0]),
        ([-1.0, 2.0], 1.0, [1.0]),
        ([np.nan], 1.0, [1.0]),
        ([1.0], 0.0, [1.0]),
        ([1.0], np.nan, [1.0]),
        ([1.0], 1.0, [-1.0]),
        ([1.0], 1.0, [np.nan]),
    ],
)
def test_what_is_no_sum_of_squares_is_refused(weights: Any, degrees: float, at: Any) -> None:
    with pytest.raises(ConfigurationError, match="sum of squares"):
        share_beyond(weights, degrees, at)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigurationError, match="a share is out of range"):
        times_beyond([1.0], 1.0, share)
