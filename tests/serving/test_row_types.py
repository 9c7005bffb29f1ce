"""What a cell of each declared type may be, as the contract's severity has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from finrisk.serving.row_types import cell_type, example
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import good_document

REFUSED = object()


def at(*parts: int) -> datetime:
    """A moment by the clock of the model's nights, which no zone is said of."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


KINDS: dict[str, dict[str, Any]] = {
    "number": {"type": "number", "min": 0, "max": 10},
    "watched": {"type": "number", "min": 0, "max": 10, "severity": "warn"},
    "gap": {"type": "number", "nullable": True},
    "whole": {"type": "integer", "min": 1},
    "few": {"type": "integer", "values": [12, 24]},
    "flag": {"type": "boolean"},
    "word": {"type": "category", "values": ["own", 36]},
    "free": {"type": "category"},
    "odd": {"type": "category", "values": ["own"], "severity": "warn"},
    "day": {"type": "date", "min": "2000-01-01", "max": "2030-01-01"},
    "moment": {"type": "moment"},
    "note": {"type": "text"},
}


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    document = good_document()
    document["columns"] |= KINDS
    document["schedule"] = {"timezone": "Europe/Madrid"}
    return ModelSpec.model_validate(document)


@pytest.mark.parametrize(
    ("name", "cell", "read"),
    [
        ("number", "10", 10.0),
        ("number", "10.01", REFUSED),
        ("number", "null", REFUSED),
        ("number", "true", REFUSED),
        ("number", '"3"', REFUSED),
        ("number", "NaN", REFUSED),
        ("number", "1e999", REFUSED),
        ("watched", "10.01", 10.01),
        ("watched", "null", None),
        ("gap", "null", None),
        ("whole", "3", 3.0),
        ("whole", "3.0", 3.0),
        ("whole", "3.5", REFUSED),
        ("whole", "0", REFUSED),
        ("few", "12", 12.0),
        ("few", "13", REFUSED),
        ("flag", "true", True),
        ("flag", "1", REFUSED),
        ("flag", '"true"', REFUSED),
        ("word", '"own"', "own"),
        ("word", '"36"', "36"),
        ("word", '"OWN"', REFUSED),
        ("word", '""', REFUSED),
        ("word", "36", REFUSED),
        ("free", '"anything"', "anything"),
        ("free", '""', REFUSED),
        ("odd", '"yacht"', "yacht"),
        ("day", '"2024-03-31"', at(2024, 3, 31)),
        ("day", '"2024-03-31T23:30:00Z"', at(2024, 4, 1)),
        ("day", '"1999-12-31"', REFUSED),
        ("day", '"2030-01-02"', REFUSED),
        ("day", '"20240331"', REFUSED),
        ("day", '"2024-W13-7"', REFUSED),
        ("day", '"2024-02-30"', REFUSED),
        ("day", "1711843200", REFUSED),
        ("moment", '"2024-03-31T06:00:00"', at(2024, 3, 31, 6)),
        ("moment", '"2024-03-31 06:00:00.25"', at(2024, 3, 31, 6, 0, 0, 250000)),
        ("moment", '"2024-01-31T23:30:00Z"', at(2024, 2, 1, 0, 30)),
        ("moment", '"2024-01-31T23:30:00+05:00"', at(2024, 1, 31, 19, 30)),
        ("moment", '"9999-12-31T23:59:59-14:00"', REFUSED),
        ("moment", '"0001-01-01T00:00:00+14:00"', REFUSED),
        ("moment", '"٢٠٢٤-03-31"', REFUSED),
        ("note", '"a"', "a"),
        ("note", f'"{"a" * 1001}"', REFUSED),
    ],
)
def test_a_cell(spec: ModelSpec, name: str, cell: str, read: Any) -> None:
    adapter = TypeAdapter(cell_type(spec, name))

    if read is REFUSED:
        with pytest.raises(ValidationError):
            adapter.validate_json(cell)
    else:
        assert adapter.validate_json(cell) == read


def test_no_rule_of_values_holds_for_what_is_only_logged(spec: ModelSpec) -> None:
    adapter = TypeAdapter(cell_type(spec, "word", beside=True))

    assert [adapter.validate_json(cell) for cell in ('"yacht"', "null")] == ["yacht", None]


@pytest.mark.parametrize("name", KINDS)
def test_an_example_is_allowed(spec: ModelSpec, name: str) -> None:
    TypeAdapter(cell_type(spec, name)).validate_python(example(spec, name))
