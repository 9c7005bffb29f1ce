"""Readings over time: each line by day, limits and bands as they were read, gaps left open."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from finrisk.errors import ConfigurationError
from finrisk.pictures.over_time import (
    Track,
    drift_figure,
    drift_picture,
    performance_figure,
    performance_picture,
)

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(5)]
PSI = Track(DAYS, [0.02, 0.03, None, 0.2, 0.3], limits=[0.1, 0.1, None, 0.12, 0.12])
AUC = Track(DAYS, [0.8, 0.79, 0.78, None, 0.7], [0.7] * 5, [0.9] * 5)
ESTIMATE = Track(DAYS, [0.82] * 5)


def test_an_unknown_day_is_a_gap_and_each_limit_is_dashed() -> None:
    axes = drift_figure({"score": PSI}, least=0.1, model="fraud").axes[0]

    line, limit, least = axes.get_lines()
    assert np.isnan(line.get_ydata()[2])  # type: ignore[index]
    assert (limit.get_linestyle(), least.get_linestyle()) == ("--", ":")
    assert "stability" in axes.get_ylabel()
    assert axes.get_ylim()[0] == 0.0


def test_a_limit_that_nobody_knows_is_not_drawn() -> None:
    unlimited = Track(DAYS, [0.02] * 5, limits=[None] * 5)

    axes = drift_figure({"score": unlimited, "income": PSI}, least=0.1, model="fraud").axes[0]

    assert sum(line.get_linestyle() == "--" for line in axes.get_lines()) == 1


def test_the_estimate_is_dashed_and_the_matured_figure_has_a_band() -> None:
    figure = performance_figure(AUC, ESTIMATE, metric="auc", model="fraud", least=0.75)

    axes = figure.axes[0]
    matured, estimate, _ = axes.get_lines()
    assert (matured.get_linestyle(), estimate.get_linestyle()) == ("-", "--")
    assert len(axes.collections) == 1
    assert "auc" in axes.get_ylabel()
    assert "as of" in axes.get_xlabel()


def test_pictures_are_png() -> None:
    pictures = (
        drift_picture({"score": PSI}, least=0.1, model="fraud"),
        performance_picture(AUC, ESTIMATE, metric="auc", model="fraud"),
    )

    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_more_lines_than_colours_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="so many series"):
        drift_figure({f"f{n}": PSI for n in range(8)}, least=0.1, model="fraud")
