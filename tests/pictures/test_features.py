from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection

from finrisk.errors import ConfigurationError, DataError
from finrisk.pictures.features import SAMPLED_ROWS, feature_figure, feature_picture
from tests.pictures.factories import feature_rows, size_in_pixels, texts

DEVELOPMENT, HOLDOUT = feature_rows(seed=1), feature_rows(200, seed=2)


def test_the_same_rows_give_the_same_png() -> None:
    png = feature_picture(DEVELOPMENT, HOLDOUT)

    assert feature_picture(DEVELOPMENT, HOLDOUT) == png
    assert size_in_pixels(png)[0] == 836
    assert len(png) < 120_000


def test_a_sample_of_many_rows_is_the_same_each_time() -> None:
    many = feature_rows(3 * SAMPLED_ROWS)

    assert feature_picture(many, HOLDOUT) == feature_picture(many.copy(), HOLDOUT)


def test_title_names_and_missing_shares_are_written() -> None:
    found = texts(feature_figure(DEVELOPMENT, HOLDOUT.assign(dependants=np.nan)))

    assert set(DEVELOPMENT.columns) <= set(found)
    assert any(text.startswith("600 development rows, 200 hold-out rows; 5 of 5") for text in found)
    assert "missing 25 → 25 %" in found
    assert "missing 0 → 100 %" in found


def test_a_few_missing_rows_are_not_said_to_be_none() -> None:
    rows = DEVELOPMENT.copy()
    rows.loc[0, "income"] = np.nan

    assert "missing <1 → 0 %" in texts(feature_figure(rows, HOLDOUT))


def test_every_feature_has_an_outline_of_either_part() -> None:
    (axes,) = feature_figure(DEVELOPMENT, HOLDOUT).axes

    filled = [c for c in axes.collections if isinstance(c, PolyCollection)]
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert [len(c.get_paths()) for c in (*filled, *lines)] == [5, 5, 5]


def test_the_features_named_are_drawn_in_their_order() -> None:
    found = texts(feature_figure(DEVELOPMENT, HOLDOUT, features=["home", "income"]))

    assert found.index("home") < found.index("income")
    assert "dependants" not in found


def test_of_many_features_the_first_twelve_are_drawn() -> None:
    wide = pd.DataFrame({f"f{place:02}": np.arange(40.0) for place in range(15)})

    found = texts(feature_figure(wide, wide))

    assert "f11" in found
    assert "f12" not in found
    assert any("12 of 15 features" in text for text in found)


def test_no_category_is_named_and_no_extreme_is_shown() -> None:
    rows = DEVELOPMENT.copy()
    rows.loc[0, "income"] = 98_765_432.0
    rows.loc[1, "home"] = "castle"

    found = " ".join(texts(feature_figure(rows, HOLDOUT)))

    assert "most frequent" in found
    for value in ("rent", "own ", "mortgage", "castle", "98,765", "98,800"):
        assert value not in found


@pytest.mark.parametrize(
    ("development", "holdout", "features", "error", "says"),
    [
        (DEVELOPMENT[:0], HOLDOUT, None, DataError, "got 5 features, 0 and 200 rows"),
        (DEVELOPMENT, HOLDOUT[:0], None, DataError, "got 5 features, 600 and 0 rows"),
        (DEVELOPMENT, HOLDOUT, [], DataError, "got 0 features"),
        (DEVELOPMENT, HOLDOUT, ["age"], DataError, "got 1 lacking: age"),
        (DEVELOPMENT, HOLDOUT[["home"]], None, DataError, "got 4 lacking: income, dependants"),
        (DEVELOPMENT, HOLDOUT, ["home"] * 13, ConfigurationError, "expected at most 12; got 13"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    development: pd.DataFrame,
    holdout: pd.DataFrame,
    features: Sequence[str] | None,
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        feature_picture(development, holdout, features=features)


def test_a_feature_without_values_is_drawn_as_such() -> None:
    empty: dict[str, Any] = {"income": np.full(50, np.nan), "home": [None] * 50}

    found = texts(feature_figure(pd.DataFrame(empty), pd.DataFrame(empty)))

    assert found.count("too few values") == 2
    feature_picture(pd.DataFrame(empty), pd.DataFrame(empty))
