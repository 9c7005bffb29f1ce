from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ConfigurationError, DataError, NotEnoughData
from finrisk.metrics.clusters import cluster_codes, intersections, largest, standard_errors


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-5, 5), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_codes_number_the_ids_in_their_order(ids: list[int]) -> None:
    ids = [*ids, 2**40, 7]

    codes = cluster_codes("shop", ids, len(ids))

    place = {shop: number for number, shop in enumerate(sorted(set(ids)))}
    assert codes.tolist() == [place[shop] for shop in ids]


@pytest.mark.parametrize("kind", [np.int8, np.int64])
def test_narrow_ids_do_not_wrap_around(kind: Any) -> None:
    ids = np.repeat(np.array([100, -100, 0], dtype=kind), 100)

    assert cluster_codes("shop", ids, 300)[::100].tolist() == [2, 0, 1]


@pytest.mark.parametrize("lowest", [0, 2**64 - 3])
def test_the_largest_ids_are_counted_too(lowest: int) -> None:
    ids = np.array([lowest + 2, lowest, lowest + 2], dtype=np.uint64)

    assert cluster_codes("shop", ids, 3).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b", "a"],
        np.array(["a", "b", "a"], dtype=object),
        np.array(["2024-01", "2024-02", "2024-01"], dtype="datetime64[M]"),
        np.array([1.5, 2.5, 1.5]),
        np.array([3, 200, 3], dtype=np.uint8),
        np.array([-100, 100, -100], dtype=np.int8),
        [False, True, False],
    ],
    ids=["text", "objects", "months", "floats", "bytes", "signed bytes", "flags"],
)
def test_ids_of_any_one_kind_are_clusters(ids: Any) -> None:
    assert cluster_codes("shop", ids, 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("ids", "error", "says"),
    [
        ([1, 2], DataError, r"'shop' is no column of the rows; expected shape \(3,\)"),
        ([1.0, np.nan, 2.0], DataError, "missing ids; .*got 1 of 3 missing"),
        (np.array(["2024", "NaT", "2025"], dtype="datetime64[Y]"), DataError, "1 of 3 missing"),
        (np.array(["a", None, "b"], dtype=object), DataError, "cannot be ordered"),
        ([5, 5, 5], NotEnoughData, "at least 2 clusters; got 1"),
    ],
)
def test_what_is_no_cluster_is_an_error(ids: Any, error: type[DataError], says: str) -> None:
    with pytest.raises(error, match=says):
        cluster_codes("shop", ids, 3)


def test_intersections_are_the_pairs_that_occur() -> None:
    a, b = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])

    codes = intersections(a, b)

    assert codes.tolist() == [0, 1, 2, 2, 3]


def test_two_way_is_one_plus_the_other_less_their_intersections() -> None:
    variances = {2: 4.0, 3: 9.0, 6: 5.0}  # by the number of clusters

    errors = standard_errors(
        1.0,
        {"shop": [0, 0, 0, 1, 1, 1], "card": [0, 1, 2, 0, 1, 2]},
        6,
        lambda codes: variances[int(codes.max()) + 1],
    )

    assert errors == {"rows": 1.0, "shop": 2.0, "card": 3.0, "shop x card": math.sqrt(8.0)}
    assert largest(errors) == "card"


def test_every_pair_of_three_clusters_is_measured() -> None:
    names = ["shop", "card", "day"]
    ids = {name: [0, 1, 0, 1] for name in names}

    errors = standard_errors(1.0, ids, 4, lambda _: 1.0)

    assert list(errors) == ["rows", *names, "shop x card", "shop x day", "card x day"]


def test_a_two_way_variance_below_0_counts_as_0() -> None:
    ids = {"shop": [0, 0, 1, 1], "card": [0, 1, 0, 1]}

    errors = standard_errors(1.0, ids, 4, lambda codes: float(codes.max() ** 2))

    assert errors["shop x card"] == 0.0
    assert largest(errors) == "rows"


@pytest.mark.parametrize("names", [["rows"], ["a", "b", "a x b"]])
def test_a_name_that_is_taken_is_refused(names: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="a cluster's name is taken"):
        standard_errors(1.0, {name: [0, 1] for name in names}, 2, lambda _: 1.0)
