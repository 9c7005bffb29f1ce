"""The demo's story: seven decision dates of the simulated lender, and what must come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from finrisk.records import Decision, NightDecision, NightStatus

MODEL = "credit_risk"
DAG_ID = f"{MODEL}_retraining"


@dataclass(frozen=True)
class DecisionDate:
    """One night of the story; a month (YYYY-MM) may arrive broken, or arrive again mended."""

    as_of: date
    happens: str
    break_month: str = ""
    mend_month: str = ""

    @property
    def run_id(self) -> str:
        """Its Dag run; the same twice would be refused."""
        return f"night_{self.as_of}"


# A loan counts once its six months and the reporting lag have passed. The marketplace opens in
# January 2024: its loans judge from September on, and a model learns from them from December on.
STORY = (
    DecisionDate(date(2024, 8, 5), "the first model"),
    DecisionDate(date(2024, 9, 5), "the first loans of a new channel mature, and judge"),
    DecisionDate(
        date(2024, 10, 5), "September arrives in cents, some rows twice", break_month="2024-09"
    ),
    DecisionDate(date(2024, 11, 5), "September was delivered again", mend_month="2024-09"),
    DecisionDate(date(2024, 12, 5), "the new channel's first loans can be learnt from"),
    DecisionDate(date(2025, 1, 5), "one more month of them"),
    DecisionDate(date(2025, 2, 5), "and one more"),
)


def broken_promises(nights: Sequence[NightDecision]) -> list[str]:
    """Return what the demo promises to show and these nights do not; empty when all came true."""
    promoted = [n for n in nights if n.decision is Decision.PROMOTE]
    promises = {
        f"{len(STORY)} nights are decided": len(nights) == len(STORY),
        "a first model is promoted": any(n.champion_version is None for n in promoted),
        "bad data block a night": any(n.status is NightStatus.BLOCKED for n in nights),
        "drift earns a later promotion": any(n.champion_version is not None for n in promoted),
    }
    return [promise for promise, kept in promises.items() if not kept]
