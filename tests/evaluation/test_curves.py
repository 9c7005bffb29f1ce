"""Points of curves and bins: few, and the figures they stand for are those of the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from finrisk.evaluation import curves
from finrisk.metrics.calibration import expected_calibration_error
from finrisk.metrics.ranking import levels

ALL = 10**9


def scored(rows: int = 5_000, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    bad = rng.random(rows) < 0.1
    score = rng.beta(2, 8, rows) + 0.15 * bad
    return bad, np.clip(np.round(score, 2) if ties else score, 0.0, 1.0)


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_under_the_whole_curve_is_the_auc(ties: bool) -> None:
    bad, score = scored(ties=ties)

    curve = curves.roc_curve(levels(bad, score), ALL)

    assert np.trapezoid(curve.y, curve.x) == pytest.approx(roc_auc_score(bad, score), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_the_steps_under_the_whole_curve_are_the_average_precision(ties: bool) -> None:
    bad, score = scored(ties=ties)

    curve = curves.precision_recall_curve(levels(bad, score), ALL)

    steps = float(np.sum(np.diff(curve.x) * np.array(curve.y[1:])))
    assert steps == pytest.approx(average_precision_score(bad, score), abs=1e-12)


def test_a_thinned_curve_stays_on_the_whole_one() -> None:
    bad, score = scored(100_000)

    curve = curves.roc_curve(levels(bad, score))

    fpr, tpr, _ = roc_curve(bad, score)
    assert len(curve.x) <= 2 * curves.MOST_POINTS
    assert np.abs(np.interp(fpr, curve.x, curve.y) - tpr).max() < 0.01
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0.0, 0.0, 1.0, 1.0)


def test_bins_of_calibration_have_the_calibration_error_of_the_metrics() -> None:
    bad, score = scored()

    bins = curves.calibration_bins(bad, score)

    assert len(bins) == 10
    assert sum(of.rows for of in bins) == bad.size
    assert all(of.low <= of.observed <= of.high for of in bins)
    off = sum(of.rows * abs(of.predicted - of.observed) for of in bins) / bad.size
    assert off == pytest.approx(expected_calibration_error(bad, score, bins=10), abs=1e-12)


def test_cells_hold_every_row_once_also_those_beyond_the_axes() -> None:
    _, score = scored()
    other = np.append(score[1:], 900.0)  # one row far out would squeeze all others

    cells = curves.score_cells(score, other, same_scale=False)

    assert sum(rows for _, _, rows in cells.counts) == score.size
    assert cells.edges_b[-1] < 2.0
    assert {place for a, b, _ in cells.counts for place in (a, b)} <= set(range(40))


def test_a_cut_off_is_always_on_the_axes() -> None:
    _, score = scored()

    cells = curves.score_cells(score, score, same_scale=True, cutoff=0.99)

    assert cells.edges_a[0] <= 0.99 <= cells.edges_a[-1]
    assert cells.edges_a == cells.edges_b


def test_differences_are_shares_of_each_class() -> None:
    bad, score = scored()

    found = curves.score_differences(bad, score, score + 0.1 * bad)

    assert (sum(found.goods), sum(found.bads)) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (found.mean_of_goods, found.mean_of_bads) == (0.0, pytest.approx(0.1))
