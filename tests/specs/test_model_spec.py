from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from finrisk.errors import ConfigurationError
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import changed, good_document, written


def test_feature_columns_are_the_declared_columns_behind_the_features() -> None:
    spec = ModelSpec.model_validate(good_document())

    assert spec.feature_names == ("income", "home", "credit_age", "loan_to_income", "term_months")
    assert spec.feature_columns == ("income", "home", "first_credit", "opened", "amount", "term")


def test_label_columns_follow_the_rule() -> None:
    dated = {"kind": "dated_event", "column": "term", "contains": "x", "date_column": "opened"}
    reports = {"kind": "reports", "path": "r", "key": "loan_id", "event_date": "d"}

    def label_columns(rule: dict[str, str]) -> tuple[str, ...]:
        document = changed("label.rule", rule)
        document["features"] = ["income"]
        return ModelSpec.model_validate(document).label_columns

    assert label_columns(dated) == ("term", "opened")
    assert label_columns(reports) == ()


def test_a_dated_event_needs_one_condition() -> None:
    rule = {"kind": "dated_event", "column": "term", "date_column": "opened"}

    with pytest.raises(ValidationError, match="either 'contains' or 'equals'"):
        ModelSpec.model_validate(changed("label.rule", rule))


def test_the_digest_is_of_the_meaning_not_of_the_file(tmp_path: Path) -> None:
    document = good_document()
    reordered = dict(reversed(document.items()))

    one = load_spec(written(tmp_path, document, "a.yaml"))
    other = load_spec(written(tmp_path, reordered, "b.yaml"))

    assert one.sha256 == other.sha256
    assert one.sha256 != ModelSpec.model_validate(changed("owner", "else")).sha256


def test_candidates_are_found_by_name() -> None:
    spec = ModelSpec.model_validate(good_document())

    assert spec.candidate("lr").algorithm == "logistic_regression"
    with pytest.raises(ConfigurationError, match="expected one of lr"):
        spec.candidate("none")


@pytest.mark.parametrize(
    ("vintage", "given", "looks"),
    [("month", {}, 12), ("day", {}, 365), ("day", {"looks_per_year": 52}, 52)],
)
def test_looks_a_year_follow_the_vintage_unless_told_another(
    vintage: str, given: dict[str, int], looks: int
) -> None:
    document = changed("time.vintage", vintage)
    document["gate"] = {"error_budget": given}

    assert ModelSpec.model_validate(document).gate.error_budget.looks_per_year == looks
