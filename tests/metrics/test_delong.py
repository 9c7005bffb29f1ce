from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import (
    ConfigurationError,
    DataError,
    FinRiskError,
    LabelError,
    NotEnoughData,
)
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.ranking import ranking_metrics
from tests.metrics.factories import (
    auc_by_definition,
    few_tied_rows,
    scored_rows,
    shared_signal,
    terminals,
)

EXACT = 1e-12
ROOT = Path(__file__).resolve().parents[2]
ASAH = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data")) / "asah.csv"

# published test values of R's pROC for its aSAH data: AUC, DeLong variance
SINGLE = {
    "wfns": (0.8236788617886179, 0.00146991470882363),
    "s100b": (0.7313685636856369, 0.00266868245717244),
    "ndka": (0.6119579945799458, 0.0031908105493913),
}
# challenger, champion, Z, two-sided p
PAIRED = [
    ("wfns", "s100b", 2.20898359144091, 0.0271757822291882),
    ("wfns", "ndka", 2.79777591868904, 0.00514557970691098),
    ("ndka", "s100b", -1.39077002573558, 0.164295175223054),
]


@pytest.fixture(scope="module")
def asah() -> dict[str, list[float]]:
    if not ASAH.exists():
        pytest.skip("asah.csv is not there; SHARED_DATA names its folder")
    with ASAH.open(newline="") as file:
        patients = list(csv.DictReader(file))
    columns = {marker: [float(p[marker]) for p in patients] for marker in SINGLE}
    return columns | {"bad": [float(p["outcome"] == "Poor") for p in patients]}


@pytest.mark.parametrize(("challenger", "champion", "z", "p"), PAIRED)
def test_paired_z_and_p_are_the_published_ones(
    asah: dict[str, list[float]], challenger: str, champion: str, z: float, p: float
) -> None:
    paired = paired_delong(asah["bad"], asah[champion], asah[challenger])

    assert paired.z == pytest.approx(z, abs=EXACT)
    assert paired.p_value == pytest.approx(p, abs=EXACT)


@pytest.mark.parametrize("marker", SINGLE)
def test_auc_and_its_variance_are_the_published_ones(
    asah: dict[str, list[float]], marker: str
) -> None:
    auc, variance = SINGLE[marker]

    as_challenger = paired_delong(asah["bad"], asah["wfns"], asah[marker])
    as_champion = paired_delong(asah["bad"], asah[marker], asah["wfns"])

    assert as_challenger.challenger_auc == as_champion.champion_auc
    assert as_champion.champion_auc == pytest.approx(auc, abs=EXACT)
    assert as_challenger.covariance[1][1] == pytest.approx(variance, abs=EXACT)
    assert as_champion.covariance[0][0] == pytest.approx(variance, abs=EXACT)


@given(few_tied_rows(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_variances_are_those_of_the_definition_by_pairs(
    rows: tuple[list[int], list[int]], seed: int
) -> None:
    labels, champion = rows
    challenger = np.random.default_rng(seed).integers(0, 5, size=len(labels))

    paired = paired_delong(labels, champion, challenger)

    bad = np.array(labels, dtype=bool)
    wins = [
        (s[bad][:, None] > s[~bad]) + 0.5 * (s[bad][:, None] == s[~bad])
        for s in (np.array(champion), challenger)
    ]
    v10, v01 = np.array([w.mean(axis=1) for w in wins]), np.array([w.mean(axis=0) for w in wins])
    by_pairs = np.cov(v10) / bad.sum() + np.cov(v01) / (~bad).sum()
    variance = by_pairs[0, 0] + by_pairs[1, 1] - 2 * by_pairs[0, 1]
    assert np.array(paired.covariance) == pytest.approx(by_pairs, abs=EXACT)
    assert paired.standard_error**2 == pytest.approx(variance, abs=EXACT)


@pytest.mark.parametrize("levels", [None, 20])
def test_auc_is_the_one_of_the_ranking_metrics(levels: int | None) -> None:
    labels, champion = scored_rows(3_000, seed=1, levels=levels)
    challenger = np.random.default_rng(2).normal(size=labels.size)

    paired = paired_delong(labels, champion, challenger)

    assert paired.champion_auc == ranking_metrics(labels, champion).auc
    assert paired.challenger_auc == ranking_metrics(labels, challenger).auc
    assert paired.difference == pytest.approx(
        paired.challenger_auc - paired.champion_auc, abs=EXACT
    )


def test_a_model_against_itself_differs_by_exactly_nothing() -> None:
    labels, scores = scored_rows(2_000, seed=3)

    paired = paired_delong(labels, scores, scores)

    assert (paired.difference, paired.standard_error) == (0.0, 0.0)
    assert (paired.z, paired.p_value) == (0.0, 1.0)


def test_a_model_against_its_own_recalibration_differs_by_exactly_nothing() -> None:
    labels, scores = scored_rows(2_000, seed=4, levels=50)

    paired = paired_delong(labels, scores, 3.0 * scores - 7.0)

    assert (paired.difference, paired.z, paired.p_value) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("bads", [2, 3, 7, 10, 49])
def test_a_difference_without_variance_has_no_z(bads: int) -> None:
    labels = [1, 0] * bads
    bad_below_its_good = list(range(2 * bads))
    bad_above_its_good = [rank + 1.5 * label for rank, label in enumerate(labels)]

    paired = paired_delong(labels, bad_below_its_good, bad_above_its_good)

    assert (paired.difference, paired.standard_error) == (1 / bads, 0.0)
    assert paired.z is None
    assert paired.p_value is None


def test_swapping_the_models_turns_the_sign() -> None:
    labels, a = scored_rows(500, seed=5)
    b = a + np.random.default_rng(6).normal(scale=0.2, size=a.size)

    there, back = paired_delong(labels, a, b), paired_delong(labels, b, a)

    assert there.z is not None
    assert back.z is not None
    assert there.z == pytest.approx(-back.z, abs=EXACT)
    assert there.p_value == pytest.approx(back.p_value, abs=EXACT)
    assert there.p_value == pytest.approx(2 * NormalDist().cdf(-abs(there.z)), abs=EXACT)


def test_between_equal_models_z_is_about_standard_normal() -> None:
    rng = np.random.default_rng(7)
    labels = np.repeat([1, 0], [60, 240])
    signal = labels + rng.normal(size=(400, labels.size))

    zs = [
        paired_delong(labels, s + rng.normal(size=s.size), s + rng.normal(size=s.size)).z
        for s in signal
    ]

    assert abs(np.mean(np.array(zs, dtype=float))) < 3 / math.sqrt(len(zs))
    assert np.std(np.array(zs, dtype=float)) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("labels", "error", "says"),
    [
        ([0, 0, 0, 1], NotEnoughData, "at least 2 bads and goods; got 1 bads and 3 goods"),
        ([0, 0, 0, 0], LabelError, "one class only"),
        ([0, 1], DataError, "expected 2 scores; got 4"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_an_error(
    labels: list[int], error: type[DataError], says: str
) -> None:
    with pytest.raises(error, match=says):
        paired_delong(labels, [1, 2, 3, 4], [4, 3, 2, 1])


def test_clusters_of_one_row_give_the_variance_of_independent_rows_up_to_its_factor() -> None:
    labels, a, b = shared_signal(400, seed=8)
    bads, goods = int(labels.sum()), int((1 - labels).sum())

    paired = paired_delong(labels, a, b, clusters={"row": np.arange(400)})

    v10, v01 = _gains_by_pairs(labels, a, b)
    by_class = np.var(v10, ddof=1) / bads, np.var(v01, ddof=1) / goods
    assert paired.standard_errors["rows"] ** 2 == pytest.approx(sum(by_class), abs=EXACT)
    once = by_class[0] * (bads - 1) / bads + by_class[1] * (goods - 1) / goods
    assert paired.standard_errors["row"] ** 2 == pytest.approx(400 / 399 * once, rel=EXACT)


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_variance_is_that_of_its_summed_influences(seed: int) -> None:
    labels, a, b = shared_signal(200, seed=seed)
    shop, card = np.random.default_rng(seed).integers(0, 12, size=(2, 200))

    paired = paired_delong(labels, np.round(a, 1), b, clusters={"shop": shop, "card": card})

    v10, v01 = _gains_by_pairs(labels, np.round(a, 1), b)
    psi = np.empty(200)
    psi[labels == 1] = (v10 - v10.mean()) / v10.size
    psi[labels == 0] = (v01 - v01.mean()) / v01.size
    one_way = {name: _summed(psi, ids.tolist()) for name, ids in (("s", shop), ("c", card))}
    both = _summed(psi, list(zip(shop.tolist(), card.tolist(), strict=True)))
    errors = paired.standard_errors
    assert errors["shop"] ** 2 == pytest.approx(one_way["s"], rel=1e-9)
    assert errors["card"] ** 2 == pytest.approx(one_way["c"], rel=1e-9)
    assert errors["shop x card"] ** 2 == pytest.approx(sum(one_way.values()) - both, rel=1e-9)
    assert paired.standard_error == max(errors.values()) == errors[paired.variance_by]


def test_the_largest_standard_error_makes_z() -> None:
    terminal, labels, a, b = terminals(60, 10, np.random.default_rng(9))

    paired = paired_delong(labels, a, b, clusters={"terminal": terminal})
    by_rows = paired_delong(labels, a, b)

    assert paired.variance_by == "terminal"
    assert paired.z == paired.difference / paired.standard_errors["terminal"]
    assert by_rows.standard_errors == {"rows": by_rows.standard_error}
    assert paired.covariance == by_rows.covariance


def test_equal_rankings_have_no_variance_by_any_cluster() -> None:
    labels, scores = scored_rows(300, seed=10, levels=9)
    ids = {"shop": np.arange(300) // 7, "card": np.arange(300) % 11}

    paired = paired_delong(labels, scores, scores**3, clusters=ids)

    assert set(paired.standard_errors.values()) == {0.0}
    assert (paired.z, paired.variance_by) == (0.0, "rows")


def test_clustered_errors_make_z_standard_normal_where_independent_ones_do_not() -> None:
    rng = np.random.default_rng(11)
    clustered, by_rows = [], []
    for _ in range(300):
        terminal, labels, a, b = terminals(100, 8, rng)
        paired = paired_delong(labels, a, b, clusters={"terminal": terminal})
        clustered.append(paired.difference / paired.standard_errors["terminal"])
        by_rows.append(paired.difference / paired.standard_errors["rows"])

    assert np.std(clustered) == pytest.approx(1.0, abs=0.15)
    assert np.std(by_rows) > 1.3


@given(few_tied_rows(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_only_ranks_matter_and_not_the_order_of_the_rows(
    rows: tuple[list[int], list[int]], seed: int
) -> None:
    labels, champion = (np.array(column) for column in rows)
    rng = np.random.default_rng(seed)
    challenger, shop = rng.integers(0, 5, size=(2, labels.size))
    shop[:2] = (0, 1)
    order = rng.permutation(labels.size)

    paired = paired_delong(labels, champion, challenger, clusters={"shop": shop})
    mapped = paired_delong(
        labels[order],
        np.exp(champion[order]).astype(np.float32),
        challenger[order] * 2**60,
        clusters={"shop": shop[order]},
    )

    assert (mapped.champion_auc, mapped.challenger_auc) == (
        paired.champion_auc,
        paired.challenger_auc,
    )
    assert mapped.standard_errors == pytest.approx(paired.standard_errors, abs=1e-9)


@given(few_tied_rows(most=100))
@settings(max_examples=40, deadline=None)
def test_both_aucs_are_the_definition_rounded_once(rows: tuple[list[int], list[int]]) -> None:
    labels, scores = rows

    paired = paired_delong(labels, scores, [-score for score in scores])

    assert paired.champion_auc == float(auc_by_definition(labels, scores))
    assert paired.challenger_auc == float(1 - auc_by_definition(labels, scores))


def test_a_constant_score_wins_half() -> None:
    labels, scores = scored_rows(100, seed=12)

    paired = paired_delong(labels, np.zeros(100), scores)

    assert paired.champion_auc == 0.5
    assert paired.covariance[0][0] == 0.0


@pytest.mark.parametrize(
    ("clusters", "error", "says"),
    [
        ({"shop": [1, 1, 1, 1]}, NotEnoughData, "'shop' has no variance"),
        ({"shop": [1, 2]}, DataError, "'shop' is no column"),
        ({"rows": [1, 2, 3, 4]}, ConfigurationError, "name is taken"),
    ],
)
def test_clusters_that_cannot_be_are_an_error(
    clusters: dict[str, list[int]], error: type[FinRiskError], says: str
) -> None:
    with pytest.raises(error, match=says):
        paired_delong([0, 1, 0, 1], [1, 2, 3, 4], [4, 3, 2, 1], clusters=clusters)


def _gains_by_pairs(labels: Any, champion: Any, challenger: Any) -> tuple[Any, Any]:
    bad = np.asarray(labels) == 1
    wins = [
        (s[bad][:, None] > s[~bad]) + 0.5 * (s[bad][:, None] == s[~bad])
        for s in (champion, challenger)
    ]
    gain = wins[1] - wins[0]
    return gain.mean(axis=1), gain.mean(axis=0)


def _summed(psi: Any, ids: list[Any]) -> float:
    sums: dict[Any, float] = {}
    for key, value in zip(ids, psi, strict=True):
        sums[key] = sums.get(key, 0.0) + value
    return len(sums) / (len(sums) - 1) * sum(value**2 for value in sums.values())
