"""What the looks of a year have cost, night by night, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.gate.budget import YearBudget, year_budget
from finrisk.records import Decision, LookKind


@dataclass(frozen=True, slots=True)
class PaidLook:
    """One look; ``spent`` is the year's α up to and with it, over both purses.

    ``decision`` is None where the look was spent and its night left no record.
    """

    night: date
    kind: LookKind
    alpha: float
    spent: float
    champion: int | None
    challenger: int | None
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class YearOfLooks:
    """A year's looks, oldest first; ``budget`` is None where no spec declares one."""

    year: int
    looks: tuple[PaidLook, ...]
    budget: YearBudget | None


@remembered
def years(whose: Whose) -> list[int]:
    """Return the years that have looks, the newest first."""
    looks = sources().ledger(whose.scope).looks(whose.model)
    return sorted({look.night.year for look in looks}, reverse=True)


@remembered
def year_of_looks(whose: Whose, year: int) -> YearOfLooks:
    """Return a calendar year's looks, and what they left."""
    ledger, spec = sources().ledger(whose.scope), sources().spec(whose)
    nights = {
        night.as_of: night for night in ledger.nights(whose.model) if night.as_of.year == year
    }
    spent, paid = 0.0, []
    for look in ledger.looks(whose.model):
        if look.night.year != year:
            continue
        spent += look.alpha
        night = nights.get(look.night)
        paid.append(
            PaidLook(
                night=look.night,
                kind=look.kind,
                alpha=look.alpha,
                spent=spent,
                champion=look.champion_version,
                challenger=night.challenger.version if night and night.challenger else None,
                decision=night.decision if night else None,
            )
        )
    budget = None
    if spec is not None:
        budget = year_budget(spec.gate.error_budget, ledger.spent(whose.model, year))
    return YearOfLooks(year, tuple(paid), budget)
