"""Partitions that hold one day each and carry it in their names: 2024-03-01.parquet.

So a night opens the days it needs and no other, a day that is delivered twice is seen, and so is a
row that says another day than its file: somebody's clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

NAMED_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class DayRange:
    """Event days, both ends included; ``first`` None: all before ``last``."""

    first: date | None
    last: date

    def __contains__(self, day: date) -> bool:
        """Say whether a day is within."""
        return day <= self.last and (self.first is None or day >= self.first)


def day_of(name: str) -> date | None:
    """Return the one day that a file's name carries; None where it carries none, or several.

    Examples
    --------
    >>> day_of("2024/tx_2024-03-01.parquet"), day_of("march.parquet"), day_of("2024-02-30.csv")
    (datetime.date(2024, 3, 1), None, None)
    """
    found = NAMED_DAY.findall(PurePosixPath(name).name)
    if len(found) != 1:
        return None
    try:
        return date.fromisoformat(found[0])
    except ValueError:
        return None


def chosen_days(names: Iterable[str], days: DayRange) -> tuple[list[str], list[str]]:
    """Choose the files of a range of days by their names.

    Returns
    -------
    chosen, problems
        Files without a day in their name, and days that two files carry, are problems; of a day
        that stands twice no file is chosen.
    """
    by_day: dict[date, list[str]] = {}
    problems = []
    for name in names:
        day = day_of(name)
        if day is None:
            problems.append(f"{name}: carries no day; remedy: name it by its day, as 2024-03-01")
        elif day in days:
            by_day.setdefault(day, []).append(name)
    chosen = []
    for day, files in by_day.items():
        if len(files) == 1:
            chosen += files
        else:
            problems.append(
                f"{day} was delivered twice: {', '.join(files)}; remedy: remove one, or deliver a "
                "correction as a revision (~2)"
            )
    return chosen, problems
