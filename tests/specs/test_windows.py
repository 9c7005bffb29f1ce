"""A spec of a fraud model that could know the future, or count too little, is refused when read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.windows import Window

FRAUD = Path(__file__).parents[2] / "conf" / "models" / "fraud.yaml"
GOOD = yaml.safe_load(FRAUD.read_text(encoding="utf-8"))


def changed(path: str, value: object) -> dict[str, Any]:
    """The shipped fraud spec with one key set; ``...`` deletes it."""
    document = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    place: Any = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


def test_the_shipped_spec_names_its_features_and_how_far_they_look_back() -> None:
    spec = ModelSpec.model_validate(GOOD)

    assert spec.feature_names[:4] == ("amount", "merchant_category", "weekend", "night")
    assert spec.window_features[0] == "customer_count_1d"
    assert spec.window_features[-1] == "terminal_bad_share_30d"
    assert spec.look_back_days == 37
    assert spec.gate.error_budget.looks_per_year == 365
    assert spec.missing_days == "block"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("windows.1.shift_days", 6, "would know labels before they are believed"),
        ("windows.0.entity", "merchant", "windows.customer names 'merchant'"),
        ("windows.0.mean", "merchant_category", "mean goes with a numeric column"),
        ("windows.0.name", "terminal", "windows name 'terminal' twice"),
        ("windows.0.days", [1, 1], "name a length twice"),
        ("windows.0.entity", "transaction_id", "or the row key, is no past"),
        ("row_key", "file_position", "windows need a row_key of their own"),
        ("training.max_vintages", ..., "windows need time.column, and training.max_vintages"),
        ("label.performance_window_months", 1, "windows go with a label of days"),
        ("contract.missing_days", "warn", "windows need contract.missing_days: block"),
        ("columns.transaction_time.type", "date", "needs 'transaction_time' of type moment"),
        ("gate.holdout.embargo_days", 6, "embargo_days 6 is below the label's 7 days"),
        ("training.prequential.delay_days", 6, "delay_days 6 is below the label's 7 days"),
        ("training.min_vintages", 20, "below the 21 days that one prequential fold takes"),
        ("training.max_vintages", 27, "below the 28 days that 2 prequential folds take"),
        ("gate.alerts", ..., "a fraud model needs gate.alerts"),
        ("gate.alerts.card", "card", "gate.alerts.card names 'card'"),
        ("contract.levels", {"merchant_category": {}}, "which is no number"),
        ("candidates.2.monotonic", {"amount": "increasing"}, "knows no labels"),
        ("candidates.2.parameters", {"max_samples": 1}, "max_samples: expected a whole number"),
    ],
)
def test_what_could_know_too_much_or_count_too_little_is_refused(
    path: str, value: object, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(changed(path, value))

    assert said in str(caught.value)


def test_a_time_of_days_has_no_window_that_ends_with_the_row() -> None:
    document = changed("columns.transaction_time.type", "date")
    document["features"] = ["amount"]
    document["contract"]["rows_per_hour"] = None

    with pytest.raises(ValidationError, match="would hold the rest of the row's day"):
        ModelSpec.model_validate(document)


def test_without_a_delay_a_bad_share_still_ends_a_day_before_its_row() -> None:
    document = changed("label.reporting_lag_days", 0)
    document["windows"][1]["shift_days"] = 0

    with pytest.raises(ValidationError, match="expected at least 1"):
        ModelSpec.model_validate(document)


def test_windows_that_measure_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="measure nothing"):
        Window(name="card", entity="card", days=(1,), count=False)
