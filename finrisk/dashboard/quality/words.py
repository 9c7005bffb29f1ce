"""Which checks of the contract fail again and again, from the nights' reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from finrisk.dashboard.quality.queries import FailedCheck, Night

BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Repeated:
    """One check of one column, over the nights.

    Parameters
    ----------
    severity : str
        The worst it ever had: ``block`` or ``warn``.
    nights : int
        In how many of the nights it failed.
    in_a_row : int
        How many of the newest nights it failed without a night between.
    """

    check: str
    column: str | None
    severity: str
    nights: int
    in_a_row: int
    last: date
    failing: int

    @property
    def name(self) -> str:
        """How it is named in a picture."""
        return named(self)


def named(of: Repeated | FailedCheck) -> str:
    """Return a check with its column.

    Examples
    --------
    >>> named(FailedCheck("range", "amount", "block", 3)), named(FailedCheck("level", None, "", 1))
    ('range: amount', 'level')
    """
    return of.check if of.column is None else f"{of.check}: {of.column}"


def repeated(nights: Sequence[Night]) -> list[Repeated]:
    """Return every check that failed, the most frequent first.

    Parameters
    ----------
    nights : sequence of Night
        Oldest first.
    """
    failed: dict[str, list[tuple[date, FailedCheck]]] = {}
    for night in nights:
        for of in {named(check): check for check in night.failed}.values():
            failed.setdefault(named(of), []).append((night.line.as_of, of))
    newest_first = [night.line.as_of for night in reversed(nights)]
    found = [_repeated(of, newest_first) for of in failed.values()]
    return sorted(found, key=lambda r: (-r.nights, r.severity != BLOCK, r.name))


def _repeated(of: list[tuple[date, FailedCheck]], newest_first: list[date]) -> Repeated:
    days = {day for day, _ in of}
    in_a_row = next((n for n, day in enumerate(newest_first) if day not in days), len(newest_first))
    last, check = of[-1]
    return Repeated(
        check=check.check,
        column=check.column,
        severity=BLOCK if any(one.severity == BLOCK for _, one in of) else check.severity,
        nights=len(days),
        in_a_row=in_a_row,
        last=last,
        failing=check.failing,
    )
