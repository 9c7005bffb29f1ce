from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.data.split import Split, VintageCount, split_vintages
from finrisk.errors import NotEnoughData
from finrisk.specs.policy import Holdout
from finrisk.specs.training import Training


def months(*bads: int, rows: int = 1000) -> list[VintageCount]:
    return [
        VintageCount(f"{2023 + i // 12}-{i % 12 + 1:02d}", rows, bad) for i, bad in enumerate(bads)
    ]


def a_split(counts: list[VintageCount], **changes: Any) -> Split:
    policy = {"target_bads": 300, "min_bads": 10, "max_vintages": 12, "embargo_days": 1}
    training = {"min_vintages": 2, "min_bads": 10, "max_vintages": None}
    for key, value in changes.items():
        (policy if key in ("target_bads", "embargo_days", "most_holdout") else training)[key] = (
            value
        )
    policy["max_vintages"] = policy.pop("most_holdout", policy["max_vintages"])
    return split_vintages(counts, Holdout(**policy), Training(**training))


def names(counts: tuple[VintageCount, ...]) -> list[str]:
    return [c.vintage for c in counts]


def test_the_holdout_is_the_fewest_newest_vintages_with_enough_bads() -> None:
    split = a_split(months(100, 100, 100, 100, 100, 100, 150, 149, 1))

    assert names(split.holdout) == ["2023-07", "2023-08", "2023-09"]
    assert names(split.development) == [f"2023-0{m}" for m in range(1, 6)]


def test_the_holdout_takes_no_more_vintages_than_the_policy_says() -> None:
    split = a_split(months(*[20] * 10), most_holdout=3)

    assert names(split.holdout) == ["2023-08", "2023-09", "2023-10"]
    assert split.holdout_window.bads == 60


@pytest.mark.parametrize(
    ("embargo_days", "last"), [(0, "2023-05"), (1, "2023-05"), (30, "2023-04"), (29, "2023-05")]
)
def test_the_embargo_is_strict(embargo_days: int, last: str) -> None:
    split = a_split(months(*[100] * 7, 200, 100), embargo_days=embargo_days, target_bads=310)

    assert names(split.holdout)[0] == "2023-07"
    assert split.development[-1].vintage == last


def test_development_takes_the_newest_vintages_when_it_is_bounded() -> None:
    split = a_split(months(*[100] * 12), max_vintages=3)

    assert names(split.development) == ["2023-06", "2023-07", "2023-08"]
    assert split.development_window.first_day == date(2023, 6, 1)
    assert split.development_window.last_day == date(2023, 8, 31)
    assert split.development_window.rows == 3000


def test_vintages_without_labelled_rows_are_passed_over_and_order_does_not_matter() -> None:
    counts = [*reversed(months(*[100] * 9)), VintageCount("2024-01", 0, 0)]

    split = a_split(counts)

    assert names(split.holdout) == ["2023-07", "2023-08", "2023-09"]


def test_parts_are_named_by_vintage_and_the_embargoed_one_has_none() -> None:
    parts = a_split(months(*[100] * 9)).part_of

    assert parts["2023-05"] == "development"
    assert parts["2023-07"] == "holdout"
    assert "2023-06" not in parts


@pytest.mark.parametrize(
    "counts",
    [
        [],
        months(100),
        months(*[100] * 5),  # three judge, one is embargoed, one is left
        months(2, 2, 100, 100, 100, 100),  # 4 bads to develop on
        months(*[100] * 9, rows=100),  # no goods
    ],
)
def test_too_little_to_develop_on_is_said_with_figures(counts: list[VintageCount]) -> None:
    with pytest.raises(NotEnoughData, match=r"expected 2 vintages and 10 bads.*got \d+ vintages"):
        a_split(counts)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(min_value=0, max_value=400), min_size=1, max_size=60),
    st.integers(min_value=0, max_value=100),
)
def test_development_always_ends_before_the_embargo(bads: list[int], embargo_days: int) -> None:
    try:
        split = a_split(months(*bads), embargo_days=embargo_days)
    except NotEnoughData:
        return

    eve = split.holdout_window.first_day - timedelta(days=1)
    assert split.development_window.last_day + timedelta(days=embargo_days) < eve
    assert split.holdout[-1].vintage == months(*bads)[-1].vintage
