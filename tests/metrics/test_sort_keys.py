from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.metrics.sort_keys import labelled_keys

WIDE = st.floats(allow_nan=False, allow_infinity=False)
NARROW = st.floats(width=32, allow_nan=False, allow_infinity=False)
ENDS = [0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 2.0, -2.0, 1.9999999999999998]


def assert_ordered_like(scores: Any) -> None:
    bad = np.arange(scores.size) % 3 == 0

    keys = labelled_keys(bad, scores)

    score_keys = keys >> 1
    assert keys.dtype.itemsize == scores.dtype.itemsize
    assert np.array_equal((keys & 1).astype(bool), bad)
    assert np.array_equal(score_keys[:, None] < score_keys, scores[:, None] < scores)
    assert np.array_equal(score_keys[:, None] == score_keys, scores[:, None] == scores)


@given(st.lists(WIDE | st.sampled_from(ENDS), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_key_orders_and_ties_like_its_score(scores: list[float]) -> None:
    assert_ordered_like(np.array(scores))


@given(st.lists(NARROW, min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_float32_has_a_key_of_its_own_width(scores: list[float]) -> None:
    assert_ordered_like(np.array(scores, dtype=np.float32))


@pytest.mark.parametrize("largest", [1.0, 2.0, 3.0, 1e300])
def test_both_signs_fit_at_any_scale(largest: float) -> None:
    assert_ordered_like(largest * np.array([-1.0, -0.5, -0.0, 0.0, 0.25, 1.0]))


def test_scores_too_far_apart_for_one_scale_are_keyed_by_rank() -> None:
    assert_ordered_like(np.array([-1e308, -1e-320, 5e-324, 0.0, 1e308]))
