from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.errors import NotEnoughData
from finrisk.models.folds import FIRST_TRAINING_SHARE, expanding_folds

vintages_of_rows = st.lists(st.integers(1, 12), min_size=1, max_size=60)


def months(numbers: list[int]) -> np.ndarray:
    return np.array([f"2024-{n:02d}" for n in numbers])


@given(vintages_of_rows, st.integers(2, 6), st.integers(0, 2))
def test_training_rows_are_always_older_than_the_embargo_before_the_validated_block(
    numbers: list[int], folds: int, embargo: int
) -> None:
    distinct = sorted(set(numbers))
    vintages = np.array([distinct.index(n) for n in numbers])
    if len(distinct) < 2 + embargo:
        with pytest.raises(NotEnoughData, match=f"at least {2 + embargo}; got {len(distinct)}"):
            expanding_folds(months(numbers), folds, embargo_vintages=embargo)
        return

    found = expanding_folds(months(numbers), folds, embargo_vintages=embargo)

    assert 1 <= len(found) <= folds
    for fold in found:
        assert vintages[fold.train].max() + embargo < vintages[fold.validate].min()


@given(vintages_of_rows, st.integers(2, 6))
def test_each_row_is_validated_at_most_once_and_no_vintage_is_cut(
    numbers: list[int], folds: int
) -> None:
    if len(set(numbers)) < 2:
        return

    found = expanding_folds(months(numbers), folds)

    blocks = [set(np.array(numbers)[fold.validate]) for fold in found]
    assert all(blocks)
    assert sum(len(block) for block in blocks) == len(set().union(*blocks))
    newest = {n for n in numbers if n >= min(set().union(*blocks))}
    assert newest == set().union(*blocks)


def test_blocks_hold_about_equal_rows_after_the_first_training_share() -> None:
    found = expanding_folds(months([n for n in range(1, 11) for _ in range(100)]), folds=3)

    assert [len(fold.train) for fold in found] == [400, 600, 800]
    assert [len(fold.validate) for fold in found] == [200, 200, 200]
    assert len(found[0].train) / 1000 == FIRST_TRAINING_SHARE


def test_training_expands_and_keeps_every_older_row() -> None:
    first, second, third = expanding_folds(months([1, 2, 3, 4, 5, 6]), folds=3)

    assert set(first.train) < set(second.train) < set(third.train)
    assert set(third.train) | set(third.validate) == set(range(6))


def test_few_vintages_give_few_folds() -> None:
    assert len(expanding_folds(months([1, 1, 2, 2]), folds=5)) == 1


def test_one_huge_last_vintage_still_leaves_older_blocks() -> None:
    found = expanding_folds(months([1, 2, 3, *[4] * 100]), folds=3)

    assert [fold.validate.size for fold in found] == [1, 1, 100]


def test_the_order_of_rows_does_not_matter() -> None:
    rows = months([3, 1, 2, 4, 2, 1, 3, 4])
    order = np.argsort(rows, kind="stable")

    shuffled = expanding_folds(rows, folds=2)
    ordered = expanding_folds(rows[order], folds=2)

    for one, other in zip(shuffled, ordered, strict=True):
        assert set(one.validate) == set(order[other.validate])
