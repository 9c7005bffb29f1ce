"""Between a row of the ledger and the frozen record that other rooms know."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from finrisk.ledger.schema import Base

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def as_record(record: type[R], row: Base, **others: Any) -> R:
    """Return the record whose fields are the row's columns, but for those in ``others``."""
    names = (field.name for field in dataclasses.fields(record))
    return record(
        **{name: others[name] if name in others else getattr(row, name) for name in names}
    )


def columns(record: DataclassInstance) -> dict[str, Any]:
    """Return a flat record's fields as column values; dates and words stay what they are."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
