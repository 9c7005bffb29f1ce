from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import DataError, LabelError
from finrisk.metrics.inputs import (
    labels_and_probabilities,
    labels_and_rankable,
    labels_and_scores,
)

SOUND = ([0, 1, 0], [0.1, 0.9, 0.5])


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 0], [0.0, 1.0, 0.0], [False, True, False], pd.Series([0, 1, 0], index=[7, 8, 9])],
    ids=["integers", "floats", "flags", "series"],
)
def test_labels_of_any_numeric_kind_are_the_same_flags(labels: Any) -> None:
    bad, (score,) = labels_and_scores(labels, SOUND[1])

    assert bad.tolist() == [False, True, False]
    assert score.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "scores", "error", "says"),
    [
        ([], [], DataError, "no labels; expected at least one bad and one good row; got 0 rows"),
        ([[0, 1]], [[0.1, 0.2]], DataError, r"no column; .*got shape \(1, 2\)"),
        ([0, 1], [0.1], DataError, "differ in length; expected 2 scores; got 1"),
        ([0, 1], [0.1, np.nan], DataError, "not finite; .*got 1 of 2 NaN or infinite"),
        ([0, 1], [-np.inf, np.inf], DataError, "not finite; .*got 2 of 2 NaN or infinite"),
        ([0, 1], ["a", "b"], DataError, "scores are no numbers; expected floats"),
        ([0, 0], [0.1, 0.2], LabelError, "one class only; expected bads and goods; got 0 bads"),
        ([1, 1], [0.1, 0.2], LabelError, "one class only; .*got 2 bads in 2 rows"),
        ([0, 1, 2, -1], [0.1] * 4, LabelError, "other than 0 and 1; expected 0 or 1; got -1, 2"),
        ([0, 1, np.nan], [0.1] * 3, LabelError, "other than 0 and 1; .*got nan"),
        (["0", "1"], [0.1, 0.2], LabelError, "labels are no numbers; expected 0 or 1; got type"),
    ],
)
def test_a_bad_input_is_an_error_that_says_what_was_expected_and_got(
    labels: Any, scores: Any, error: type[DataError], says: str
) -> None:
    with pytest.raises(error, match=says):
        labels_and_scores(labels, scores)


def test_an_error_shows_five_strange_labels_at_most() -> None:
    with pytest.raises(LabelError, match=r"got 2, 3, 4, 5, 6$"):
        labels_and_scores(range(50), [0.0] * 50)


def test_every_score_is_checked() -> None:
    with pytest.raises(DataError, match="expected 3 scores; got 2"):
        labels_and_scores(SOUND[0], SOUND[1], [0.1, 0.2])


@pytest.mark.parametrize("outside", [-0.01, 1.01])
def test_a_probability_lies_between_0_and_1(outside: float) -> None:
    with pytest.raises(DataError, match=r"expected values within \[0, 1\]; got 1 of 3 outside"):
        labels_and_probabilities([0, 1, 0], [0.0, 1.0, outside])


def test_what_has_its_type_already_is_not_copied() -> None:
    labels, scores = np.array([True, False]), np.array([0.1, 0.2])

    bad, (same,) = labels_and_scores(labels, scores)

    assert np.shares_memory(bad, labels)
    assert np.shares_memory(same, scores)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_narrow_floats_are_ranked_in_float32(kind: Any) -> None:
    _, (score,) = labels_and_rankable([0, 1], np.array([0.5, 0.25], dtype=kind))

    assert score.dtype == np.float32
    assert score.tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    "scores",
    [
        np.array([2**53 + 1, 2**53, -(2**53) - 1], dtype=np.int64),
        np.array([2**64 - 1, 2**64 - 2, 0], dtype=np.uint64),
        np.longdouble(1) + np.finfo(np.longdouble).eps * np.array([2, 1, 0], dtype=np.longdouble),
    ],
    ids=["integers", "unsigned integers", "extended precision"],
)
def test_numbers_that_float64_would_tie_are_replaced_by_their_ranks(scores: Any) -> None:
    _, (ranked,) = labels_and_rankable([0, 1, 0], scores)

    assert ranked.tolist() == [2.0, 1.0, 0.0]


def test_whole_numbers_that_floats_hold_stay_themselves() -> None:
    _, (score,) = labels_and_rankable([0, 1], np.array([2**53, -(2**53)]))

    assert score.tolist() == [2.0**53, -(2.0**53)]
