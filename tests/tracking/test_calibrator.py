from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.tracking.calibrator import (
    IsotonicCalibrator,
    PlattCalibrator,
    calibrator_from_json,
    logit,
)

RAW = np.linspace(0.0, 1.0, 101)
ISOTONIC = IsotonicCalibrator(xs=(0.1, 0.1, 0.6), ys=(0.05, 0.2, 0.2))


def test_platt_with_slope_one_and_no_intercept_changes_nothing() -> None:
    assert np.allclose(PlattCalibrator(1.0, 0.0).calibrate(RAW), RAW, atol=1e-14)


@given(slope=st.floats(0.01, 5), intercept=st.floats(-5, 5))
def test_platt_keeps_the_ranking_and_stays_a_probability(slope: float, intercept: float) -> None:
    probability = PlattCalibrator(slope, intercept).calibrate(RAW)

    assert np.all(np.diff(probability) >= 0)
    assert probability.min() >= 0.0
    assert probability.max() <= 1.0


def test_scores_of_exactly_0_and_1_have_a_finite_logit() -> None:
    assert np.all(np.isfinite(logit(np.array([0.0, 1.0]))))


def test_isotonic_is_flat_outside_its_points_and_keeps_ties() -> None:
    assert ISOTONIC.calibrate(np.array([0.0, 0.35, 1.0])).tolist() == [0.05, 0.2, 0.2]


@pytest.mark.parametrize("calibrator", [PlattCalibrator(1 / 3, -0.1), ISOTONIC])
def test_json_brings_a_calibrator_back_bit_for_bit(
    calibrator: PlattCalibrator | IsotonicCalibrator,
) -> None:
    back = calibrator_from_json(json.loads(json.dumps(calibrator.to_json())))

    assert back == calibrator
    assert np.array_equal(back.calibrate(RAW), calibrator.calibrate(RAW))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "beta"}, "no calibrator of kind 'beta'"),
        ({"slope": 1.0}, "KeyError"),
        ({"kind": "platt", "slope": None, "intercept": 0.0}, "TypeError"),
        ({"kind": "platt", "slope": float("nan"), "intercept": 0.0}, "not finite"),
        ({"kind": "isotonic", "xs": [], "ys": []}, "0 xs and 0 ys"),
        ({"kind": "isotonic", "xs": [0.1], "ys": [0.1, 0.2]}, "1 xs and 2 ys"),
        ({"kind": "isotonic", "xs": [0.2, 0.1], "ys": [0.1, 0.2]}, "xs fall"),
        ({"kind": "isotonic", "xs": [0.1, 0.2], "ys": [0.2, 0.1]}, "ys fall"),
        ({"kind": "isotonic", "xs": [0.1, 0.2], "ys": [0.2, 1.1]}, r"leave \[0, 1\]"),
        ({"kind": "isotonic", "xs": [0.1, float("inf")], "ys": [0.2, 0.3]}, "not finite"),
    ],
)
def test_numbers_that_describe_no_calibrator_are_refused(
    document: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        calibrator_from_json(document)
