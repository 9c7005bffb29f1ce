from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.column_quality import MOST_VALUES, ColumnQuality, column_quality
from finrisk.specs.data import Column


def described(cells: Any, kind: str, figures: bool = True, **declared: Any) -> ColumnQuality:
    series = pd.Series(cells)
    column = Column.model_validate({"type": kind, **declared})
    return column_quality("c", series, column, series.isna().to_numpy(), figures=figures)


def test_numbers_have_their_moments_and_quantiles_without_the_missing_ones() -> None:
    values = np.random.default_rng(3).lognormal(size=2000)
    cells = np.concatenate([values, np.full(500, np.nan)])

    found = described(cells, "number", nullable=True, max_missing=0.3)

    assert (found.missing_share, found.allowed_missing, found.distinct) == (0.2, 0.3, 2000)
    assert found.mean == pytest.approx(values.mean(), rel=1e-3)
    assert found.std == pytest.approx(values.std(), rel=1e-3)
    expected = np.quantile(values, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    assert list(found.quantiles) == ["1", "5", "25", "50", "75", "95", "99"]
    assert list(found.quantiles.values()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (19, None),
        (99, []),
        (100, ["5", "25", "50", "75", "95"]),
        (499, ["5", "25", "50", "75", "95"]),
        (500, ["1", "5", "25", "50", "75", "95", "99"]),
    ],
)
def test_no_figure_stands_for_a_handful_of_rows(rows: int, shown: list[str] | None) -> None:
    found = described(np.arange(float(rows)), "number")

    assert (found.mean is not None) == (shown is not None)
    assert list(found.quantiles) == (shown or [])
    assert found.distinct == rows


def test_neither_the_least_nor_the_greatest_value_is_told() -> None:
    found = described(np.concatenate([np.full(600, 50.0), [31415926.0]]), "number")

    assert "3142" not in str(found.quantiles)
    assert set(found.quantiles.values()) == {50.0}


def test_a_quantile_of_a_numbering_is_nobodys_number() -> None:
    found = described(np.arange(70_000_001, 70_001_001), "integer")

    assert set(found.quantiles.values()) == {70_000_000.0}


def test_a_key_has_no_figures_but_its_counts() -> None:
    found = described(np.arange(1000), "integer", figures=False)

    assert (found.distinct, found.mean, found.quantiles) == (1000, None, {})


def test_a_figure_that_is_not_finite_is_left_out() -> None:
    found = described(np.full(200, 1e308), "number")

    assert (found.mean, found.std) == (None, None)
    assert found.quantiles["50"] == 1e308


def test_rare_values_are_pooled_and_frequent_ones_have_their_share() -> None:
    cells = pd.Series(["own"] * 60 + ["rent"] * 20 + ["castle"] * 19 + [None], dtype="str")

    found = described(cells, "category")

    assert found.shares == {"own": 60 / 99, "rent": 20 / 99}
    assert found.pooled_share == pytest.approx(19 / 99)
    assert found.distinct == 3
    assert "castle" not in str(found.to_json())


def test_only_the_most_frequent_of_many_values_are_named() -> None:
    cells = [f"v{n % 40}" for n in range(40 * 20)]

    found = described(pd.Series(cells, dtype="str"), "category")

    assert len(found.shares) == MOST_VALUES
    assert found.pooled_share == pytest.approx(10 / 40)


def test_truths_are_told_in_small_letters() -> None:
    cells = pd.array([True] * 30 + [False] * 10 + [None] * 20, dtype="boolean")

    found = described(cells, "boolean", nullable=True)

    assert found.shares == {"true": 0.75}
    assert (found.distinct, found.allowed_missing) == (2, None)


def test_the_month_of_a_single_person_is_not_told() -> None:
    days = ["1921-04-03"] + ["1980-05-01"] * 20 + ["1990-06-02"] * 30
    cells = pd.to_datetime(pd.Series(days))

    found = described(cells, "date")

    assert (found.first_month, found.last_month, found.distinct) == ("1980-05", "1990-06", 3)


def test_scattered_dates_have_no_month_to_tell() -> None:
    found = described(pd.Series(pd.date_range("1990-01-01", periods=40, freq="31D")), "date")

    assert (found.first_month, found.last_month, found.distinct) == (None, None, 40)


@pytest.mark.parametrize("kind", ["number", "category", "date", "boolean", "text"])
def test_a_column_without_any_value_is_all_missing(kind: str) -> None:
    empty = {"number": "float64", "date": "datetime64[us]", "boolean": "boolean"}.get(kind, "str")

    found = described(pd.Series([None] * 30, dtype=empty), kind)

    assert (found.missing_share, found.distinct, found.shares) == (1.0, 0, {})


def test_free_text_is_counted_only() -> None:
    found = described(pd.Series(["a manager"] * 50, dtype="str"), "text")

    assert (found.distinct, found.shares) == (1, {})
