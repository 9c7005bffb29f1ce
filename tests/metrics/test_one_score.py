from __future__ import annotations

import numpy as np
import pytest

from finrisk.errors import NotEnoughData
from finrisk.metrics.expected_ranking import expected_ranking
from finrisk.metrics.offset_error import measured_offset
from finrisk.metrics.one_score import measured_metrics
from finrisk.metrics.ranking import ranking_metrics

METRICS = ("auc", "ks", "average_precision")


def drawn(seed: int, rows: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.0, 6.0, rows)
    return rng.random(rows) < chance, chance


def test_the_figures_are_the_ranking_figures() -> None:
    labels, score = drawn(1)

    measured = measured_metrics(labels, score, metrics=METRICS)

    expected = ranking_metrics(labels, score).named()
    assert {name: of.value for name, of in measured.items()} == pytest.approx(
        {name: expected[name] for name in METRICS}
    )


@pytest.mark.parametrize("metric", METRICS)
def test_the_error_is_how_far_the_figure_varies_from_sample_to_sample(metric: str) -> None:
    found = [measured_metrics(*drawn(seed), metrics=[metric])[metric] for seed in range(60)]

    spread = float(np.std([of.value for of in found], ddof=1))
    assert np.mean([of.standard_error for of in found]) == pytest.approx(spread, rel=0.25)


def test_copies_that_are_known_to_be_one_cluster_tell_nothing_new() -> None:
    labels, score = drawn(1)
    clusters = {"card": np.repeat(np.arange(labels.size), 4)}

    copied = measured_metrics(
        np.repeat(labels, 4), np.repeat(score, 4), metrics=METRICS, clusters=clusters
    )

    for metric, of in measured_metrics(labels, score, metrics=METRICS).items():
        assert copied[metric].variance_by.startswith("card")
        assert copied[metric].standard_error == pytest.approx(of.standard_error, rel=0.2)


def test_a_handful_of_clusters_tells_no_variance_and_is_left_out() -> None:
    labels, score = drawn(1)

    measured = measured_metrics(
        labels, score, metrics=["auc"], clusters={"region": np.arange(labels.size) % 9}
    )

    assert measured["auc"].variance_by == "rows"


@pytest.mark.parametrize("measure", [measured_offset, measured_metrics])
def test_nine_bads_are_too_few(measure: object) -> None:
    labels = np.arange(100) < 9
    arguments = {} if measure is measured_offset else {"metrics": METRICS}

    with pytest.raises(NotEnoughData, match="at least 10 bads and goods"):
        measure(labels, np.linspace(0.0, 1.0, 100), **arguments)  # type: ignore[operator]


def test_the_offset_s_interval_holds_the_truth_as_often_as_it_says() -> None:
    within = 0
    for seed in range(200):
        labels, chance = drawn(seed, rows=800)
        of = measured_offset(labels, chance)
        within += abs(of.offset) <= 1.96 * of.standard_error

    assert 180 <= within <= 199  # 95 %, give or take


def test_the_offset_s_error_grows_with_what_moves_together() -> None:
    labels, chance = drawn(1)

    copied = measured_offset(
        np.repeat(labels, 4),
        np.repeat(chance, 4),
        clusters={"card": np.repeat(np.arange(labels.size), 4)},
    )

    alone = measured_offset(labels, chance)
    assert copied.offset == pytest.approx(alone.offset)
    assert copied.standard_error == pytest.approx(alone.standard_error, rel=0.05)


def test_what_right_probabilities_promise_comes_true() -> None:
    promised = expected_ranking(drawn(0)[1])
    assert promised is not None

    rng = np.random.default_rng(9)
    chance = drawn(0)[1]
    figures = [ranking_metrics(rng.random(2_000) < chance, chance).named() for _ in range(60)]
    for name, expected in promised.items():
        seen = [of[name] for of in figures]
        assert expected.value == pytest.approx(np.mean(seen), abs=0.01)
        assert np.mean([expected.low <= value <= expected.high for value in seen]) > 0.8


def test_ties_are_counted_as_the_ranking_figures_count_them() -> None:
    promised = expected_ranking(np.full(500, 0.3))

    assert promised is not None
    assert promised["auc"].value == 0.5
    assert promised["average_precision"].value == pytest.approx(0.3, abs=0.02)


def test_of_many_rows_an_even_share_promises_the_same() -> None:
    chance = drawn(3, rows=20_000)[1]

    some, every = expected_ranking(chance, most_rows=2_000), expected_ranking(chance)

    assert some is not None and every is not None  # noqa: PT018
    assert some["auc"].value == pytest.approx(every["auc"].value, abs=0.01)
    assert some["auc"].high - some["auc"].low > every["auc"].high - every["auc"].low


def test_probabilities_that_expect_no_bad_promise_nothing() -> None:
    assert expected_ranking(np.zeros(100)) is None
