"""Standard errors of what two decisions catch: against formulas, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.paired_decisions import decision_errors

ROWS = 2_000


def decisions(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(ROWS) < 0.2
    first = rng.random(ROWS) < np.where(bad, 0.6, 0.1)
    second = np.where(rng.random(ROWS) < 0.8, first, rng.random(ROWS) < 0.3)
    return bad, first, second


def precision(bad: np.ndarray, flags: np.ndarray) -> float:
    return float((bad & flags).sum() / flags.sum())


def f1(bad: np.ndarray, flags: np.ndarray) -> float:
    return float(2 * (bad & flags).sum() / (bad.sum() + flags.sum()))


def test_recall_has_the_error_of_a_share_of_the_bads() -> None:
    bad, first, second = decisions()

    errors = decision_errors(bad, first, second, replicates=20_000, seed=1)

    recall = first[bad].mean()
    assert errors["recall"].first == pytest.approx(
        np.sqrt(recall * (1 - recall) / bad.sum()), rel=0.03
    )


def test_errors_are_those_of_drawing_the_rows_themselves() -> None:
    bad, first, second = decisions()
    rng = np.random.default_rng(5)
    bads, goods = np.flatnonzero(bad), np.flatnonzero(~bad)
    drawn: dict[str, list[float]] = {"precision": [], "f1_score": []}
    for _ in range(1_500):
        rows = np.concatenate([rng.choice(bads, bads.size), rng.choice(goods, goods.size)])
        for name, measure in (("precision", precision), ("f1_score", f1)):
            of_first, of_second = (measure(bad[rows], flags[rows]) for flags in (first, second))
            drawn[name].append(of_second - of_first)

    errors = decision_errors(bad, first, second, replicates=5_000, seed=1)

    for name, differences in drawn.items():
        assert errors[name].difference == pytest.approx(np.std(differences), rel=0.08), name


def test_clusters_of_copies_double_the_variance() -> None:
    bad, first, second = decisions()
    twice = [np.repeat(flags, 2) for flags in (bad, first, second)]
    pairs = np.repeat(np.arange(ROWS), 2)

    by_rows = decision_errors(*twice, replicates=4_000, seed=1)["recall"].first
    by_pairs = decision_errors(*twice, clusters=pairs, replicates=4_000, seed=1)["recall"].first

    assert by_rows is not None
    assert by_pairs is not None
    assert by_pairs / by_rows == pytest.approx(np.sqrt(2), rel=0.06)


def test_equal_decisions_differ_by_nothing() -> None:
    bad, first, _ = decisions()

    errors = decision_errors(bad, first, first, seed=1)

    assert {of.difference for of in errors.values()} == {0.0}


def test_precision_of_nobody_flagged_has_no_error() -> None:
    bad, first, _ = decisions()

    errors = decision_errors(bad, np.zeros(ROWS, dtype=bool), first, seed=1)

    assert errors["precision"].first is None
    assert errors["precision"].difference is None
    assert errors["precision"].second is not None


def test_decisions_of_other_rows_are_refused() -> None:
    bad, first, second = decisions()

    with pytest.raises(DataError, match="other rows"):
        decision_errors(bad, first[1:], second, seed=1)
    with pytest.raises(ConfigurationError, match="replicates"):
        decision_errors(bad, first, second, replicates=1, seed=1)
