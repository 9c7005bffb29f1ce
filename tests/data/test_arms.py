"""A row's arm is its own, for good; between experiments there is no connection."""

from __future__ import annotations

import math

import pandas as pd

from finrisk.data.arms import of_challenger
from finrisk.data.row_hashing import RowHasher

ROWS = 40_000
HASHES = RowHasher(bytes(32)).rows("loans", pd.Series([f"A-{n}" for n in range(ROWS)])).to_pylist()


def test_the_same_rows_are_in_the_same_arm_in_any_order_and_company() -> None:
    told = of_challenger(HASHES, "one", 0.1)

    assert of_challenger(HASHES[::-1], "one", 0.1) == told[::-1]
    assert [of_challenger([of], "one", 0.1)[0] for of in HASHES[:500]] == told[:500]


def test_the_share_is_what_was_asked_for() -> None:
    for share in (0.01, 0.1, 0.2, 0.5):
        found = sum(of_challenger(HASHES, f"salt {share}", share))
        assert abs(found - ROWS * share) < 4.0 * math.sqrt(ROWS * share * (1.0 - share))
    assert not any(of_challenger(HASHES, "one", 0.0))
    assert all(of_challenger(HASHES, "one", 1.0))


def test_two_experiments_divide_rows_independently() -> None:
    first, second = of_challenger(HASHES, "one", 0.2), of_challenger(HASHES, "two", 0.2)
    both = sum(a and b for a, b in zip(first, second, strict=True))

    assert abs(both - ROWS * 0.04) < 4.0 * math.sqrt(ROWS * 0.04 * 0.96)


def test_a_larger_share_keeps_every_row_of_a_smaller_one() -> None:
    small, large = of_challenger(HASHES, "one", 0.05), of_challenger(HASHES, "one", 0.2)

    assert all(b for a, b in zip(small, large, strict=True) if a)
