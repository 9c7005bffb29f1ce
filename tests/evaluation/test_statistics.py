from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import DataError, LabelError
from finrisk.evaluation.statistics import data_statistics, distributions, feature_info
from finrisk.metrics.stability import population_stability_index

ROWS, HOLDOUT_ROWS = 400, 100


def features(rows: int = ROWS, *, seed: int = 1, **changes: Any) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    income = chance.lognormal(10, 0.5, size=rows)
    income[: rows // 10] = np.nan
    columns = {
        "income": income,
        "dependants": chance.poisson(1.5, size=rows),
        "home": chance.choice(["rent", "own"], size=rows),
    }
    return pd.DataFrame(columns | changes)


def labels(rows: int, bads: int) -> list[int]:
    return [1] * bads + [0] * (rows - bads)


TRAIN, TEST = features(), features(HOLDOUT_ROWS, seed=2)
Y_TRAIN, Y_TEST = labels(ROWS, 40), labels(HOLDOUT_ROWS, 20)


def statistics_of(name: str, train: pd.Series, test: pd.Series | None = None) -> Any:
    test = train if test is None else test
    found = data_statistics(
        train.to_frame(name), test.to_frame(name), [0] * len(train), [0] * len(test)
    )
    return found["statistics"][name]


def test_rows_and_classes_of_both_parts_are_counted() -> None:
    found = data_statistics(TRAIN, TEST, Y_TRAIN, Y_TEST)

    assert found["rows"] == {
        "development": {"rows": 400, "goods": 360, "bads": 40, "bad_rate": 0.1},
        "holdout": {"rows": 100, "goods": 80, "bads": 20, "bad_rate": 0.2},
    }
    assert found["features"] == 3
    assert found["dtypes"] == {"float64": 1, "int64": 1, "str": 1}


def test_feature_info_names_every_feature_in_order_with_its_kind() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5],
            "count": pd.array([1], dtype="Int64"),
            "flag": [True],
            "text": ["a"],
            "mixed": pd.Series([True], dtype=object),
            "kind": pd.Categorical(["a"]),
            "born": pd.to_datetime(["1980-01-02"]),
            7: [1],
        }
    )

    info = feature_info(frame)

    assert info["names"] == ["number", "count", "flag", "text", "mixed", "kind", "born", "7"]
    assert list(info["kinds"].values()) == [
        *("number", "number", "number", "category", "category", "category", "other", "number")
    ]
    assert feature_info(frame) == data_statistics(frame, frame, [0], [1])["feature_info"]


def test_a_numbers_figures_are_those_of_its_known_values_at_four_digits() -> None:
    known = TRAIN["income"].dropna()

    found = statistics_of("income", TRAIN["income"])["development"]

    assert found["missing_share"] == 0.1
    assert found["mean"] == float(f"{known.mean():.4g}")
    assert found["std"] == float(f"{known.std():.4g}")
    assert found["quantiles"] == {
        f"{100 * q:.0f}%": float(f"{known.quantile(q):.4g}") for q in (0.05, 0.25, 0.5, 0.75, 0.95)
    }


def test_infinite_counts_as_missing() -> None:
    column = pd.Series([np.inf, -np.inf, np.nan, 1.0] * 20)

    found = statistics_of("ratio", column)

    assert found["development"]["missing_share"] == 0.75
    assert found["development"]["mean"] == 1.0
    assert found["psi"] == 0.0


def test_a_categorys_shares_are_those_of_its_known_rows_and_rare_ones_have_no_name() -> None:
    column = pd.Series(["rent"] * 60 + ["own"] * 20 + ["castle"] * 19 + ["boat"] + [None] * 25)

    found = statistics_of("home", column, pd.Series(["own"] * 25 + ["rent"] * 15))

    assert found["development"] == {
        "missing_share": 0.2,
        "values": 4,
        "shares": {"rent": 0.6, "own": 0.2, "(rare)": 0.2},
    }
    assert found["holdout"]["shares"] == {"own": 0.625, "(rare)": 0.375}


def test_a_category_that_is_itself_called_rare_is_pooled_with_the_rare_ones() -> None:
    column = pd.Series(["(rare)"] * 30 + ["boat"] * 10)

    assert statistics_of("home", column)["development"]["shares"] == {"(rare)": 1.0}


def test_at_most_a_hundred_categories_are_named() -> None:
    column = pd.Series([f"z{place:03}" for place in range(150)] * 20)

    shares = statistics_of("zip", column)["development"]["shares"]

    assert len(shares) == 101
    assert shares["(rare)"] == pytest.approx(50 / 150)
    assert "z099" in shares
    assert "z100" not in shares


def test_psi_is_that_of_the_metrics_and_only_for_numbers() -> None:
    found = data_statistics(TRAIN, TEST, Y_TRAIN, Y_TEST)["statistics"]

    assert found["income"]["psi"] == population_stability_index(TRAIN["income"], TEST["income"])
    assert found["dependants"]["psi"] == population_stability_index(
        TRAIN["dependants"], TEST["dependants"]
    )
    assert "psi" not in found["home"]


def test_psi_is_unknown_where_a_part_knows_nothing() -> None:
    unknown = pd.Series([np.nan] * 30)

    assert statistics_of("income", unknown, TRAIN["income"])["psi"] is None
    assert statistics_of("income", TRAIN["income"], TRAIN["income"][:0])["psi"] is None


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_nothing_is_said_of_fewer_than_twenty_values(rows: int) -> None:
    few = features(rows)

    found = data_statistics(few, few, [0] * rows, [1] * rows)
    counted = distributions(few, few)

    for name in ("income", "dependants"):
        part = found["statistics"][name]["holdout"]
        assert part["mean"] is part["std"] is part["quantiles"] is None
        assert counted[name]["edges"] == []
        assert sum(counted[name]["holdout"]) + counted[name]["missing"]["holdout"] == rows
    assert set(found["statistics"]["home"]["holdout"]["shares"]) <= {"(rare)"}
    assert counted["home"]["values"] == ["(rare)"]


def test_a_part_without_rows_has_no_rate() -> None:
    found = data_statistics(TRAIN, TRAIN[:0], Y_TRAIN, [])

    assert found["rows"]["holdout"] == {"rows": 0, "goods": 0, "bads": 0, "bad_rate": None}
    assert found["statistics"]["home"]["holdout"]["missing_share"] is None


def test_no_customers_value_can_be_read() -> None:
    train = TRAIN.assign(born=pd.to_datetime("1980-01-02"))
    train.loc[60, "income"] = 98_765_432.1
    train.loc[61, "income"] = -87_654.3
    train.loc[60, "home"] = "castle in the air"
    train.loc[:, "note"] = [f"note of customer {place}" for place in range(ROWS)]

    text = json.dumps(
        [data_statistics(train, train, Y_TRAIN, Y_TRAIN), distributions(train, train)]
    )

    assert not [v for v in train["income"].dropna() if repr(float(v)) in text]
    for told in ("9876", "-8765", "castle", "note of", "1980"):
        assert told not in text


def test_everything_is_plain_json() -> None:
    odd = TRAIN.assign(
        flag=pd.array([True, None] * (ROWS // 2), dtype="boolean"),
        kind=pd.Categorical([1, 2] * (ROWS // 2)),
        mixed=pd.Series([True, False, None, "x"] * (ROWS // 4), dtype=object),
        span=pd.to_timedelta(1, unit="D"),
        nothing=np.nan,
        imaginary=1j,
    )

    for document in (data_statistics(odd, odd, Y_TRAIN, Y_TRAIN), distributions(odd, odd)):
        assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_number_is_counted_over_the_rounded_deciles_of_development() -> None:
    counted = distributions(TRAIN, TEST)["income"]

    known = TRAIN["income"].dropna()
    edges = counted["edges"]
    bins = [-np.inf, *edges, np.inf]
    assert len(edges) == 9
    assert edges == [float(f"{known.quantile(step / 10):.4g}") for step in range(1, 10)]
    assert counted["development"] == pd.cut(known, bins).value_counts(sort=False).tolist()
    assert counted["holdout"] == pd.cut(TEST["income"], bins).value_counts(sort=False).tolist()
    assert counted["missing"] == {"development": 40, "holdout": 10}
    assert max(counted["development"]) - min(counted["development"]) <= 3


def test_a_category_is_counted_by_the_values_that_development_rows_share() -> None:
    train = pd.DataFrame({"home": ["rent"] * 30 + ["own"] * 25 + ["boat"] * 19 + [None]})
    test = pd.DataFrame({"home": ["own", "tent", "boat", None]})

    assert distributions(train, test)["home"] == {
        "kind": "category",
        "values": ["rent", "own", "(rare)"],
        "development": [30, 25, 19],
        "holdout": [0, 1, 2],
        "missing": {"development": 1, "holdout": 1},
    }


def test_a_date_is_not_counted() -> None:
    dated = pd.DataFrame({"born": pd.to_datetime(["1980-01-02", None])})

    assert distributions(dated, dated) == {}
    assert data_statistics(dated, dated, [0, 1], [0, 1])["statistics"]["born"] == {
        "kind": "other",
        "development": {"missing_share": 0.5},
        "holdout": {"missing_share": 0.5},
    }


def test_the_order_of_the_rows_and_of_the_holdouts_columns_never_matters() -> None:
    shuffled = TEST[::-1][["home", "income", "dependants"]]

    assert distributions(TRAIN, shuffled) == distributions(TRAIN, TEST)
    assert data_statistics(TRAIN, shuffled, Y_TRAIN, Y_TEST[::-1]) == data_statistics(
        TRAIN, TEST, Y_TRAIN, Y_TEST
    )


@pytest.mark.parametrize(
    ("train", "test", "y_test", "error", "says"),
    [
        (TRAIN, TEST[["home"]], Y_TEST, DataError, "got 2 in one of them only: dependants, income"),
        (TRAIN, TEST.assign(age=1), Y_TEST, DataError, "got 1 in one of them only: age"),
        (pd.concat([TRAIN, TRAIN], axis=1), TEST, Y_TEST, DataError, "two features have one name"),
        (TRAIN, TEST, Y_TEST[1:], DataError, r"expected 100 labels; got \(99,\)"),
        (TRAIN, TEST, [2, *Y_TEST[1:]], LabelError, "expected 0 or 1; got 1 others"),
        (TRAIN, TEST, [np.nan, *Y_TEST[1:]], LabelError, "expected 0 or 1; got 1 others"),
    ],
)
def test_parts_that_do_not_belong_together_are_an_error(
    train: pd.DataFrame, test: pd.DataFrame, y_test: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        data_statistics(train, test, Y_TRAIN, y_test)
