from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import skops.io

from finrisk.models.preprocessing import FeatureKinds, build_preprocessor, column_features
from finrisk.models.wide_rows import preprocessor_of, widening

KINDS = FeatureKinds(numeric=("age",), categorical=("home", "job"))
NAMES = ("home", "age", "job")
CHANCE = np.random.default_rng(5)
ROWS = 9_000


def words(jobs: str) -> pd.Series:
    if jobs == "more than may have columns":
        return pd.Series([f"job {n % 150:03d}" for n in range(ROWS)], dtype="str")
    if jobs == "all of them rare":
        return pd.Series([f"job {n // 19}" for n in range(ROWS)], dtype="str")
    ranks = CHANCE.zipf(1.3, ROWS).clip(max=400)
    return pd.Series([f"job {n}" for n in ranks], dtype="str")


@pytest.mark.parametrize("jobs", ["more than may have columns", "all of them rare", "long tail"])
def test_the_preprocessor_is_the_one_that_the_rows_themselves_would_give(jobs: str) -> None:
    homes = pd.Series(CHANCE.choice(["own", "rent"], ROWS), dtype="str")
    frame = pd.DataFrame({"home": homes, "age": CHANCE.random(ROWS), "job": words(jobs)})
    whole = build_preprocessor("xgboost", KINDS).fit(frame)

    counted = preprocessor_of(NAMES, KINDS, [Counter(frame["home"]), Counter(frame["job"])])

    assert column_features(counted, KINDS) == column_features(whole, KINDS)
    np.testing.assert_array_equal(counted.transform(frame), whole.transform(frame))
    unseen = pd.DataFrame({"home": ["tent"], "age": [1.0], "job": ["none"]}).astype(
        {"home": "str", "job": "str"}
    )
    np.testing.assert_array_equal(counted.transform(unseen), whole.transform(unseen))
    assert len(skops.io.dumps(counted)) == pytest.approx(len(skops.io.dumps(whole)), abs=50)


def test_coded_rows_become_the_matrix_of_the_preprocessor() -> None:
    frame = pd.DataFrame({"home": words("long tail"), "age": 0.5, "job": words("long tail")})
    fitted = build_preprocessor("xgboost", KINDS).fit(frame.head(3_000))
    known = [sorted(set(frame[name])) for name in KINDS.categorical]
    codes = [pd.Categorical(frame[n], k).codes for n, k in zip(("home", "job"), known, strict=True)]
    block = np.vstack([frame["age"], *codes]).astype(np.float32)

    wide = widening(fitted, KINDS, known).matrix(block)

    np.testing.assert_array_equal(wide, fitted.transform(frame))


def test_rows_without_a_category_are_widened_as_they_are() -> None:
    kinds = FeatureKinds(numeric=("age", "income"), categorical=())
    fitted = preprocessor_of(kinds.numeric, kinds, [])
    block = np.array([[1.0, 2.0], [np.nan, 4.0]], dtype=np.float32)

    wide = widening(fitted, kinds, ()).matrix(block, np.array([False, True]))

    np.testing.assert_array_equal(wide, [[2.0, 4.0]])
