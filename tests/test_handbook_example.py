from __future__ import annotations

import importlib.util
import os
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow.parquet as pq
import pytest

from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
DATA = SHARED / "fdh_simulated_raw.parquet"
ANSWER_KEY = "TX_FRAUD_SCENARIO"
CUSTOMERS = 400


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_spec(ROOT / "conf" / "examples" / "handbook_fraud.yaml")


@pytest.fixture(scope="module")
def handbook() -> ModuleType:
    found = importlib.util.spec_from_file_location("handbook", ROOT / "benchmarks" / "handbook.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data() -> Path:
    if not DATA.exists():
        pytest.skip("the Handbook's file is not beside the repository (SHARED_DATA)")
    return DATA


@pytest.fixture(scope="module")
def few_cards(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("handbook") / "few.parquet"
    pq.write_table(pq.read_table(data, filters=[("CUSTOMER_ID", "<", CUSTOMERS)]), path)
    return path


def test_the_features_are_the_handbooks_fourteen_and_the_amount(spec: ModelSpec) -> None:
    lengths = ("1d", "7d", "30d")
    of_the_past = [
        f"{of}_{n}"
        for of in ("customer_count", "customer_mean", "terminal_count", "terminal_bad_share")
        for n in lengths
    ]
    assert list(spec.feature_names) == ["TX_AMOUNT", "weekend", "night", *of_the_past]


def test_no_terminals_label_is_known_before_its_delay(spec: ModelSpec) -> None:
    delay = spec.label.reporting_lag_days

    assert delay == 7
    assert [w.shift_days for w in spec.windows if w.bad_share] == [delay]
    assert spec.gate.holdout.embargo_days == delay
    assert spec.training.prequential is not None
    assert spec.training.prequential.delay_days == delay


def test_the_simulators_answer_key_is_a_leak(spec: ModelSpec) -> None:
    assert ANSWER_KEY in spec.leakage_columns
    assert ANSWER_KEY not in spec.feature_columns


def test_a_years_budget_is_split_over_its_days_and_the_headline_is_for_rare_bads(
    spec: ModelSpec,
) -> None:
    assert spec.gate.error_budget.looks_per_year == 365
    assert spec.headline_metric == "average_precision"
    assert spec.gate.clusters == ("CUSTOMER_ID", "TERMINAL_ID")


def test_the_bins_are_not_the_librarys_few(spec: ModelSpec) -> None:
    parameters = spec.candidate("xgboost").parameters

    assert (parameters["max_bin"], parameters["base_score"]) == (4096, 0.5)


def test_every_declared_column_is_in_the_file(spec: ModelSpec, data: Path) -> None:
    assert {*spec.columns, *spec.leakage_columns} <= set(pq.read_schema(data).names)


def test_cards_whose_fraud_is_known_leave_the_tested_week(handbook: ModuleType) -> None:
    first = date(2018, 7, 25)
    rows = pd.DataFrame(
        [
            ("found out", 6, 1),  # the last day trained on
            ("found out", 14, 1),
            ("found out late", 8, 1),
            ("found out late", 15, 0),
            ("found out late", 16, 0),
            ("unknown yet", 9, 1),
            ("unknown yet", 15, 1),
        ],
        columns=["CUSTOMER_ID", "day", "TX_FRAUD"],
    )
    rows["_event_day"] = pd.Timestamp(first) + pd.to_timedelta(rows["day"], "D")

    train, test = handbook.split(rows, first)

    assert train["day"].tolist() == [6]
    assert list(zip(test["CUSTOMER_ID"], test["day"], strict=True)) == [
        ("found out late", 15),
        ("unknown yet", 15),
    ]


def test_what_is_searched_ends_before_the_oldest_tested_day(handbook: ModuleType) -> None:
    starts = [start for part in handbook.TRAINED_FROM.values() for start in part]

    assert min(starts) + timedelta(days=14) == handbook.FIRST_TEST_DAY
    assert max(starts) + timedelta(days=20) == handbook.LAST_TEST_DAY


def test_a_few_cards_go_the_whole_way(
    handbook: ModuleType, spec: ModelSpec, few_cards: Path
) -> None:
    candidate = spec.candidate("xgboost")
    recipe = Recipe(candidate.algorithm, FeatureKinds.of(spec), 1, 1, headline=spec.headline_metric)
    rows = handbook.handbook_rows(few_cards, spec, threads=1)
    train, test = handbook.split(rows, handbook.SINGLE)

    figures, _, _ = handbook.judged(
        train, test, spec, recipe, {**candidate.parameters, "n_estimators": 30, "max_depth": 3}
    )

    assert not rows.isna()[list(spec.feature_columns)].to_numpy().any()
    assert figures[0] > 0.6  # the terminals of a few cards tell less
    assert all(0.0 < figure <= 1.0 for figure in figures)
