from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from finrisk.errors import ConfigurationError, DataError, FinRiskError, LabelError
from finrisk.metrics.fairness import ApprovalByGroup, approval_by_group, wilson_interval


def lender(**changes: Any) -> ApprovalByGroup:
    """Two groups of 300 goods and 60 bads, 3 in 4 and 1 in 2 of them approved; a small third."""
    group = np.repeat(["north", "south", "east"], [360, 360, 20])
    labels = np.concatenate(
        [np.repeat([0, 1], [300, 60]), np.repeat([0, 1], [300, 60]), [0, 1] * 10]
    )
    score = np.concatenate(
        [
            np.repeat([0.1, 0.9, 0.1, 0.9], [225, 75, 30, 30]),
            np.repeat([0.1, 0.9, 0.1, 0.9], [150, 150, 15, 45]),
            np.full(20, 0.9),
        ]
    )
    asked = {"y_true": labels, "score": score, "groups": group, "cutoff": 0.5} | changes
    return approval_by_group(**asked)


def test_rates_are_of_goods_below_and_of_bads_at_or_above_the_cutoff() -> None:
    found = lender()

    north, south = found.judged
    assert (north.group, north.goods, north.bads) == ("north", 300, 60)
    assert (north.approval_rate, north.detection_rate) == (0.75, 0.5)
    assert (south.approval_rate, south.detection_rate) == (0.5, 0.75)
    assert north.approval_interval == wilson_interval(225, 300)
    assert south.detection_interval == wilson_interval(45, 60)


def test_the_ratio_is_the_lowest_approval_over_the_highest_and_the_gap_that_of_detection() -> None:
    found = lender()

    assert (found.approval_ratio, found.approval_groups) == (2 / 3, ("south", "north"))
    assert (found.detection_gap, found.detection_groups) == (0.25, ("north", "south"))


def test_a_group_with_few_goods_is_listed_apart_and_never_judged() -> None:
    found = lender()

    (east,) = found.too_small
    assert (east.group, east.goods, east.approval_rate) == ("east", 10, 0.0)
    judged = lender(min_goods=10, min_bads=10)
    assert (judged.approval_ratio, judged.approval_groups) == (0.0, ("east", "north"))
    assert judged.too_small == ()


def test_a_group_with_few_bads_takes_no_part_in_the_gap() -> None:
    assert lender(min_bads=61).detection_gap is None
    assert lender(min_bads=61).approval_ratio == 2 / 3


def test_one_judged_group_has_nobody_to_compare_with() -> None:
    found = lender(groups=["everybody"] * 740)

    assert len(found.judged) == 1
    assert (found.approval_ratio, found.approval_groups) == (None, None)
    assert (found.detection_gap, found.detection_groups) == (None, None)


def test_nobody_approved_anywhere_has_no_ratio() -> None:
    assert lender(cutoff=0.0).approval_ratio is None


def test_a_row_at_the_cutoff_is_declined() -> None:
    assert lender(cutoff=0.9).judged[0].approval_rate == 0.75
    assert lender(cutoff=0.1).judged[0].approval_rate == 0.0


def test_a_group_of_bads_only_has_no_approval_rate() -> None:
    found = approval_by_group([1, 1, 0], [0.1, 0.9, 0.2], ["a", "a", "b"], 0.5)

    a, b = found.too_small
    assert (a.approval_rate, a.approval_interval, a.detection_rate) == (None, None, 0.5)
    assert (b.detection_rate, b.detection_interval) == (None, None)


def test_rows_without_a_group_are_one() -> None:
    groups = np.array([None, float("nan"), 1], dtype=object)

    found = approval_by_group([1, 0, 0], [0.1, 0.9, 0.2], groups, 0.5)

    assert [(group.group, group.goods) for group in found.too_small] == [("1", 1), ("missing", 1)]


@given(st.integers(1, 500), st.data())
@settings(max_examples=60, deadline=None)
def test_the_interval_is_that_of_wilson(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))

    low, high = wilson_interval(hits, trials)

    expected = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0.0 <= low <= hits / trials <= high <= 1.0


def test_the_order_of_the_rows_never_matters() -> None:
    order = np.random.default_rng(1).permutation(740)
    labels, score = np.arange(740) % 3 == 0, np.arange(740) / 740
    groups = np.arange(740) % 2

    asked: dict[str, Any] = {"cutoff": 0.5, "min_goods": 10}
    assert approval_by_group(labels, score, groups, **asked) == approval_by_group(
        labels[order], score[order], groups[order], **asked
    )


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"groups": ["a"]}, DataError, r"groups are no column .*shape \(740,\)"),
        ({"cutoff": float("nan")}, ConfigurationError, "a finite cut-off"),
        ({"min_goods": 0}, ConfigurationError, "got cut-off 0.5, min_goods 0"),
        ({"y_true": [0] * 740}, LabelError, "one class only"),
        ({"score": [np.nan] * 740}, DataError, "not finite"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    wrong: dict[str, Any], error: type[FinRiskError], says: str
) -> None:
    with pytest.raises(error, match=says):
        lender(**wrong)
