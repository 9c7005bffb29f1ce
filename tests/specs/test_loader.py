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
    ("schedule", {"cron": "0 25 * * *"}, "hour: expected 0-23, got '25'"),
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
    ("candidates.0.search", {"C": ["low"]}, "lr.C: expected a number above 0, got 'low'"),
    ("candidates.0.parameters", {"l1_ratio": 2}, "lr.l1_ratio: expected a number from 0 to 1"),
    ("candidates.0.parameters", {"tol": [1, 2]}, "several values to try go under 'search'"),
    ("candidates.0.parameters", {"tol": None}, "parameters.tol: expected one number or word"),
    ("columns._label", {"type": "integer"}, "'_label': expected a name that does not start"),
    ("training", {"max_vintages": 3}, "max_vintages 3 is below min_vintages 4"),
    ("candidates.0.parameters", {"C": 1.0}, "both fixed and searched"),
    ("columns.home.values", [True, False], "quote yes, no"),
    ("columns.income", {"type": "integer", "values": ["a"]}, "an integer's values are numbers"),
    ("columns.income.max_missing", 0.1, "'max_missing' goes with nullable: true"),
    ("columns.loan_id.nullable", True, "row_key 'loan_id' cannot be nullable"),
    ("label.rule.good", [1], "1 is named twice among bad, good and indeterminate"),
    ("leakage_columns", ["recoverd"], "did you mean 'recovered'?"),
    ("contract", {"label_rate": {"min": 0.5, "max": 0.2}}, "min 0.5 is above max 0.2"),
    ("contract", {"rows_per_vintage": {"min_ratio": 3}}, "min_ratio 3.0 is above max_ratio"),
    ("columns.income.min", 2e6, "min 2000000.0 is above max 1000000.0"),
    ("columns.home.min", 1, "'min' and 'max' go with type integer, number, date or moment"),
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


def test_a_broken_file_of_another_model_stops_no_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path, good_document())
    other = written(tmp_path, changed("name", "other") | {"oops": 1}, "other.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfa")

    spec = find_spec([tmp_path], "loans")

    assert spec.name == "loans"
    assert f"{other}: oops: unknown key" in caplog.text
    assert "binary.yaml: not YAML" in caplog.text
    with pytest.raises(SpecError):
        load_specs([tmp_path])


def test_the_models_own_broken_file_is_named(tmp_path: Path) -> None:
    written(tmp_path, changed("name", "sound"), "sound.yaml")
    written(tmp_path, changed("name", "other") | {"bad": 1}, "other.yaml")
    written(tmp_path, good_document() | {"oops": 1})

    with pytest.raises(SpecError, match=r"no model 'loans'.*loans\.yaml: oops") as caught:
        find_spec([tmp_path], "loans")

    assert "expected one of sound" in str(caught.value)
    assert "other.yaml" not in str(caught.value)


@pytest.mark.parametrize("text", ["name: {{ model }}\n", "{name: loans, x", "\x00"])
def test_a_broken_file_that_hides_its_name_may_be_the_models(tmp_path: Path, text: str) -> None:
    (tmp_path / "hidden.yaml").write_text(text)

    with pytest.raises(SpecError, match=r"no model 'loans'.*broken: .*hidden\.yaml"):
        find_spec([tmp_path], "loans")


def test_an_unreadable_file_may_be_the_models(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")

    with pytest.raises(SpecError, match=r"no model 'loans'.*gone\.yaml: cannot be read"):
        find_spec([tmp_path], "loans")


def test_a_broken_file_of_another_name_leaves_the_model_unknown(tmp_path: Path) -> None:
    written(tmp_path, changed("name", "other") | {"oops": 1}, "other.yaml")

    with pytest.raises(UnknownModel, match="no model 'loans'; expected one of none declared"):
        find_spec([tmp_path], "loans")


@pytest.mark.parametrize("name", ["loans", "other"])
def test_a_model_is_not_found_beside_its_double(tmp_path: Path, name: str) -> None:
    written(tmp_path, good_document(), "a.yaml")
    written(tmp_path, changed("name", name), "b.yaml")

    with pytest.raises(SpecError, match=r"b\.yaml: (registered_)?name 'loans' is already that of"):
        find_spec([tmp_path], "loans")


def test_doubles_among_other_models_stop_no_step(tmp_path: Path) -> None:
    written(tmp_path, changed("registered_name", "mine"), "a.yaml")
    for file in ("b.yaml", "c.yaml"):
        written(tmp_path, changed("name", "other"), file)

    assert find_spec([tmp_path], "loans").registered_name == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min: 2024-02-30", "'2024-02-30': day is out of range for month"),
        ("name: {{ model }}", "a key is a word; quote text that holds braces"),
        ("a: {<<: 3}", "expected a mapping"),
        ("a: " + "[" * 5000, "not YAML"),
        ("a: {<<: {b: 1}, <<: {c: 2}}", "key '<<' stands twice"),
        ("- 2024-13-01: 1", "line 1, column 3"),
    ],
)
def test_a_value_yaml_cannot_make_is_an_error_of_the_file(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)

    with pytest.raises(SpecError) as caught:
        load_spec(file)

    assert f"{file}: not YAML" in str(caught.value)
    assert said in str(caught.value)


def test_defaults_can_be_merged_and_overridden(tmp_path: Path) -> None:
    file = written(tmp_path, good_document())
    plain = "  income:\n    type: number\n    min: 0\n    max: 1000000.0\n"
    merged = "  income: &money {type: number, min: 0, max: 1e6}\n"
    merged += "  limit: &limit {<<: *money, max: 5}\n  other: {<<: *limit, min: 1}\n"
    assert plain in file.read_text()
    file.write_text(file.read_text().replace(plain, merged))

    columns = load_spec(file).columns

    assert (columns["income"].min, columns["income"].max) == (0, 1e6)
    assert (columns["limit"].min, columns["limit"].max) == (0, 5)
    assert (columns["other"].type, columns["other"].min, columns["other"].max) == ("number", 1, 5)


def test_a_default_merged_before_it_is_built_repeats_no_key(tmp_path: Path) -> None:
    file = tmp_path / "nested.yaml"
    file.write_text("name: &a {x: 1}\ntime: {<<: &b {<<: *a, x: 2}, again: *b}\n")

    with pytest.raises(SpecError) as caught:
        load_spec(file)

    assert "stands twice" not in str(caught.value)


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-03", ".1e-2", "1.e-3", "1.0e-3"])
def test_a_number_may_be_written_with_an_exponent(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, changed("candidates.0.search.C", ["@"]))
    file.write_text(file.read_text().replace("'@'", text))

    assert load_spec(file).candidates[0].search["C"] == (0.001,)


def test_text_in_quotes_stays_text(tmp_path: Path) -> None:
    file = written(tmp_path, changed("owner", "1e-3"))
    file.write_text(file.read_text().replace("owner: 1e-3", "owner: '1e-3'"))

    assert load_spec(file).owner == "1e-3"


def test_the_shipped_spec_loads() -> None:
    spec = load_spec(CREDIT_RISK)

    assert spec.name == "credit_risk"
    assert spec.feature_names[-1] == "loan_to_income"
    assert "loan_to_income" not in spec.feature_columns
