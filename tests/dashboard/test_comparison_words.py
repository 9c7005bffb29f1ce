"""What is said of two versions: who is better, whom they decide otherwise, what differs."""

from __future__ import annotations

import pytest

from finrisk.dashboard.comparison import tables, words
from finrisk.errors import FinRiskError
from finrisk.evaluation.same_rows import Direction, Measured, MetricPair
from finrisk.evaluation.swap_set import Part, SwapSet

NAMES = ("v1", "v4")


def pair(direction: Direction, low: float | None, high: float | None) -> MetricPair:
    middle = 0.0 if low is None or high is None else (low + high) / 2
    return MetricPair(
        "auc", direction, Measured(0.7), Measured(0.7 + middle), Measured(middle, low, high), ""
    )


@pytest.mark.parametrize(
    ("direction", "low", "high", "who"),
    [
        (Direction.HIGHER, 0.01, 0.03, "v4"),
        (Direction.HIGHER, -0.03, -0.01, "v1"),
        (Direction.LOWER, 0.01, 0.03, "v1"),
        (Direction.LOWER, -0.03, -0.01, "v4"),
        (Direction.HIGHER, -0.01, 0.03, "neither"),
        (Direction.HIGHER, 0.0, 0.03, "neither"),
        (Direction.HIGHER, None, None, "–"),
        (Direction.ZERO, None, None, "–"),
    ],
)
def test_the_better_one_is_named_only_where_the_interval_leaves_no_doubt(
    direction: Direction, low: float | None, high: float | None, who: str
) -> None:
    assert words.better(pair(direction, low, high), NAMES) == who


def test_a_metric_that_one_version_lacks_has_no_better_one() -> None:
    missing = MetricPair("brier", Direction.LOWER, None, Measured(0.1), None, "")

    assert words.better(missing, NAMES) == "–"


def part(rows: int, bad_rate: float | None) -> Part:
    return Part(
        rows=rows,
        share=rows / 1000,
        low=0.0,
        high=1.0,
        lowest=None,
        middle=None,
        highest=None,
        labelled=rows,
        bads=0,
        bad_rate=bad_rate,
        bad_rate_low=None,
        bad_rate_high=None,
    )


def test_who_changes_side_is_counted_with_how_it_ended() -> None:
    swap = SwapSet(1000, part(40, 0.5), part(0, None), part(100, 0.4), part(860, 0.1), 0.0, 0.9, ())

    said = words.swapped_sentence(swap, NAMES, "At the cut-off 0.3", ("declined", "approved"))

    assert said == (
        "At the cut-off 0.3, 4.00 % of the rows change side from v1 to v4: "
        "newly declined 40 (4.0 %, 50.0 % of them bad), newly approved none."
    )


def test_what_differs_stands_before_what_is_the_same() -> None:
    rows = tables.parameter_rows({"a": "1", "z": "2"}, {"a": "1", "z": "3"}, NAMES)

    assert [row["Parameter"] for row in rows] == ["z", "a"]
    assert tables.differing(rows) == rows[:1]


def test_parameters_that_mlflow_does_not_have_are_unknown() -> None:
    assert tables.parameter_rows(None, {"C": "0.3"}, NAMES) == [
        {"Parameter": "C", "v1": "–", "v4": "0.3", "Differs": "yes"}
    ]


def test_an_error_is_told_with_its_remedy_and_a_version_keeps_its_name() -> None:
    error = FinRiskError("v3 has had no look yet", remedy="wait for the night")

    assert words.told(error) == "v3 has had no look yet. What would help: wait for the night."
