from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from finrisk.errors import ConfigurationError, DataError, FinRiskError, LabelError, NotEnoughData
from finrisk.metrics import paired_rows
from finrisk.metrics.bootstrap import measure_named, paired_bootstrap
from finrisk.metrics.calibration import brier_score
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.ranking import levels, ranking_metrics
from finrisk.metrics.resampling import Resample
from tests.metrics.factories import few_tied_rows, shared_signal, terminals

EVERY = [
    "auc",
    "gini",
    "ks",
    "average_precision",
    "precision_at_100",
    "lift_top_1pct",
    "lift_top_5pct",
    "lift_top_10pct",
    "detection_rate_at_fpr_1pct",
    "detection_rate_at_fpr_5pct",
]


def test_the_models_figures_are_those_of_all_rows() -> None:
    labels, a, b = shared_signal(2_000, seed=1)

    of = paired_bootstrap(labels, a, b, metrics=[*EVERY, "brier"], replicates=2, seed=1)

    champion = ranking_metrics(labels, a).named() | {"brier": brier_score(labels, a)}
    challenger = ranking_metrics(labels, b).named() | {"brier": brier_score(labels, b)}
    assert {name: m.champion for name, m in of.metrics.items()} == champion
    assert {name: m.challenger for name, m in of.metrics.items()} == challenger
    for name in (*EVERY, "brier"):
        assert of[name].difference == challenger[name] - champion[name]


@pytest.mark.parametrize("decimals", [1, 16])
def test_a_replicate_is_what_the_drawn_rows_give_when_sorted_anew(decimals: int) -> None:
    labels, a, b = (np.round(column, decimals) for column in shared_signal(400, seed=2))
    cluster = np.arange(400) // 5
    names = [*EVERY, "brier"]

    of = paired_bootstrap(labels, a, b, metrics=names, clusters=cluster, replicates=20, seed=3)

    rng = np.random.default_rng(3)
    for number in range(20):
        drawn = rng.integers(80, size=80)
        rows = (5 * drawn[:, None] + np.arange(5)).ravel()
        figures = [
            ranking_metrics(labels[rows], s[rows]).named()
            | {"brier": float(np.mean((s[rows] - labels[rows]) ** 2))}
            for s in (a, b)
        ]
        for name in names:
            difference = figures[1][name] - figures[0][name]
            assert of[name].differences[number] == pytest.approx(difference, abs=1e-12)


def test_rows_are_drawn_within_their_class() -> None:
    labels, a, b = shared_signal(300, seed=4, bad_rate=0.02)

    of = paired_bootstrap(labels, a, b, metrics=["precision_at_300"], replicates=50, seed=1)

    assert not of["precision_at_300"].differences.any()  # the bad rate is the same in each


def test_the_standard_error_of_the_auc_is_about_that_of_delong() -> None:
    labels, a, b = shared_signal(2_000, seed=5)

    of = paired_bootstrap(labels, a, b, metrics=["auc"], replicates=1_000, seed=1)

    delong = paired_delong(labels, a, b)
    assert of["auc"].standard_error == pytest.approx(delong.standard_error, rel=0.08)
    assert of["auc"].difference == pytest.approx(delong.difference, abs=1e-12)


def test_the_clustered_standard_error_is_about_that_of_delong() -> None:
    terminal, labels, a, b = terminals(200, 8, np.random.default_rng(6))

    of = paired_bootstrap(labels, a, b, metrics=["auc"], clusters=terminal, replicates=800, seed=1)

    delong = paired_delong(labels, a, b, clusters={"terminal": terminal})
    assert of.by_cluster
    assert of["auc"].standard_error == pytest.approx(delong.standard_errors["terminal"], rel=0.1)


def test_bounds_are_quantiles_of_the_replicates_one_sided_at_95_percent() -> None:
    labels, a, b = shared_signal(500, seed=7)

    ks = paired_bootstrap(labels, a, b, metrics=["ks"], replicates=400, seed=1)["ks"]

    assert np.mean(ks.differences < ks.lower) == pytest.approx(0.05, abs=0.005)
    assert np.mean(ks.differences > ks.upper) == pytest.approx(0.05, abs=0.005)
    assert ks.standard_error == pytest.approx(np.std(ks.differences, ddof=1))


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        labels, a, b = shared_signal(400, seed=seed)  # equal models: the true difference is 0
        auc = paired_bootstrap(labels, a, b, metrics=["auc"], replicates=120, seed=seed)["auc"]
        inside += auc.lower <= 0.0 <= auc.upper

    assert 47 <= inside <= 59  # 54, give or take three standard errors, and not always


@given(few_tied_rows(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_seed_gives_the_same_whatever_the_order_and_the_scale(
    rows: tuple[list[int], list[int]], seed: int
) -> None:
    labels, a = (np.array(column) for column in rows)
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 5, size=labels.size)
    order = rng.permutation(labels.size)
    asked: dict[str, Any] = {"metrics": EVERY, "replicates": 5, "seed": seed}

    of = paired_bootstrap(labels, a, b, **asked)
    again = paired_bootstrap(labels[order], np.exp(a[order]), b[order].astype(np.float32), **asked)
    swapped = paired_bootstrap(labels, b, a, **asked)

    for name in EVERY:
        assert np.array_equal(of[name].differences, again[name].differences)
        if not _alike(labels, a, b):
            assert np.array_equal(of[name].differences, -swapped[name].differences)


def _alike(labels: Any, a: Any, b: Any) -> bool:
    """Say whether the models cannot be told apart by what they hold, rows aside."""
    counts = [
        (np.unique(s[labels == 1]).size, *(levels(labels == 1, s.astype(float)).goods_above))
        for s in (a, b)
    ]
    return counts[0] == counts[1] or sum(counts[0]) == sum(counts[1])


def test_a_model_against_its_own_recalibration_never_differs() -> None:
    labels, a, _ = shared_signal(500, seed=8)

    of = paired_bootstrap(labels, a, a**3, metrics=EVERY, replicates=20, seed=1)

    for name in EVERY:
        assert (of[name].difference, of[name].standard_error) == (0.0, 0.0)


def test_sampled_goods_give_about_the_same_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, a, b = shared_signal(12_000, seed=9, bad_rate=0.008)
    asked: dict[str, Any] = {
        "metrics": ["auc", "average_precision", "precision_at_100", "brier"],
        "replicates": 400,
        "seed": 1,
    }
    cluster = np.arange(12_000) // 4

    whole = [paired_bootstrap(labels, a, b, clusters=c, **asked) for c in (None, cluster)]
    monkeypatch.setattr(paired_rows, "ROWS_TAKEN_WHOLE", 1_000)
    sampled = [paired_bootstrap(labels, a, b, clusters=c, **asked) for c in (None, cluster)]

    for full, part in zip(whole, sampled, strict=True):
        assert full.sampled_goods is None
        assert part.sampled_goods == 50 * int(labels.sum())
        for name in asked["metrics"]:
            assert part[name].difference == full[name].difference
            ratio = part[name].standard_error / full[name].standard_error
            assert 0.85 < ratio < (1.15 if name != "brier" else 1.6)  # Brier's is an average of all
            centre = np.mean(part[name].differences) - np.mean(full[name].differences)
            assert abs(centre) < 0.2 * full[name].standard_error


@pytest.mark.parametrize("name", EVERY)
def test_every_name_of_the_ranking_metrics_is_a_measure(name: str) -> None:
    labels, a, _ = shared_signal(1_000, seed=10)

    figure = measure_named(name)(Resample(levels(labels == 1, a), squared_error=None))

    assert figure == ranking_metrics(labels, a).named()[name]


def test_the_measures_are_those_of_scikit_learn() -> None:
    labels, a, _ = shared_signal(1_000, seed=11)
    resample = Resample(levels(labels == 1, a), squared_error=None)

    assert measure_named("auc")(resample) == pytest.approx(roc_auc_score(labels, a), abs=1e-12)
    assert measure_named("average_precision")(resample) == pytest.approx(
        average_precision_score(labels, a), abs=1e-12
    )


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"metrics": ["accuracy"]}, ConfigurationError, "unknown metric; .*got accuracy"),
        ({"metrics": []}, ConfigurationError, "no metric to bootstrap"),
        ({"metrics": ["precision_at_0"]}, ConfigurationError, "k is out of range"),
        ({"metrics": ["lift_top_0pct"]}, ConfigurationError, r"share of rows .* in \(0, 1\]"),
        ({"metrics": ["detection_rate_at_fpr_101pct"]}, ConfigurationError, "false-positive rate"),
        ({"replicates": 1}, ConfigurationError, "too few replicates; expected at least 2; got 1"),
        ({"clusters": [1, 1, 1, 1]}, NotEnoughData, "at least 2 clusters"),
        ({"clusters": [1, 2]}, DataError, "no column of the rows"),
        ({"metrics": ["brier"]}, DataError, "probabilities out of range"),
        ({"y_true": [0, 0, 0, 0]}, LabelError, "one class only"),
        ({"y_true": []}, DataError, "no labels"),
        ({"champion_score": [0.1, np.nan, 0.2, 0.3]}, DataError, "not finite"),
    ],
)
def test_what_cannot_be_bootstrapped_is_an_error(
    wrong: dict[str, Any], error: type[FinRiskError], says: str
) -> None:
    sound: dict[str, Any] = {
        "y_true": [0, 1, 0, 1],
        "champion_score": [0.1, 0.2, 0.3, 0.4],
        "challenger_score": [1.0, 2.0, 4.0, 3.0],
        "metrics": ["auc"],
        "replicates": 5,
        "seed": 1,
    }

    with pytest.raises(error, match=says):
        paired_bootstrap(**(sound | wrong))


def test_clusters_that_hardly_ever_hold_both_classes_together_are_drawn_anew() -> None:
    labels, a, b = [0, 1], [0.1, 0.9], [0.9, 0.1]

    of = paired_bootstrap(labels, a, b, metrics=["auc"], clusters=[1, 2], replicates=20, seed=1)

    assert of["auc"].differences.tolist() == [-1.0] * 20
