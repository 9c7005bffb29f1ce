"""The types of a request's cells, made from a spec: strict, because nothing judged them before.

A rule of the contract that blocks a night also stops a row at the door: a missing cell, a word or a
number that the spec does not allow. Where the column's severity is ``warn`` the row is scored, as a
night would let it pass, and the monitors see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from finrisk.data.words import as_words
from finrisk.specs.data import Column
from finrisk.specs.model_spec import ModelSpec

LONGEST_TEXT = 1_000
LONGEST_ID = 200

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_TEXT)]
RowId = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=LONGEST_ID),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "description": "the row key"}
    ),
]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


def cell_type(spec: ModelSpec, name: str, *, beside: bool = False) -> Any:
    """Return the type of a column's cells in a request.

    Parameters
    ----------
    name : str
        A declared column, or a feature of the spec's windows: any finite number, or null.
    beside : bool
        The column is no feature: it is only logged, and no rule of its values holds.
    """
    if name not in spec.columns:
        return Number | None
    column = spec.columns[name]
    blocks = column.severity == "block" and not beside
    made = _typed(column, spec.schedule.timezone, blocks=blocks)
    nullable = column.nullable or not blocks
    return made | None if nullable else made


def feature_type(spec: ModelSpec, name: str) -> Any:
    """Return the type of a ready feature in a row of plain values, as the model sees it."""
    if name in spec.categorical_features:
        return cell_type(spec, name)
    if name in spec.columns and spec.columns[name].type != "boolean":
        return cell_type(spec, name)
    return Number | None


def day_type(spec: ModelSpec, name: str) -> Any:
    """Return the type of the time column: never null."""
    return _typed(spec.columns[name], spec.schedule.timezone, blocks=False)


def _typed(column: Column, timezone: str, *, blocks: bool) -> Any:
    if column.type in ("date", "moment"):
        return _times(column, timezone, blocks=blocks)
    if column.type == "boolean":
        return Annotated[bool, Field(strict=True)]
    if column.type in ("integer", "number"):
        return _numbers(column, blocks=blocks)
    if column.type == "category" and column.values is not None and blocks:
        return Literal[tuple(as_words(column.values, column.type))]
    return Text


def _numbers(column: Column, *, blocks: bool) -> Any:
    told: dict[str, Any] = {"type": column.type}
    limits: dict[str, Any] = {}
    if blocks:
        bounds = {"ge": column.min, "le": column.max}
        limits = {key: bound for key, bound in bounds.items() if bound is not None}
        told |= {_JSON_BOUNDS[key]: bound for key, bound in limits.items()}
    if column.type == "number":
        return Annotated[Number, Field(**limits)]
    whole: Any = Annotated[Number, Field(**limits), AfterValidator(_whole)]
    if blocks and column.values is not None:
        known = [int(value) for value in column.values]
        told = {"enum": known}
        return Annotated[whole, AfterValidator(_one_of(known)), WithJsonSchema(told)]
    return Annotated[whole, WithJsonSchema(told)]


_JSON_BOUNDS = {"ge": "minimum", "le": "maximum"}


def _whole(number: float) -> float:
    """JSON has one kind of number: 3.0 is the integer 3, and 3.5 is none."""
    if not number.is_integer():
        raise ValueError("expected a whole number")
    return number


def _one_of(known: list[int]) -> Callable[[float], float]:
    allowed, said = frozenset(map(float, known)), ", ".join(map(str, known))

    def check(number: float) -> float:
        if number not in allowed:
            raise ValueError(f"expected one of {said}")
        return number

    return check


def _times(column: Column, timezone: str, *, blocks: bool) -> Any:
    zone = ZoneInfo(timezone)
    low, high = (column.min, column.max) if blocks else (None, None)

    def read(text: str) -> datetime:
        moment = _read(text, zone)
        if isinstance(low, date) and moment.date() < low:
            raise ValueError(f"expected {low} at the earliest")
        if isinstance(high, date) and moment.date() > high:
            raise ValueError(f"expected {high} at the latest")
        return moment if column.type == "moment" else datetime.combine(moment.date(), time())

    written = "date" if column.type == "date" else "date-time"
    return Annotated[
        str,
        Field(strict=True, max_length=40),
        AfterValidator(read),
        WithJsonSchema({"type": "string", "format": written}),
    ]


def _read(text: str, zone: ZoneInfo) -> datetime:
    """Read ISO text by the clock of the model's nights; an offset moves it there."""
    if not (_DAY.fullmatch(text) or _MOMENT.fullmatch(text)):
        raise ValueError("expected a day such as 2024-03-31, or a moment such as 2024-03-31T06:00Z")
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise ValueError("expected a moment that there was") from None


def example(spec: ModelSpec, name: str) -> Any:  # one answer for each type
    """Return a cell that a request may carry: a value in the middle of what the spec allows.

    Examples
    --------
    >>> from finrisk.config import SHIPPED_CONF
    >>> from finrisk.specs.loader import load_spec
    >>> spec = load_spec(SHIPPED_CONF / "credit_risk.yaml")
    >>> example(spec, "loan_amount"), example(spec, "purpose")
    (30250.0, 'car')
    """
    column = spec.columns.get(name)
    if column is None:
        return 0.0
    if column.type == "boolean":
        return True
    if column.values is not None:
        word = as_words(column.values, column.type)[0]
        return int(word) if column.type == "integer" else word
    if column.type in ("date", "moment"):
        day = column.min or date(2024, 1, 15)
        return str(day) if column.type == "date" else f"{day}T12:00:00"
    if column.type in ("integer", "number"):
        low = float(column.min) if isinstance(column.min, int | float) else 0.0
        high = float(column.max) if isinstance(column.max, int | float) else low + 1.0
        middle = (low + high) / 2.0
        return int(middle) if column.type == "integer" else middle
    return "text"
