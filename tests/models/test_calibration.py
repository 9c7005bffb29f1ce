from __future__ import annotations

import numpy as np
import pytest

from finrisk.errors import NotEnoughData
from finrisk.metrics.calibration import calibration_slope
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.calibration import FLATTEST_SLOPE, Method, fit_calibrator
from finrisk.tracking.calibrator import PlattCalibrator, logit


def scored_rows(
    slope: float, intercept: float, rows: int = 20_000
) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores whose true probability is a line on their logit."""
    chance = np.random.default_rng(17)
    raw = chance.beta(2.0, 5.0, rows)
    true = 1 / (1 + np.exp(-(slope * logit(raw) + intercept)))
    return raw, (chance.random(rows) < true).astype(np.int64)


def test_platt_finds_the_line_that_made_the_labels() -> None:
    found = fit_calibrator("platt", *scored_rows(slope=0.6, intercept=-0.8))

    assert isinstance(found, PlattCalibrator)
    assert found.slope == pytest.approx(0.6, abs=0.05)
    assert found.intercept == pytest.approx(-0.8, abs=0.08)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibrated_scores_add_up_to_the_bads_and_keep_the_ranking(method: Method) -> None:
    raw, labels = scored_rows(slope=0.6, intercept=-0.8)

    probability = fit_calibrator(method, raw, labels).calibrate(raw)

    assert probability.mean() == pytest.approx(labels.mean(), abs=1e-3)
    assert (np.diff(probability[np.argsort(raw)]) >= 0).all()
    calibrated, before = (ranking_metrics(labels, s).auc for s in (probability, raw))
    assert calibrated == pytest.approx(before, abs=0.01)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_scores_that_separate_every_row_are_still_not_certain(method: Method) -> None:
    raw = np.linspace(0.01, 0.99, 50)
    labels = (raw > 0.4).astype(np.int64)

    probability = fit_calibrator(method, raw, labels).calibrate(raw)

    assert 0.0 < probability.min() < 0.1
    assert 0.9 < probability.max() < 1.0


def test_scores_of_exactly_0_and_1_do_not_tilt_platts_line() -> None:
    raw, labels = scored_rows(slope=0.6, intercept=-0.8)
    certain = np.where(raw < 0.1, 0.0, np.where(raw > 0.8, 1.0, raw))

    found = fit_calibrator("platt", certain, labels)

    assert isinstance(found, PlattCalibrator)
    assert found.slope > 0.15  # with logits of ±34 it is 0.04
    between = (raw >= 0.1) & (raw <= 0.8)
    assert found.calibrate(certain)[between].mean() == pytest.approx(
        labels[between].mean(), abs=0.01
    )


def test_scores_that_are_not_certain_are_fitted_as_they_are() -> None:
    raw, labels = scored_rows(slope=0.6, intercept=-0.8, rows=40)  # one in 42 is 0.024
    low = raw * 0.05

    found = fit_calibrator("platt", low, labels)

    assert low.min() < 0.024
    bads, goods = labels.sum(), (1 - labels).sum()
    softened = bads * (bads + 1) / (bads + 2) + goods / (goods + 2)
    assert found.calibrate(low).sum() == pytest.approx(softened, abs=1e-4)


def test_scores_that_rank_backwards_do_not_turn_the_ranking_around() -> None:
    raw, labels = scored_rows(slope=-0.5, intercept=-1.0)

    found = fit_calibrator("platt", raw, labels)

    assert isinstance(found, PlattCalibrator)
    assert found.slope == FLATTEST_SLOPE
    assert found.calibrate(np.array([0.2, 0.6])).round(2).tolist() == pytest.approx(
        [labels.mean()] * 2, abs=0.01
    )


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_nothing_to_calibrate_on(label: int) -> None:
    with pytest.raises(NotEnoughData, match=r"got 3 rows, \d bad; remedy"):
        fit_calibrator("platt", np.array([0.1, 0.2, 0.3]), np.full(3, label))


def test_a_forest_that_is_certain_of_most_rows_is_calibrated_where_it_is_certain() -> None:
    """Rare bads: most leaves hold none, and a score of 0 must not become a logit of −34."""
    chance = np.random.default_rng(3)
    truth = chance.beta(0.05, 2.0, 40_000)
    labels = (chance.random(truth.size) < truth).astype(np.int64)
    raw = np.where(truth < 0.01, 0.0, truth)
    half = truth.size // 2

    calibrator = fit_calibrator("platt", raw[:half], labels[:half])
    told = calibrator.calibrate(raw[half:])

    assert calibration_slope(labels[half:], told) == pytest.approx(1.0, abs=0.15)
    assert told.min() > 1e-5
    order = np.argsort(raw[half:], kind="stable")
    assert (np.diff(told[order]) >= 0.0).all()


def test_no_rank_is_lost_beyond_the_scores_a_line_was_fitted_on() -> None:
    calibrator = PlattCalibrator(slope=1.2, intercept=-0.3, lowest=0.1, highest=0.9)

    told = calibrator.calibrate(np.array([0.0, 0.05, 0.1, 0.5, 0.9, 0.95, 1.0]))

    assert (np.diff(told) > 0.0).all()
