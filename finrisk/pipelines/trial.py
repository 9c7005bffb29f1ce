"""A champion on trial: whom it replaced, since when, and what was read of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from finrisk.gate.bake import Baked, BakeVerdict, cools_until
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.lineage import predecessors
from finrisk.records import NightRequest, PromotionKind, PromotionRecord

if TYPE_CHECKING:  # it brings MLflow, and whoever only reads needs none
    from finrisk.pipelines.rooms import Rooms

BAKER = "finrisk bake"
"""Who rolls back where nobody asked for it: the actor of the link."""
TRIED = frozenset(
    {
        PromotionKind.SUPERIORITY,
        PromotionKind.APPROVED,
        PromotionKind.REFRESH,
        PromotionKind.FORCED,
    }
)
"""What puts another artifact in a champion's place; not what brings back one that served before."""


@dataclass(frozen=True)
class Trial:
    """A champion that replaced another, and what is on record about it.

    Parameters
    ----------
    since : date
        The first day it decided: the promotion's own.
    baked : tuple of Baked
        Its readings so far, oldest first.
    realised : bool
        Whether its realised performance has been told.
    last_rollback : date or None
        Of this model's last automatic rollback, whomever it brought back.
    """

    epoch: int
    champion: int
    predecessor: int
    since: date
    baked: tuple[Baked, ...] = ()
    realised: bool = False
    last_rollback: date | None = None

    @property
    def bakes(self) -> bool:
        """Whether it is in its bake window still."""
        return all(baked.verdict is not BakeVerdict.PASSED for baked in self.baked)

    def of_night(self, as_of: date) -> Baked | None:
        """Return the reading of a night, if it was taken."""
        return next((b for b in self.baked if b.reading.as_of == as_of), None)


def trial_of(request: NightRequest, rooms: Rooms) -> Trial | None:
    """Return the trial that this night may add to; None where no champion replaced another.

    A first champion has no predecessor, and one that came back was on trial before.
    """
    if not rooms.spec.gate.bake.enabled:
        return None
    history = rooms.ledger.history(request.model)
    if not history or history[-1].kind not in TRIED or not (older := predecessors(history)):
        return None
    link = history[-1]
    events = rooms.ledger.events(request.model)
    return Trial(
        epoch=link.epoch,
        champion=link.version,
        predecessor=older[0],
        since=counts_from(link),
        baked=tuple(b for e in events if (b := as_baked(e)) and b.reading.epoch == link.epoch),
        realised=any(event.key == realised_key(link.epoch) for event in events),
        last_rollback=last_rollback(history),
    )


def cooling_until(model: str, day: date, rooms: Rooms) -> date | None:
    """Return when the model has cooled down from an automatic rollback; None if it has by a day.

    What the hold-out says has not changed with the rollback: the challenger that would win tonight
    is the likeness of the champion that was just taken back.
    """
    policy = rooms.spec.gate.bake
    last = last_rollback(rooms.ledger.history(model)) if policy.enabled else None
    if last is None or day >= (until := cools_until(last, policy)):
        return None
    return until


def last_rollback(history: Sequence[PromotionRecord]) -> date | None:
    """Return the business day of the last rollback that nobody asked for."""
    return max((counts_from(link) for link in history if link.actor == BAKER), default=None)


def counts_from(link: PromotionRecord) -> date:
    """Return the business day from which a promotion's version decides."""
    return link.as_of or link.at.date()


def as_baked(event: Event) -> Baked | None:
    """Return the reading that an event holds, if it holds one."""
    if event.kind is not EventKind.BAKE or "reading" not in event.document:
        return None
    return Baked.from_json(event.document)


def realised_key(epoch: int) -> str:
    """Return the key of the event that tells a promotion's realised performance."""
    return f"realised of epoch {epoch}"
