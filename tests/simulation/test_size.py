from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from finrisk.simulation.pieces import seeds
from finrisk.simulation.size import independent_looks, minimum_detectable_gain, size_of
from tests.simulation.factories import SMALL, daily, in_terminals

CLUSTERED = replace(daily(), shape=in_terminals())


@given(npst.arrays(np.float64, 50, elements=st.floats(-6.0, 6.0)))
def test_swapping_the_models_does_not_change_the_size(z: np.ndarray) -> None:
    assert size_of(z, 0.01) == size_of(-z, 0.01)


def test_a_size_is_read_against_both_sides() -> None:
    z = np.array([0.0] * 90 + [2.0] * 5 + [-2.0] * 5)

    size = size_of(z, 0.05)

    assert (size.beyond, size.ratio) == (10, pytest.approx(1.0))
    assert size.interval[0] < 1.0 < size.interval[1]


def test_equals_pass_a_look_about_as_often_as_alpha_says() -> None:
    looks = independent_looks(daily(), 0.0, seeds(5, "size", 400))

    assert size_of(looks.z, 0.05).interval[0] < 1.2
    assert 0.88 < looks.z.std() < 1.12


def test_undeclared_terminals_make_equals_pass_far_too_often_and_declared_ones_do_not() -> None:
    looks = independent_looks(CLUSTERED, 0.0, seeds(5, "size", 400))

    assert size_of(looks.z_undeclared, 0.05).interval[0] > 1.1
    assert size_of(looks.z, 0.05).interval[0] < 1.5
    assert (looks.error >= looks.rows_error).all()


def test_no_two_looks_share_a_row() -> None:
    looks = independent_looks(daily(), 0.0, seeds(5, "size", 40))

    assert np.unique(looks.difference).size == 40


def test_a_gain_of_the_minimum_detectable_difference_is_found_four_times_in_five() -> None:
    alpha = 0.04 / 365
    equals = independent_looks(daily(), 0.0, seeds(5, "gain", 100))
    gain = minimum_detectable_gain(equals, alpha)

    found = independent_looks(daily(), gain, seeds(5, "power", 300)).z >= 3.696

    assert SMALL.bads == 200
    assert found.mean() == pytest.approx(0.80, abs=0.08)
