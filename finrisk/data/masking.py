"""What may be shown of a value at fault: its shape, never the value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from finrisk.wording import counted

MOST_EXAMPLES = 5
LETTERS_SHOWN = 2


def masked(value: object) -> str:
    """Describe a value without giving it away.

    Examples
    --------
    >>> masked(1234567.89), masked(-3), masked("ES91 2100 0418"), masked(True)
    ('number of 7 digits', 'negative number of 1 digit', 'text of 14 characters', 'a boolean')
    """
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return _masked_number(float(value))
    if isinstance(value, date):
        return f"a date in {value.year}"
    if isinstance(value, str):
        return f"text of {counted(len(value), 'character')}"
    return f"a {type(value).__name__}"


def masked_category(text: str) -> str:
    """Show the first two letters of a category, enough to recognise a new one by.

    Examples
    --------
    >>> masked_category("marketplace"), masked_category("x")
    ('ma…', '…')
    """
    return f"{text[:LETTERS_SHOWN] if len(text) > LETTERS_SHOWN else ''}…"


def examples(descriptions: Iterable[str]) -> tuple[str, ...]:
    """Keep each description once, five at most, in order."""
    return tuple(dict.fromkeys(descriptions))[:MOST_EXAMPLES]


def _masked_number(value: float) -> str:
    if not math.isfinite(value):
        return "a number that is not finite"
    sign = "negative " if value < 0 else ""
    return f"{sign}number of {counted(len(str(int(abs(value)))), 'digit')}"
