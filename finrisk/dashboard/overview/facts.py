"""What the Overview knows of one model in the morning, before anything is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from finrisk.gate.budget import YearBudget
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.recent import Recent
from finrisk.ledger.standing import Standing
from finrisk.monitoring.notices import WAITS
from finrisk.records import Decision, NightDecision, PromotionKind, PromotionRecord

REPLAYED_DAYS = 30  # recorded so long after its own day, a night was no night of the schedule


class Fate(StrEnum):
    """What became of a PROMOTE."""

    DONE = "done"
    WAITS = "waits"
    UNDONE = "not carried out"
    TOO_LATE = "too late"


@dataclass(frozen=True, slots=True)
class MorningFacts:
    """One model at one moment.

    Parameters
    ----------
    now : datetime
        By the clock of the model's nights.
    standing, recent : Standing, Recent
        Where it stands, and its newest rows.
    history : tuple of PromotionRecord
        Oldest first.
    broken : tuple of str
        What of the ledger does not verify, a sentence each.
    missed : tuple of date
        Scheduled nights without a record, oldest first.
    sentence : str or None
        The newest night's decision by its evidence; None where it has none, or was decided anew
        after the gate.
    budget : YearBudget or None
        Of the year of ``day``; None where no spec declares one.
    by_person : bool
        Whether the policy lets a person carry promotions out.
    cooling_until : date or None
        Until when the model cools down from an automatic rollback.
    held_limit : int or None
        So many nights in a row without a promotion are told.
    scheduled : bool
        Whether the schedule binds this scope; a replay's keeps none.
    """

    model: str
    title: str
    declared: bool
    now: datetime
    standing: Standing
    recent: Recent
    history: tuple[PromotionRecord, ...] = ()
    broken: tuple[str, ...] = ()
    missed: tuple[date, ...] = ()
    sentence: str | None = None
    budget: YearBudget | None = None
    by_person: bool = False
    cooling_until: date | None = None
    held_limit: int | None = None
    scheduled: bool = True

    @property
    def night(self) -> StoredNight | None:
        """The newest night on record."""
        return self.recent.nights[0] if self.recent.nights else None

    @property
    def replayed(self) -> bool:
        """Whether the newest night is of the past: simulated, or decided long afterwards."""
        recorded_late = self.night is not None and is_replayed(self.night, self.now)
        return recorded_late or not self.scheduled

    @property
    def day(self) -> date:
        """The business day that everything is about."""
        return business_day(self.night, self.now, scheduled=self.scheduled)

    @property
    def changed(self) -> PromotionRecord | None:
        """The newest change of champion since the night began that its own PROMOTE did not make."""
        link, night = newest_change(self.history), self.night
        if link is None or night is None:
            return None
        decision = night.decision
        earned = decision.decision is Decision.PROMOTE and _rests_on(link, decision)
        of_the_night = link.at > night.at or link.as_of == decision.as_of
        return link if of_the_night and not earned else None

    @property
    def stays(self) -> str:
        """Who decides, as the end of a sentence."""
        champion = self.standing.champion
        return "nobody decides yet" if champion is None else f"v{champion.version} stays"


def is_replayed(night: StoredNight, now: datetime) -> bool:
    """Say whether a night was recorded long after its own day."""
    recorded = night.at.astimezone(now.tzinfo).date()
    return (recorded - night.decision.as_of).days > REPLAYED_DAYS


def business_day(night: StoredNight | None, now: datetime, *, scheduled: bool) -> date:
    """Return today; the newest night's day where the nights are a replay."""
    if night is not None and (not scheduled or is_replayed(night, now)):
        return night.decision.as_of
    return now.date()


def newest_change(history: Sequence[PromotionRecord]) -> PromotionRecord | None:
    """Return the link that last put other bytes in the champion's place."""
    changed = (link for link in reversed(history) if link.kind is not PromotionKind.RESTORED)
    return next(changed, None)


def fate_of(decision: NightDecision, facts: MorningFacts) -> Fate | None:
    """Return what became of a night's PROMOTE; None of every other decision."""
    if decision.decision is not Decision.PROMOTE or decision.dry_run:
        return None
    if carried_out(decision, facts) is not None:
        return Fate.DONE
    champion = facts.standing.champion
    now = (None, 0) if champion is None else (champion.version, champion.epoch)
    if (decision.champion_version, decision.champion_epoch) != now:
        return Fate.TOO_LATE
    return Fate.UNDONE if waits_for(decision) is None else Fate.WAITS


def carried_out(decision: NightDecision, facts: MorningFacts) -> PromotionRecord | None:
    """Return the promotion that rests on a night's evidence, if there is one."""
    return next((link for link in facts.history if _rests_on(link, decision)), None)


def _rests_on(link: PromotionRecord, decision: NightDecision) -> bool:
    sha256 = decision.evidence_sha256
    return sha256 is not None and link.evidence_sha256 == sha256


def waits_for(decision: NightDecision) -> str | None:
    """Return what a promotion waits for, as its night has it."""
    for reason in decision.reasons:
        if reason.startswith(WAITS):
            return reason.removeprefix(WAITS)
    return None
