from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from finrisk.simulation.intervals import binomial_interval, poisson_interval


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_binomial_interval_leaves_out_just_what_is_too_unlikely(counted: tuple[int, int]) -> None:
    found, of = counted
    low, high = binomial_interval(found, of)

    assert 0.0 <= low <= found / of <= high <= 1.0
    assert found == 0 or binom.sf(found - 1, of, low) == pytest.approx(0.025, rel=1e-6)
    assert found == of or binom.cdf(found, of, high) == pytest.approx(0.025, rel=1e-6)


@given(st.integers(0, 500), st.floats(0.5, 1000.0))
def test_a_poisson_interval_leaves_out_just_what_is_too_unlikely(found: int, over: float) -> None:
    low, high = poisson_interval(found, over)

    assert low <= found / over <= high
    assert found == 0 or poisson.sf(found - 1, low * over) == pytest.approx(0.025, rel=1e-6)
    assert poisson.cdf(found, high * over) == pytest.approx(0.025, rel=1e-6)
