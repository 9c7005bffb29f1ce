from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from finrisk.data.contract_rules import profile_rules, row_rules
from finrisk.data.gx_adapter import Expectation
from tests.data.factories import DATED, a_spec, shipped_spec

AS_OF = date(2024, 6, 1)


def rules(column: str | None = None, **changes: Any) -> list[Expectation]:
    found = row_rules(a_spec(**changes), AS_OF, missing=(), ill_typed=())
    return [rule for rule in found if column is None or rule.column == column]


def checks(found: list[Expectation]) -> list[str]:
    return [rule.check for rule in found]


def test_every_column_has_its_type_and_only_declared_limits() -> None:
    assert checks(rules("income")) == ["type", "missing value", "range"]
    assert checks(rules("dependants")) == ["type"]
    assert checks(rules("home")) == ["type", "missing value", "unknown value"]
    assert checks(rules("id")) == ["type", "missing value", "missing key", "duplicate key"]


def test_a_columns_severity_is_for_its_values_and_the_schema_always_blocks() -> None:
    column = {"type": "number", "min": 0, "severity": "warn"}

    found = {rule.check: rule.severity for rule in rules("income", columns={"income": column})}

    assert found == {"type": "block", "missing value": "warn", "range": "warn"}


def test_dates_are_bounded_by_their_least_and_greatest() -> None:
    column = {"type": "date", "min": date(2000, 1, 1), "max": date(2030, 1, 1)}

    least, greatest = rules("opened", columns={"opened": column})[-2:]

    assert least.arguments == {"min_value": pd.Timestamp("2000-01-01")}
    assert greatest.arguments == {"max_value": pd.Timestamp("2030-01-01")}


def test_dates_without_a_value_have_no_least_and_no_greatest_to_ask_for() -> None:
    column = {"type": "date", "nullable": True, "min": date(2000, 1, 1), "max": date(2030, 1, 1)}
    spec = a_spec(columns={"married": column})

    found = row_rules(spec, AS_OF, missing=(), ill_typed=(), empty=("married",))

    assert checks([rule for rule in found if rule.column == "married"]) == ["type"]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("category", [36, 60.0, "12.0"], ["36", "60", "12"]),
        ("integer", [36, 60.0], [36, 60.0]),
        ("boolean", [1, "0.0"], [True, False]),
        ("boolean", ["true", False], [True, False]),
    ],
)
def test_declared_values_are_asked_for_as_they_land(
    kind: str, values: list[Any], expected: list[Any]
) -> None:
    found = rules("home", columns={"home": {"type": kind, "values": values}})[-1]

    value_set = found.arguments["value_set"]
    assert value_set == expected
    assert [type(v) for v in value_set] == [type(v) for v in expected]


def test_categories_are_compared_as_the_text_they_land_as() -> None:
    column = {"type": "category", "values": [1, "True", "x"]}

    assert rules("home", columns={"home": column})[-1].arguments == {
        "value_set": ["1", "true", "x"]
    }


@pytest.mark.parametrize(
    ("unknown_columns", "expected"), [("block", "block"), ("warn", "warn"), ("ignore", None)]
)
def test_unknown_columns_weigh_what_the_contract_says(
    unknown_columns: str, expected: str | None
) -> None:
    found = rules(contract={"unknown_columns": unknown_columns})

    severities = {rule.check: rule.severity for rule in found}
    assert severities.get("unknown column") == expected


def test_nothing_is_asked_of_columns_that_are_missing_or_ill_typed() -> None:
    found = row_rules(a_spec(), AS_OF, missing=("home",), ill_typed=("income", "id"))

    by_column = [(rule.column, rule.check) for rule in found if rule.column]
    assert not [c for c, _ in by_column if c == "home"]
    assert [check for c, check in by_column if c in ("income", "id")] == ["type", "type"]


def test_rows_without_a_key_are_not_asked_for_one() -> None:
    assert "duplicate key" not in checks(rules(row_key="file_position"))


def test_an_outcome_is_asked_to_come_after_its_row_where_it_has_a_date() -> None:
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}

    assert "outcome before row" not in checks(rules())
    assert "outcome before row" in checks(rules(columns=columns, label={"rule": DATED}))


def test_the_profile_is_asked_what_the_contract_sets() -> None:
    shipped = profile_rules(shipped_spec(), ["bureau_score"])
    bare = profile_rules(a_spec(contract={"rows_per_vintage": None}), [])

    assert [rule.check for rule in shipped] == [
        *("row count", "row count", "missing share", "label rate", "label rate"),
        *("freshness", "label feed"),
    ]
    assert [rule.severity for rule in shipped[:2]] == ["block", "warn"]
    assert [rule.check for rule in bare] == ["label rate", "label rate", "label feed"]
