"""The demo's stories: decision dates of both simulated models, and what must come of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from finrisk.records import Decision, NightDecision, NightStatus

CREDIT, FRAUD = "credit_risk", "fraud"


@dataclass(frozen=True)
class DecisionDate:
    """One night of a story; a partition may arrive broken, or arrive again mended.

    The partition is a month (YYYY-MM) of the lender, or a day (YYYY-MM-DD) of the cards.

    Parameters
    ----------
    watched : tuple of date, optional
        First and last event day that the champion decides before; then it is read, and an alarm
        has to ask for the night. None: the night runs as scheduled.
    """

    model: str
    as_of: date
    happens: str
    broken: str = ""
    mended: str = ""
    watched: tuple[date, date] | None = None

    @property
    def dag_id(self) -> str:
        """The Dag that decides it."""
        return f"{self.model}_retraining"

    @property
    def run_id(self) -> str:
        """Its Dag run; the same twice would be refused."""
        return f"night_{self.as_of}"

    @property
    def landing(self) -> tuple[str, ...]:
        """Arguments of ``finrisk simulate`` that land what had arrived by then."""
        period = "month" if self.model == CREDIT else "day"
        changes = [f"--break-{period}", self.broken] if self.broken else []
        changes += [f"--mend-{period}", self.mended] if self.mended else []
        return ("--to", str(self.as_of), "--model", self.model, *changes)


# A transaction counts after seven days. Cards are stolen from 1 April on: they judge a week later,
# and a model learns from them once they are older than hold-out and embargo, from mid-May on.
FRAUD_STORY = (
    DecisionDate(FRAUD, date(2024, 4, 15), "the first model"),
    DecisionDate(FRAUD, date(2024, 4, 22), "stolen cards judge, and nothing was learnt of them"),
    DecisionDate(
        FRAUD, date(2024, 4, 29), "a day arrives in cents, some rows twice", broken="2024-04-28"
    ),
    DecisionDate(FRAUD, date(2024, 5, 6), "that day was delivered again", mended="2024-04-28"),
    DecisionDate(FRAUD, date(2024, 5, 13), "the first stolen cards can be learnt from"),
    DecisionDate(FRAUD, date(2024, 5, 20), "one more week of them"),
)

# A loan counts once its six months and the reporting lag have passed. The marketplace opens in
# January 2024: its loans judge from September on, and a model learns from them from December on.
# By then the champion's own decisions on them have matured as well, and ended worse than promised.
CREDIT_STORY = (
    DecisionDate(CREDIT, date(2024, 8, 5), "the first model"),
    DecisionDate(CREDIT, date(2024, 9, 5), "the first loans of a new channel mature, and judge"),
    DecisionDate(
        CREDIT, date(2024, 10, 5), "September arrives in cents, some rows twice", broken="2024-09"
    ),
    DecisionDate(CREDIT, date(2024, 11, 5), "September was delivered again", mended="2024-09"),
    DecisionDate(
        CREDIT,
        date(2024, 12, 5),
        "the champion's decisions ended worse than it promised: an alarm asks",
        watched=(date(2024, 1, 1), date(2024, 11, 30)),
    ),
)

STORIES: Mapping[str, tuple[DecisionDate, ...]] = {FRAUD: FRAUD_STORY, CREDIT: CREDIT_STORY}

SCORED_LAST = (date(2024, 5, 13), date(2024, 5, 19))
"""Transactions that had landed last when the fraud story ends, decided by its last champion."""


def broken_promises(model: str, nights: Sequence[NightDecision]) -> list[str]:
    """Return what a story promises to show and these nights do not; empty when all came true."""
    promoted = [n for n in nights if n.decision is Decision.PROMOTE]
    story = STORIES[model]
    promises = {
        f"{len(story)} nights are decided": len(nights) == len(story),
        "a first model is promoted": any(n.champion_version is None for n in promoted),
        "bad data block a night": any(n.status is NightStatus.BLOCKED for n in nights),
        "drift earns a later promotion": any(n.champion_version is not None for n in promoted),
    }
    return [f"{model}: {promise}" for promise, kept in promises.items() if not kept]
