from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.errors import NotEnoughData
from finrisk.models.prequential import newest_rows, prequential_folds
from finrisk.specs.training import Prequential

FIRST = np.datetime64("2024-02-26")
lengths = st.builds(
    Prequential,
    train_days=st.integers(1, 5),
    delay_days=st.integers(0, 4),
    validate_days=st.integers(1, 4),
)


def days(numbers: list[int] | range) -> np.ndarray:
    return (FIRST + np.array(numbers, dtype="timedelta64[D]")).astype(str)


def spans(rows: np.ndarray, numbers: np.ndarray) -> tuple[int, int]:
    return int(numbers[rows].min()), int(numbers[rows].max())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(2, 6), lengths)
def test_no_fold_trains_on_a_row_whose_label_the_first_validated_day_could_not_know(
    numbers: list[int], folds: int, how: Prequential
) -> None:
    day = np.array(numbers)
    span = day.max() - day.min() + 1
    if span < how.days_for(1):
        with pytest.raises(NotEnoughData, match=f"at least {how.days_for(1)}; got {span}"):
            prequential_folds(days(numbers), folds, how)
        return

    found = prequential_folds(days(numbers), folds, how)

    assert len(found) <= folds
    assert len(found) == folds or span < how.days_for(len(found) + 1)
    for back, fold in enumerate(reversed(found)):
        last = day.max() - back * how.validate_days
        trained_to = last - how.validate_days - how.delay_days
        np.testing.assert_array_equal(
            fold.validate, np.flatnonzero((day > last - how.validate_days) & (day <= last))
        )
        np.testing.assert_array_equal(
            fold.train, np.flatnonzero((day > trained_to - how.train_days) & (day <= trained_to))
        )


def test_folds_step_back_over_the_end_of_a_month_oldest_first() -> None:
    numbers = np.arange(28)

    older, newer = prequential_folds(days(range(28)), 2, Prequential())

    assert (spans(older.train, numbers), spans(older.validate, numbers)) == ((0, 6), (14, 20))
    assert (spans(newer.train, numbers), spans(newer.validate, numbers)) == ((7, 13), (21, 27))


def test_fewer_days_give_fewer_folds() -> None:
    assert len(prequential_folds(days(range(34)), 4, Prequential())) == 2


def test_a_day_without_rows_counts_as_a_day() -> None:
    numbers = [n for n in range(21) if n != 15]

    (fold,) = prequential_folds(days(numbers), 2, Prequential())

    assert (len(fold.train), len(fold.validate)) == (7, 6)


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = np.random.default_rng(5).permutation(28)

    found = prequential_folds(days(shuffled.tolist()), 2, Prequential())

    assert set(shuffled[found[-1].train]) == set(range(7, 14))


def test_the_newest_rows_are_of_calendar_days() -> None:
    assert newest_rows(days([0, 5, 6, 6, 9]), days=4).tolist() == [2, 3, 4]


def test_no_row_is_not_enough_data() -> None:
    with pytest.raises(NotEnoughData, match="too few days"):
        prequential_folds([], 2, Prequential())
