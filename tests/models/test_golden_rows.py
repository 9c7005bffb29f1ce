from __future__ import annotations

import numpy as np
import pandas as pd

from finrisk.models.golden_rows import GOLDEN_ROWS, golden_rows
from finrisk.models.preprocessing import FeatureKinds

KINDS = FeatureKinds(("income", "age", "never"), ("home",))


def features(rows: int = 500) -> pd.DataFrame:
    chance = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "income": chance.lognormal(10.0, 1.0, rows),
            "age": np.where(chance.random(rows) < 0.1, np.nan, chance.integers(18, 90, rows)),
            "never": np.nan,
            "home": chance.choice(["own", "rent"], rows),
        }
    )
    frame.loc[0, "home"] = "lighthouse"
    return frame.astype({"home": "str"})


def test_golden_rows_have_the_features_in_order_and_their_types() -> None:
    found = golden_rows(features(), KINDS, seed=1)

    assert found.shape == (GOLDEN_ROWS, 4)
    assert [str(t) for t in found.dtypes] == ["float64", "float64", "float64", "str"]
    assert list(found.columns) == list(features().columns)


def test_no_golden_value_is_an_exact_income_an_extreme_or_a_rare_category() -> None:
    frame = features()

    found = golden_rows(frame, KINDS, seed=1)

    assert not set(found["income"]) & set(frame["income"])
    assert frame["income"].min() < found["income"].min()
    assert found["income"].max() < frame["income"].max()
    assert set(found["home"]) == {"own", "rent"}


def test_a_column_with_gaps_has_one_and_one_without_has_none() -> None:
    found = golden_rows(features(), KINDS, seed=1)

    assert found.isna().sum().to_dict() == {"income": 0, "age": 1, "never": GOLDEN_ROWS, "home": 0}


def test_columns_are_shuffled_on_their_own() -> None:
    frame = features().assign(age=lambda f: f["income"])

    found = golden_rows(frame, KINDS, seed=1)

    assert sorted(found["age"]) == sorted(found["income"])
    assert list(found["age"]) != list(found["income"])


def test_the_seed_decides() -> None:
    one, again, other = (golden_rows(features(), KINDS, seed=seed) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


def test_without_a_shared_category_the_value_is_missing() -> None:
    frame = features(16).assign(home=[f"home {n}" for n in range(16)])

    found = golden_rows(frame, KINDS, seed=1)

    assert set(found["home"]) == {"missing"}


def test_between_shared_years_no_year_is_invented() -> None:
    frame = features().assign(
        age=lambda f: np.where(f["income"] > f["income"].median(), 2011, 2008)
    )

    assert set(golden_rows(frame, KINDS, seed=1)["age"]) == {2008.0, 2011.0}


def test_where_others_are_rare_only_shared_whole_numbers_are_drawn_if_asked() -> None:
    frame = features().assign(age=[1999, *[2008, 2011] * 249, 2011])

    asked = golden_rows(frame, KINDS, seed=1, shared_only=True)

    assert set(asked["age"]) == {2008.0, 2011.0}
    assert set(golden_rows(frame, KINDS, seed=1)["age"]) - {2008.0, 2011.0}
    assert not set(asked["income"]) & set(frame["income"])
