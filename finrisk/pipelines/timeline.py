"""Everything the ledger has of a model, in the order in which it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

from finrisk.ledger.events import Event
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionRecord, Record


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One thing that happened.

    Parameters
    ----------
    at : datetime
        When it was recorded, with its zone; entries are ordered by it.
    day : date or None
        The business day it is about.
    kind : str
        ``night``, ``promotion``, ``rollback``, ``restored``, ``signature``, ``freeze``, ``bake``,
        ``realised``, ``repair``, ``approval``, ``notice``, ``shadow`` or ``ab``.
    version : int or None
        The version it is about: the champion from then on, the one that was signed, the challenger
        of a night.
    sentence : str
        What to tell a person.
    """

    at: datetime
    day: date | None
    kind: str
    version: int | None
    sentence: str


def timeline_of(ledger: Ledger, model: str) -> list[Entry]:
    """Return nights, promotions, signatures, freezes and events of a model, oldest first."""
    return sorted(_entries(ledger, model), key=attrgetter("at"))


def _entries(ledger: Ledger, model: str) -> Iterator[Entry]:
    yield from map(_of_night, ledger.stored_nights(model))
    yield from map(_of_promotion, ledger.history(model))
    yield from map(_of_event, ledger.events(model))
    for signed in ledger.signatures(model):
        yield Entry(signed.at, None, "signature", signed.version, signed.sentence)
    for freeze in ledger.freezes(model):
        yield Entry(freeze.at, None, "freeze", None, freeze.sentence)


def _of_night(night: StoredNight) -> Entry:
    decision = night.decision
    said = f"{decision.decision}: {'; '.join(decision.reasons)}"
    challenger = decision.challenger
    version = None if challenger is None else challenger.version
    return Entry(night.at, decision.as_of, "night", version, said)


def _of_promotion(link: PromotionRecord) -> Entry:
    kind = link.kind if link.kind in ("rollback", "restored") else "promotion"
    after = f" after v{link.previous_version}" if link.previous_version else ""
    said = (
        f"v{link.version} is champion{after} (epoch {link.epoch}, {link.kind}, by {link.actor})"
        f": {link.reason or 'no reason given'}"
    )
    return Entry(link.at, link.as_of, str(kind), link.version, said)


def _of_event(event: Event) -> Entry:
    sentence = str(event.document.get("sentence", event.key))
    return Entry(event.at, event.as_of, event.kind.value, None, sentence)
