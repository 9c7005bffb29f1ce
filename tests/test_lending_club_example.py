from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
DATA = SHARED / "lending_club_2007_2011.parquet"
OUTCOME_PREFIXES = (
    "total_pymnt",
    "total_rec_",
    "recoveries",
    "collection_recovery_fee",
    "last_pymnt_",
    "last_credit_pull_d",
    "out_prncp",
    "debt_settlement_",
    "settlement_",
    "funded_amnt_inv",
    "loan_status",
)


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_spec(ROOT / "conf" / "examples" / "lending_club.yaml")


@pytest.fixture(scope="module")
def columns_of_the_file() -> set[str]:
    if not DATA.exists():
        pytest.skip("the Lending Club file is not beside the repository (SHARED_DATA)")
    return set(pq.read_schema(DATA).names)


def test_no_feature_is_made_of_a_column_that_knows_the_outcome(spec: ModelSpec) -> None:
    assert not [c for c in spec.feature_columns if c.startswith(OUTCOME_PREFIXES)]


def test_a_loan_is_bad_when_charged_off_within_18_months(spec: ModelSpec) -> None:
    assert spec.label.performance_window_months == 18
    assert spec.label_columns == ("loan_status", "last_pymnt_d")


def test_the_search_is_small_enough_for_a_night(spec: ModelSpec) -> None:
    assert spec.training.search.max_configurations <= 8


def test_every_declared_column_is_in_the_file(
    spec: ModelSpec, columns_of_the_file: set[str]
) -> None:
    assert set(spec.columns) <= columns_of_the_file


def test_every_outcome_column_of_the_file_is_declared_a_leak(
    spec: ModelSpec, columns_of_the_file: set[str]
) -> None:
    outcome = {c for c in columns_of_the_file if c.startswith(OUTCOME_PREFIXES)}

    assert outcome - {"loan_status"} <= set(spec.leakage_columns) <= columns_of_the_file
