from __future__ import annotations

from finrisk.features.definitions import feature_definitions, redefined
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import changed, good_document

NOW = feature_definitions(ModelSpec.model_validate(good_document()))


def test_every_feature_has_a_digest_of_its_own() -> None:
    assert list(NOW) == ["income", "home", "credit_age", "loan_to_income", "term_months"]
    assert len(set(NOW.values())) == len(NOW)


def test_another_limit_of_a_column_leaves_the_feature_what_it_was() -> None:
    wider = ModelSpec.model_validate(changed("columns.income.max", 2e6))

    assert redefined(NOW, feature_definitions(wider)) == ()


def test_another_type_or_another_formula_is_another_feature() -> None:
    document = changed("columns.amount.type", "integer")
    document["features"][4] = {"name": "term_months", "leading_number": "home"}

    found = redefined(NOW, feature_definitions(ModelSpec.model_validate(document)))

    assert found == ("loan_to_income", "term_months")


def test_a_feature_that_is_gone_is_named_and_a_new_one_is_not() -> None:
    document = good_document()
    document["features"] = ["income", "amount"]

    found = redefined(NOW, feature_definitions(ModelSpec.model_validate(document)))

    assert found == ("home", "credit_age", "loan_to_income", "term_months")
