from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from finrisk.errors import ConfigurationError
from finrisk.metrics.false_discoveries import discoveries

chances = st.lists(st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 0.01)), min_size=1, max_size=30)


@given(chances)
@settings(max_examples=100, deadline=None)
def test_discoveries_are_those_of_scipys_benjamini_yekutieli(p_values: list[float]) -> None:
    adjusted = false_discovery_control(p_values, method="by")
    if np.abs(adjusted - 0.05).min() < 1e-12:
        return

    assert discoveries(p_values, 0.05).tolist() == (adjusted <= 0.05).tolist()


@given(chances, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_columns_never_matters(p_values: list[float], chance: Any) -> None:
    order = list(range(len(p_values)))
    chance.shuffle(order)

    turned = discoveries([p_values[at] for at in order])

    assert turned.tolist() == [discoveries(p_values).tolist()[at] for at in order]


def test_columns_that_rise_and_fall_together_keep_the_rate() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=4_000)
    false = 0
    for common in shared:
        signs = np.where(np.arange(20) % 2, 1.0, -1.0)
        z = 0.8 * signs * common + 0.6 * rng.normal(size=20)
        p = np.array([0.5 * (1.0 + np.tanh(-0.8 * x)) for x in z])  # a shade too small a tail
        false += discoveries(p).any()

    assert false / shared.size <= 0.05


def test_an_unknown_column_is_never_shown_and_counts_among_those_looked_at() -> None:
    alone, among = 0.02, [0.02] + [np.nan] * 3

    assert discoveries([alone]).tolist() == [True]
    assert discoveries(among).tolist() == [False] * 4


def test_no_columns_have_no_discoveries() -> None:
    assert discoveries([]).tolist() == []


@pytest.mark.parametrize(
    ("p_values", "share"), [([1.2], 0.05), ([-0.1], 0.05), ([[0.1]], 0.05), ([0.1], 0.0)]
)
def test_what_has_no_rate_is_refused(p_values: Any, share: float) -> None:
    with pytest.raises(ConfigurationError, match="no false discovery rate"):
        discoveries(p_values, share)
