"""Plain values give the very features that frames give."""

from __future__ import annotations

import json
import math
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.config import SHIPPED_CONF
from finrisk.features.derive import derive_features
from finrisk.serving.plain_features import PlainDerivation
from finrisk.serving.requests import MOST_DAYS, RequestSchema
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import good_document

EXAMPLES = SHIPPED_CONF.parent / "examples"
SPECS = sorted((*SHIPPED_CONF.glob("*.yaml"), *EXAMPLES.glob("*.yaml")))
TODAY = date(2026, 3, 1)
WORDS = ("10+ years", "< 1 year", " 36 months", "n/a", "-3.5", "a-7", "9" * 400, "٣", "True", "1.0")


def some_cell(spec: ModelSpec, name: str, chance: random.Random) -> Any:
    column = spec.columns.get(name)
    if column is None or (column.nullable and chance.random() < 0.3):
        return chance.choice([None, 0.0, 3.25, -1e12]) if column is None else None
    if column.values is not None:
        return chance.choice([*column.values])
    if column.type in ("category", "text"):
        return chance.choice(WORDS)
    if column.type == "boolean":
        return chance.random() < 0.5
    if column.type in ("date", "moment"):
        low = column.min if isinstance(column.min, date) else date(1990, 1, 1)
        if name == spec.time.column:
            low = max(low, TODAY - timedelta(days=MOST_DAYS - 1))
        day = date.fromordinal(chance.randint(low.toordinal(), TODAY.toordinal()))
        return str(day) if column.type == "date" else f"{day}T{chance.randint(0, 23):02}:59:00.25"
    low_number = float(column.min) if isinstance(column.min, int | float) else -1e6
    high = float(column.max) if isinstance(column.max, int | float) else 1e6
    number = chance.choice([low_number, high, chance.uniform(low_number, high)])
    return math.floor(number) if column.type == "integer" else number


def landed(rows: list[dict[str, Any]], spec: ModelSpec) -> pd.DataFrame:
    """The same cells as landing types them."""
    frame = pd.DataFrame(rows)
    for name in frame.columns:
        column = spec.columns.get(name)
        if column is None or column.type in ("integer", "number"):
            frame[name] = frame[name].astype("float64")
        elif column.type in ("date", "moment"):
            frame[name] = pd.to_datetime(frame[name], format="ISO8601").astype("datetime64[us]")
        elif column.type == "boolean":
            frame[name] = frame[name].astype("boolean")
        else:
            frame[name] = frame[name].astype("str")
    return frame


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_request_gives_the_features_that_a_landed_table_gives(path: Path) -> None:
    spec, chance = load_spec(path), random.Random(7)
    schema = RequestSchema.of(spec, spec.feature_names)
    names = (*spec.feature_columns, *spec.window_features)
    rows = [{name: some_cell(spec, name, chance) for name in names} for _ in range(300)]
    words = {n for n in names if n in spec.columns and spec.columns[n].type == "category"}
    told = [{n: _as_word(c) if n in words else c for n, c in row.items()} for row in rows]

    asked = schema.to_score(
        json.dumps({"rows": [{"features": row} for row in told]}).encode(), TODAY
    )

    expected = derive_features(landed(respelt(told, words), spec), spec)
    pd.testing.assert_frame_equal(
        schema.derivation.frame(asked.features), expected, check_exact=True, check_dtype=True
    )


def _as_word(cell: Any) -> Any:
    return cell if cell is None else str(cell)


def respelt(rows: list[dict[str, Any]], words: set[str]) -> list[dict[str, Any]]:
    """Landing spells a whole number without a fraction, and Python's truths in small letters."""
    spelt = {"True": "true", "1.0": "1"}
    return [{n: spelt.get(c, c) if n in words else c for n, c in row.items()} for row in rows]


@pytest.mark.parametrize(
    ("feature", "cells", "expected"),
    [
        ({"ratio": ["amount", "income"]}, {"amount": 1.0, "income": 0.0}, math.nan),
        ({"ratio": ["amount", "income"]}, {"amount": 1e308, "income": 1e-308}, math.nan),
        ({"ratio": ["amount", "income"]}, {"amount": 900.0, "income": 3000.0}, 0.3),
        ({"leading_number": "term"}, {"term": "9" * 400}, math.nan),
        ({"leading_number": "term"}, {"term": "10+ years"}, 10.0),
        (
            {"months_between": ["first_credit", "opened"]},
            {"first_credit": "2003-01-15", "opened": "2007-12-14"},
            58.0,
        ),
        (
            {"months_between": ["first_credit", "opened"]},
            {"first_credit": None, "opened": "2007-12-14"},
            math.nan,
        ),
    ],
)
def test_a_derived_feature(feature: dict[str, Any], cells: dict[str, Any], expected: float) -> None:
    document = good_document()
    document["features"] = [{"name": "derived", **feature}]
    for name in ("amount", "income"):
        document["columns"][name] = {"type": "number"}
    spec = ModelSpec.model_validate(document)
    schema = RequestSchema.of(spec, spec.feature_names)

    today = date(2007, 12, 31)  # "opened" is the day of the row
    asked = schema.to_predict(json.dumps({"features": cells}).encode(), today)

    np.testing.assert_equal(asked.features.numbers, [[expected]])


def test_ready_features_stand_in_the_order_of_the_model() -> None:
    spec = load_spec(SHIPPED_CONF / "credit_risk.yaml")
    derivation = PlainDerivation.of(spec)
    order = ("purpose", "loan_to_income", "income")

    features = derivation.ready([["car", 0.5, None], ["home", None, 900.0]], order)

    frame = derivation.frame(features)
    assert frame["purpose"].tolist() == ["car", "home"]
    np.testing.assert_equal(frame["loan_to_income"].to_numpy(), [0.5, math.nan])
    np.testing.assert_equal(frame["income"].to_numpy(), [math.nan, 900.0])
    assert frame["channel"].tolist() == ["missing", "missing"]
