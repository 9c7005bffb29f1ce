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


FOREST = {"name": "forest", "algorithm": "random_forest"}
LEAVES = {"min_samples_leaf": {"low": 20, "high": 200, "log": True}}


@pytest.mark.parametrize("algorithm", ["xgboost", "random_forest"])
def test_risk_may_be_bound_to_move_one_way_with_any_numeric_feature(algorithm: str) -> None:
    bound = {"income": "decreasing", "credit_age": "decreasing", "loan_to_income": "increasing"}
    one = FOREST | {"algorithm": algorithm, "monotonic": bound}

    assert ModelSpec.model_validate(changed("candidates", [one])).candidate("forest").monotonic


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (
            FOREST | {"monotonic": {"home": "increasing"}},
            "forest.monotonic names 'home', no numeric feature; expected one of income, credit_age",
        ),
        (FOREST | {"monotonic": {"incomes": "increasing"}}, "names 'incomes', no numeric feature"),
        (FOREST | {"monotonic": {"amount": "increasing"}}, "names 'amount', no numeric feature"),
        (FOREST | {"monotonic": {"income": "up"}}, "'increasing' or 'decreasing'"),
        (
            {
                "name": "lr",
                "algorithm": "logistic_regression",
                "monotonic": {"income": "decreasing"},
            },
            "lr.monotonic: logistic regression takes no constraint.*use xgboost or random_forest",
        ),
        (
            FOREST | {"search": LEAVES},
            "forest.search.min_samples_leaf is a range.*set training.search.method: optuna",
        ),
    ],
)
def test_a_candidate_that_does_not_fit_the_model_is_refused_with_a_remedy(
    candidate: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        ModelSpec.model_validate(changed("candidates", [candidate]))


def test_a_range_goes_with_optuna_and_how_it_is_searched_is_part_of_the_digest() -> None:
    document = changed("candidates", [FOREST | {"search": LEAVES}])
    searched = [
        ModelSpec.model_validate(document | {"training": {"search": {"method": "optuna"} | more}})
        for more in ({}, {"max_configurations": 25})
    ]
    listed = ModelSpec.model_validate(good_document())
    by_optuna = ModelSpec.model_validate(
        good_document() | {"training": {"search": {"method": "optuna"}}}
    )
    wider = changed("candidates.0.search.C", [0.1, 1.0, 3.0])

    digests = {spec.sha256 for spec in (*searched, listed, by_optuna)}
    assert len(digests) == 4
    assert ModelSpec.model_validate(wider).sha256 not in digests


def test_a_constraint_is_part_of_the_digest() -> None:
    free, bound = (
        ModelSpec.model_validate(changed("candidates", [FOREST | {"monotonic": monotonic}]))
        for monotonic in ({}, {"income": "decreasing"})
    )

    assert free.sha256 != bound.sha256
