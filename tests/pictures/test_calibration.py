from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.stats import binomtest

from finrisk.errors import DataError, LabelError
from finrisk.metrics.calibration import brier_score, expected_calibration_error
from finrisk.pictures.calibration import (
    BINS,
    calibration_figure,
    calibration_picture,
    reliability,
    wilson_interval,
)
from tests.pictures.factories import scored_rows, size_in_pixels, texts

LABELS, _, CHANCE = scored_rows()


def points_of(figure: Figure) -> tuple[Any, Any]:
    (line,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_the_same_rows_give_the_same_png() -> None:
    png = calibration_picture(LABELS, CHANCE, name="challenger v4")

    assert size_in_pixels(png) == (836, 550)
    assert calibration_picture(LABELS, CHANCE, name="challenger v4") == png
    assert len(png) < 120_000


def test_the_title_says_brier_and_calibration_error_as_the_metrics_have_them() -> None:
    brier, ece = brier_score(LABELS, CHANCE), expected_calibration_error(LABELS, CHANCE)

    found = texts(calibration_figure(LABELS, CHANCE, name="challenger v4"))

    assert f"Calibration of challenger v4: Brier {brier:.4f}, ECE {ece:.4f}" in found


@pytest.mark.parametrize("levels", [None, 40, 3])
def test_the_bins_are_those_of_the_calibration_error(levels: int | None) -> None:
    chance = CHANCE if levels is None else np.round(CHANCE * levels) / levels

    bins = reliability(LABELS == 1, chance)

    assert bins.rows.sum() == LABELS.size
    assert bins.expected_calibration_error == pytest.approx(
        expected_calibration_error(LABELS, chance, bins=BINS), abs=1e-12
    )


def test_equal_count_bins_hold_equal_counts() -> None:
    rows = reliability(LABELS == 1, CHANCE).rows

    assert rows.size == BINS
    assert rows.max() - rows.min() <= 1


def test_the_points_drawn_are_the_bins() -> None:
    bins = reliability(LABELS == 1, CHANCE)

    x, y = points_of(calibration_figure(LABELS, CHANCE, name="challenger v4"))

    assert x == pytest.approx(bins.predicted)
    assert y == pytest.approx(bins.observed)


@given(st.integers(1, 500), st.data())
@settings(max_examples=50, deadline=None)
def test_the_interval_is_wilsons(rows: int, data: st.DataObject) -> None:
    bads = data.draw(st.integers(0, rows))

    low, high = wilson_interval([bads], [rows])

    expected = binomtest(bads, rows).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert 0.0 <= low[0] <= bads / rows <= high[0] <= 1.0


def test_a_bin_without_bads_keeps_its_interval_in_the_picture() -> None:
    labels = np.repeat([0, 1], 100)

    calibration_picture(labels, labels * 0.8 + 0.1, name="sure")

    bins = reliability(labels == 1, labels * 0.8 + 0.1)
    assert bins.observed.tolist() == [0.0, 1.0]
    assert bins.high[0] > 0.0


def test_the_axes_end_where_the_portfolios_risk_does() -> None:
    figure = calibration_figure(LABELS, CHANCE / 10, name="low")

    right, top = figure.axes[0].get_xlim()[1], figure.axes[0].get_ylim()[1]

    assert right == top < 0.9
    assert figure.axes[1].get_xlim() == figure.axes[0].get_xlim()


def test_rows_beyond_the_axis_are_counted_in_the_last_bar_and_said() -> None:
    rows = 3_000
    chance = np.linspace(0.03, 0.07, rows)
    chance[-3:] = 0.99
    labels = np.zeros(rows)
    labels[::20] = 1

    figure = calibration_figure(labels, chance, name="tail")

    drawn = figure.axes[1].patches[0].get_data().values  # type: ignore[attr-defined]
    assert drawn.sum() == rows
    assert drawn[-1] >= 3
    assert figure.axes[1].get_xlabel().endswith("the last bar holds all above")


def test_the_axes_say_unit_and_direction() -> None:
    points, strip = calibration_figure(LABELS, CHANCE, name="challenger v4").axes

    assert points.get_ylabel() == "observed bad rate (95 % interval)"
    assert "higher = riskier" in strip.get_xlabel()
    assert strip.get_ylabel() == "rows"


@pytest.mark.parametrize(
    ("labels", "chance", "error"),
    [
        ([0, 0], [0.1, 0.2], LabelError),
        ([], [], DataError),
        ([0, 1], [0.1, 1.2], DataError),
        ([0, 1], [0.1, np.nan], DataError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    labels: Any, chance: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        calibration_picture(labels, chance, name="x")
