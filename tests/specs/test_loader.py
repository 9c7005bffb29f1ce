from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.errors import SpecError, UnknownModel
from finrisk.specs.loader import find_spec, load_spec, load_specs
from tests.specs.factories import CREDIT_RISK, changed, good_document, written

FAULTS = [
    ("candidats", [], "candidats: unknown key; did you mean 'candidates'?"),
    ("time.vintag", "day", "time.vintag: unknown key; did you mean 'vintage'?"),
    ("label.rule.kolumn", "bad", "kolumn"),
    ("source.zzz", 1, "expected one of path, format, digest_sidecar"),
    ("owner", ..., "owner: missing"),
    ("owner", 3, "owner: Input should be a valid string (got 3)"),
    ("name", "Loans!", "name: String should match pattern"),
    ("model_type", "churn", "model_type: Input should be 'credit_risk'"),
    ("headline_metric", "gini", "headline_metric"),
    ("schedule", {"cron": "nightly"}, "expected five fields"),
    ("schedule", {"timezone": "Mars/Base"}, "IANA time zone"),
    ("row_key", "nope", "row_key names 'nope', which 'columns' does not declare"),
    ("time.column", "nope", "time.column names 'nope'"),
    ("time.column", "income", "must have type date"),
    (
        "label.rule",
        {"kind": "dated_event", "column": "term", "equals": "x", "date_column": "income"},
        "label.rule.date_column 'income' must have type date",
    ),
    ("time.column", ..., "give either 'column' (dated rows) or 'release'"),
    ("time", {"release": {"nights": 9, "first_night": "2024-01-01"}}, "have vintage: day"),
    ("features", ["recovered"], "'recovered' knows the outcome"),
    ("features", ["bad"], "'bad' knows the outcome"),
    ("features", ["gender"], "'gender' is protected"),
    ("features", ["loan_id"], "'loan_id' is the row key"),
    ("features", ["opened"], "'opened' is the time"),
    ("features", ["term"], "has type text; derive a number"),
    ("features", ["income", "income"], "features names 'income' twice"),
    ("features", [{"name": "r", "ratio": ["home", "income"]}], "of type integer or number"),
    ("features", [], "features"),
    ("candidates.0.algorithm", "svm", "candidates.0.algorithm"),
    ("candidates.0.search", {"depth": [1]}, "has no parameter 'depth'"),
    ("candidates.0.search", {"C": []}, "search.C lists no value"),
    ("candidates.0.parameters", {"C": 1.0}, "both fixed and searched"),
    ("columns.income.min", 2e6, "min 2000000.0 is above max 1000000.0"),
    ("columns.home.min", 1, "'min' and 'max' go with type integer, number or date"),
    ("columns.income.values", [1], "'values' goes with type category"),
    ("columns.opened.min", 3, "a bound of a date column cannot be"),
    ("gate", {"holdout": {"min_bads": 900}}, "min_bads 900 is above target_bads 800"),
    ("gate", {"allowed_strong_features": ["x"]}, "'x', no feature"),
    ("gate", {"error_budget": {"alpha_year": 0.9}}, "gate.error_budget.alpha_year"),
]


@pytest.mark.parametrize(("path", "value", "said"), FAULTS, ids=[f"{p}={v}" for p, v, _ in FAULTS])
def test_a_fault_is_one_error_naming_file_key_and_what_was_expected(
    tmp_path: Path, path: str, value: object, said: str
) -> None:
    file = written(tmp_path, changed(path, value))

    with pytest.raises(SpecError) as caught:
        load_spec(file)

    assert str(file) in str(caught.value)
    assert said in str(caught.value)


def test_several_faults_are_listed_in_one_error(tmp_path: Path) -> None:
    document = changed("owner", ...)
    document["oops"] = 1

    with pytest.raises(SpecError, match=r"owner: missing; oops: unknown key"):
        load_spec(written(tmp_path, document))


def test_a_key_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("name: a\nname: b\n")

    with pytest.raises(SpecError, match="key 'name' stands twice"):
        load_spec(file)


@pytest.mark.parametrize("text", ["[1, 2]", "", "{:", "\x00"])
def test_a_file_that_is_no_mapping_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)

    with pytest.raises(SpecError, match=r"odd\.yaml"):
        load_spec(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path / "none.yaml")


def test_a_missing_folder_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="FINRISK_CONF"):
        load_specs([tmp_path / "none"])


def test_two_files_may_not_declare_one_name(tmp_path: Path) -> None:
    written(tmp_path, good_document(), "a.yaml")
    written(tmp_path, good_document(), "b.yaml")

    with pytest.raises(SpecError, match=r"b\.yaml: name 'loans' is already that of .*a\.yaml"):
        load_specs([tmp_path])


def test_two_models_may_not_share_a_registered_name(tmp_path: Path) -> None:
    written(tmp_path, good_document(), "a.yaml")
    written(tmp_path, changed("name", "other"), "b.yaml")

    with pytest.raises(SpecError, match="registered_name 'loans' is already that of loans"):
        load_specs([tmp_path])


def test_an_unknown_model_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    written(tmp_path, good_document())

    assert find_spec([tmp_path], "loans").name == "loans"
    with pytest.raises(UnknownModel, match=r"expected one of loans; remedy: did you mean loans\?"):
        find_spec([tmp_path], "loan")


def test_the_shipped_spec_loads() -> None:
    spec = load_spec(CREDIT_RISK)

    assert spec.name == "credit_risk"
    assert spec.feature_names[-1] == "loan_to_income"
    assert "loan_to_income" not in spec.feature_columns
