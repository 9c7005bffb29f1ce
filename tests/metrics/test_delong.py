from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import DataError, LabelError, NotEnoughData
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.ranking import ranking_metrics
from tests.metrics.factories import few_tied_rows, scored_rows

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
