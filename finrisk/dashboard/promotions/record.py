"""What is on record of a model's champions: the chain, who decided when, the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.errors import IntegrityError
from finrisk.pipelines.audit import deciding_on
from finrisk.pipelines.timeline import Entry, timeline_of
from finrisk.records import PromotionRecord


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether a model's chain of promotions verifies: the number of links, or what is wrong."""

    links: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """One page of what happened, the newest first, of ``total`` entries."""

    entries: tuple[Entry, ...]
    total: int


@remembered
def history(whose: Whose) -> list[PromotionRecord]:
    """Return every promotion of a model, oldest first."""
    return sources().ledger(whose.scope).history(whose.model)


@remembered
def chain(whose: Whose) -> Chain:
    """Verify a model's chain."""
    try:
        return Chain(sources().ledger(whose.scope).verify(whose.model))
    except IntegrityError as exc:
        return Chain(0, str(exc))


@remembered
def decided_then(whose: Whose, when: date | datetime) -> tuple[str, ...]:
    """Return what decided on a business day or at a moment, a sentence each.

    Raises
    ------
    UnknownModel
        No version was champion yet.
    """
    answer = deciding_on(sources().ledger(whose.scope), whose.model, when)
    return tuple(answer["sentences"])


@remembered
def _timeline(whose: Whose) -> list[Entry]:
    return timeline_of(sources().ledger(whose.scope), whose.model)[::-1]


@remembered
def timeline_kinds(whose: Whose) -> list[str]:
    """Return the kinds of entries that a model's timeline has, in alphabetical order."""
    return sorted({entry.kind for entry in _timeline(whose)})


@remembered
def timeline_page(whose: Whose, kinds: tuple[str, ...], page: int, rows: int) -> TimelinePage:
    """Return one page of a model's timeline, counted from 1; no kinds: all of them."""
    entries = [entry for entry in _timeline(whose) if not kinds or entry.kind in kinds]
    first = (page - 1) * rows
    return TimelinePage(tuple(entries[first : first + rows]), len(entries))
