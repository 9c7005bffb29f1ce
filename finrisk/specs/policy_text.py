"""A gate policy as commented YAML: every figure with what it is now, its unit and its reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

WIDTH = 40


def policy_text(policy: BaseModel, key: str = "gate") -> str:
    """Return the policy in force, defaults included, as YAML that a spec could hold.

    Examples
    --------
    >>> from finrisk.specs.policy import Floors
    >>> print(policy_text(Floors(auc=0.7), "floors"))
    floors:
      auc: 0.7                               # below, a scorecard is of no use to a lender
      ks: 0.1                                # separation of goods and bads at the best cut-off
      average_precision: null                # of rare bads, where chance gives the bad rate
    """
    return "\n".join([f"{key}:", *_lines(policy, 1)])


def _lines(part: BaseModel, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _lines(value, depth + 1)
        else:
            yield f"{pad}{name}: {_flow(value)}".ljust(WIDTH) + f" # {field.description}"


def _flow(value: Any) -> str:
    """Write a value on one line, nested models as their set fields."""
    plain = _plain(value)
    return str(yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)).split(
        "\n"
    )[0]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value
