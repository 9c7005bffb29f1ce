"""Five fields of cron, checked where the spec is read and not first by the scheduler.

Airflow's own parser (croniter) is not used: a spec is also read where no Airflow is installed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

EXAMPLE = "for example '0 2 * * *'"
PART = re.compile(r"(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,2}))?")
LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
LAST_DAY = "l"


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        if text in self.words:
            return self.low + self.words.index(text)
        if text.isdigit() and self.low <= int(text) <= self.high:
            return int(text)
        words = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        raise ValueError(
            f"{self.name}: expected {self.low}-{self.high}{words}, got {text!r}; {EXAMPLE}"
        )


MINUTE = _Field("minute", 0, 59)
HOUR = _Field("hour", 0, 23)
DAY = _Field("day of the month", 1, 31)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = _Field("month", 1, 12, MONTHS)
WEEKDAY = _Field("weekday", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))  # 7: sun too


def check_cron(cron: str) -> str:
    """Return the expression if a scheduler can follow it.

    Each field takes ``*``, numbers, ranges, steps and lists of them; months and weekdays take
    names; the day of the month takes ``L``, the last.

    Raises
    ------
    ValueError
        A field is out of its bounds, or the date never comes (30 February).

    Examples
    --------
    >>> check_cron("*/15 8-18 * jan,jul mon-fri")
    '*/15 8-18 * jan,jul mon-fri'
    """
    fields = cron.lower().split()
    if len(fields) != len((MINUTE, HOUR, DAY, MONTH, WEEKDAY)):
        raise ValueError(f"expected five fields, {EXAMPLE}")
    minute, hour, day, month, weekday = fields
    for field, text in ((MINUTE, minute), (HOUR, hour), (WEEKDAY, weekday)):
        _numbers(field, text)
    months = _numbers(MONTH, month)
    if day == LAST_DAY:
        return cron
    days = _numbers(DAY, day)
    if weekday == "*" and min(days) > max(LONGEST.get(number, 31) for number in months):
        raise ValueError(f"day {day} never comes in month {month}")
    return cron


def _numbers(field: _Field, text: str) -> set[int]:
    return {number for part in text.split(",") for number in _part(field, part)}


def _part(field: _Field, text: str) -> range:
    found = PART.fullmatch(text)
    if found is None:
        raise ValueError(f"{field.name}: cannot read {text!r}; {EXAMPLE}")
    first, last, step = found.groups()
    low = field.low if first is None else field.number(first)
    high = low if last is None else field.number(last)
    if first is None or (last is None and step is not None):  # 5/10: from 5 on, every tenth
        high = field.high
    if low > high:
        raise ValueError(f"{field.name}: {text!r} runs backwards; write two ranges")
    if step is not None and not 1 <= int(step) <= field.high:
        raise ValueError(f"{field.name}: expected a step of 1 to {field.high}, got {step}")
    return range(low, high + 1, int(step or 1))
