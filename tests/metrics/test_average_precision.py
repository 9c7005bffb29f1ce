from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from finrisk.errors import DataError, FinRiskError, NotEnoughData
from finrisk.metrics.average_precision import paired_average_precision
from finrisk.metrics.bootstrap import paired_bootstrap
from tests.metrics.factories import few_tied_rows, scored_rows, shared_signal, terminals


def test_both_figures_are_those_of_scikit_learn() -> None:
    labels, a, b = (np.round(column, 2) for column in shared_signal(1_000, seed=1))

    paired = paired_average_precision(labels, a, b, replicates=10)

    assert paired.champion == pytest.approx(average_precision_score(labels, a), abs=1e-12)
    assert paired.challenger == pytest.approx(average_precision_score(labels, b), abs=1e-12)
    assert paired.difference == paired.challenger - paired.champion


def test_errors_are_those_of_the_bootstrap_by_rows_and_by_cluster() -> None:
    terminal, labels, a, b = terminals(50, 6, np.random.default_rng(2))

    paired = paired_average_precision(
        labels, a, b, clusters={"terminal": terminal}, replicates=50, seed=3
    )

    for key, ids in (("rows", None), ("terminal", terminal)):
        of = paired_bootstrap(
            labels, a, b, metrics=["average_precision"], clusters=ids, replicates=50, seed=3
        )
        assert paired.standard_errors[key] == pytest.approx(of["average_precision"].standard_error)


def test_the_largest_error_counts_and_two_way_is_among_them() -> None:
    terminal, labels, a, b = terminals(50, 6, np.random.default_rng(4))
    customer = np.random.default_rng(5).integers(0, 40, size=labels.size)

    paired = paired_average_precision(
        labels, a, b, clusters={"terminal": terminal, "customer": customer}, replicates=50
    )

    assert list(paired.standard_errors) == [
        "rows",
        "terminal",
        "customer",
        "terminal x customer",
    ]
    assert paired.standard_error == max(paired.standard_errors.values())
    assert paired.standard_error == paired.standard_errors[paired.variance_by]
    assert paired.z == paired.difference / paired.standard_error


def test_clustered_errors_make_z_standard_normal_where_independent_ones_do_not() -> None:
    rng = np.random.default_rng(6)
    clustered, by_rows = [], []
    for seed in range(80):
        terminal, labels, a, b = terminals(100, 8, rng)
        paired = paired_average_precision(
            labels, a, b, clusters={"terminal": terminal}, replicates=50, seed=seed
        )
        clustered.append(paired.difference / paired.standard_errors["terminal"])
        by_rows.append(paired.difference / paired.standard_errors["rows"])

    assert np.std(clustered) == pytest.approx(1.0, abs=0.2)
    assert np.std(by_rows) > 1.3


@given(few_tied_rows(), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_only_ranks_matter_and_not_the_order_of_the_rows(
    rows: tuple[list[int], list[int]], seed: int
) -> None:
    labels, a = (np.array(column) for column in rows)
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 5, size=labels.size)
    order = rng.permutation(labels.size)

    paired = paired_average_precision(labels, a, b, replicates=5, seed=seed)
    again = paired_average_precision(
        labels[order], np.exp(a[order]), b[order] * 2.0, replicates=5, seed=seed
    )

    assert again == paired


def test_swapping_the_models_turns_the_sign() -> None:
    labels, a, b = shared_signal(500, seed=7)

    there = paired_average_precision(labels, a, b, replicates=50)
    back = paired_average_precision(labels, b, a, replicates=50)

    assert there.z is not None
    assert back.z is not None
    assert back.z == pytest.approx(-there.z, rel=1e-9)
    assert back.p_value == pytest.approx(there.p_value, rel=1e-9)


def test_a_model_against_its_own_recalibration_differs_by_exactly_nothing() -> None:
    labels, scores = scored_rows(400, seed=8, levels=30)

    paired = paired_average_precision(labels, scores, scores**3, replicates=20)

    assert (paired.difference, paired.standard_error) == (0.0, 0.0)
    assert (paired.z, paired.p_value) == (0.0, 1.0)


def test_a_difference_without_variance_has_no_z() -> None:
    labels = [0, 0, 1, 1]

    paired = paired_average_precision(labels, [1, 1, 0, 0], [0, 0, 1, 1], replicates=20)

    assert (paired.difference, paired.standard_error) == (0.5, 0.0)
    assert paired.z is None
    assert paired.p_value is None


@pytest.mark.parametrize(
    ("labels", "error", "says"),
    [
        ([0, 0, 0, 1], NotEnoughData, "at least 2 bads and goods; got 1 bads and 3 goods"),
        ([0, 1], DataError, "expected 2 scores; got 4"),
        ([], DataError, "no labels"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_an_error(
    labels: list[int], error: type[FinRiskError], says: str
) -> None:
    with pytest.raises(error, match=says):
        paired_average_precision(labels, [1, 2, 3, 4], [4, 3, 2, 1])
