from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.errors import ConfigurationError, DataError, LabelError
from finrisk.metrics.calibration import brier_score, expected_calibration_error
from finrisk.pictures.both_calibrations import calibrations_figure, calibrations_picture
from finrisk.pictures.calibration import reliability
from tests.pictures.factories import legend_texts, scored_rows, size_in_pixels, texts

LABELS, CHAMPION, CHALLENGER = scored_rows()
BOTH = {"v3": CHAMPION, "v4 xgb": CHALLENGER}


def test_the_same_rows_give_the_same_png() -> None:
    png = calibrations_picture(LABELS, BOTH)

    assert size_in_pixels(png) == (836, 550)
    assert calibrations_picture(LABELS, BOTH) == png
    assert len(png) < 120_000


def test_the_legend_says_each_models_figures_as_the_metrics_have_them() -> None:
    points, _ = calibrations_figure(LABELS, BOTH).axes

    shown = legend_texts(points)

    for name, chance in BOTH.items():
        brier, ece = brier_score(LABELS, chance), expected_calibration_error(LABELS, chance)
        assert f"Brier {brier:.4f}, ECE {ece:.4f}: {name}" in shown
    assert "Calibration of v3 and v4 xgb" in texts(calibrations_figure(LABELS, BOTH))


def test_the_points_drawn_are_each_models_bins_and_told_apart_without_colour() -> None:
    points, _ = calibrations_figure(LABELS, BOTH).axes

    drawn = [line for line in points.get_lines() if line.get_marker() in {"o", "s"}]
    for line, chance in zip(drawn, BOTH.values(), strict=True):
        bins = reliability(LABELS == 1, chance)
        assert np.asarray(line.get_xdata()) == pytest.approx(bins.predicted)
        assert np.asarray(line.get_ydata()) == pytest.approx(bins.observed)
    assert [line.get_marker() for line in drawn] == ["o", "s"]
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle()


def test_both_models_rows_are_counted_in_the_strip_on_the_same_axis() -> None:
    points, strip = calibrations_figure(LABELS, BOTH).axes

    assert [p.get_data().values.sum() for p in strip.patches] == [LABELS.size] * 2  # type: ignore[attr-defined]
    assert points.get_xlim() == strip.get_xlim()
    assert "higher = riskier" in strip.get_xlabel()


@pytest.mark.parametrize(
    ("labels", "both", "error"),
    [
        ([0, 1], {}, ConfigurationError),
        ([0, 1], {"v3": [0.1, 1.2]}, DataError),
        ([0, 1], {"v3": [0.1, 0.2], "v4": [0.1]}, DataError),
        ([0, 0], {"v3": [0.1, 0.2]}, LabelError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    labels: Any, both: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        calibrations_picture(labels, both)
