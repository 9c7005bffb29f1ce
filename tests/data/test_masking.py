from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from finrisk.data.masking import examples, masked, masked_category


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "missing"),
        (True, "a boolean"),
        (1234567, "number of 7 digits"),
        (Decimal("12.5"), "number of 2 digits"),
        (-0.5, "negative number of 1 digit"),
        (float("inf"), "a number that is not finite"),
        (date(2031, 5, 4), "a date in 2031"),
        ("ana@example.org", "text of 15 characters"),
        (b"x", "a bytes"),
    ],
)
def test_a_value_is_shown_by_its_shape(value: object, shown: str) -> None:
    assert masked(value) == shown


def test_a_category_shows_two_letters_and_a_short_one_none() -> None:
    assert [masked_category(t) for t in ("marketplace", "ab", "abc")] == ["ma…", "…", "ab…"]


def test_examples_are_few_and_different() -> None:
    assert examples(str(i // 2) for i in range(20)) == ("0", "1", "2", "3", "4")
