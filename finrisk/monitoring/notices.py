"""What people should hear of: what is on record turned into short messages, and nothing sent.

A message holds what the ledger holds of nights and champions: versions, reasons, figures, the words
of whoever promoted. Nothing in it is about a customer. Its key is what it tells of, so that the
same thing is the same notice however often a night is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import takewhile

from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.nights import StoredNight
from finrisk.names import LIVE
from finrisk.records import (
    Decision,
    NightDecision,
    NightStatus,
    PromotionKind,
    PromotionRecord,
    Record,
)

WAITS = "waits: "
LONGEST_TEXT = 2000


class NoticeKind(StrEnum):
    """What happened."""

    BLOCKED = "blocked"
    HELD = "held"
    WAITING = "waiting"
    ASKED = "asked"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    MISSED = "missed"
    FAILED = "failed"
    LATE = "late"


class Severity(StrEnum):
    """``INFO``: to know. ``WARNING``: look at it this week. ``CRITICAL``: look at it now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice(Record):
    """One message: ``key`` names what it tells of, once a model and scope."""

    kind: NoticeKind
    model: str
    scope: str
    key: str
    title: str
    text: str
    severity: Severity


def notice(
    kind: NoticeKind,
    model: str,
    scope: str,
    key: str,
    said: str,
    text: str,
    severity: Severity = Severity.WARNING,
) -> Notice:
    """Make a notice; its title is one line, and says which scope it is of, if not the live one.

    Examples
    --------
    >>> notice(NoticeKind.LATE, "fraud", "replay", "run x", "a night is late", "").title
    'FinRisk fraud (replay): a night is late'
    """
    where = "" if scope == LIVE else f" ({scope})"
    title = " ".join(f"FinRisk {model}{where}: {said}".split())
    shown = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return Notice(kind, model, scope, f"{kind} {key}", title, shown, severity)


def notices_of(
    nights: Sequence[StoredNight],
    links: Sequence[PromotionRecord],
    events: Sequence[Event],
    *,
    model: str,
    scope: str,
    held_nights: int,
    since: datetime,
) -> list[Notice]:
    """Return what was recorded since a moment and people should hear of, in that order.

    Parameters
    ----------
    nights, links, events
        Of one model, oldest first.
    held_nights : int
        So many judged or blocked nights in a row without a PROMOTE are told, and again as many on.
    since : datetime
        What is older was told, or is no news.
    """
    found = [
        *((link.at, of_promotion(link, scope)) for link in links),
        *((event.at, of_event(event, scope)) for event in events),
        *((night.at, of_night(night.decision, scope)) for night in nights),
    ]
    if nights:
        held = of_held([night.decision for night in nights], held_nights, model, scope)
        found.append((nights[-1].at, held))
    found.sort(key=lambda pair: pair[0])
    return [told for at, told in found if told is not None and at >= since]


def of_night(night: NightDecision, scope: str) -> Notice | None:
    """Return what a night tells people: that its data blocked it, or that it waits; else None."""
    reasons = _listed(night.reasons)
    if night.status is NightStatus.BLOCKED:
        said = f"the night of {night.as_of} is blocked by its data"
        text = f"{reasons}\n\nThe champion stays. A rerun after the mend succeeds."
        return notice(NoticeKind.BLOCKED, night.model, scope, f"night {night.as_of}", said, text)
    if night.decision is Decision.PROMOTE and any(r.startswith(WAITS) for r in night.reasons):
        version = "" if night.challenger is None else f" of v{night.challenger.version}"
        said = f"the promotion{version}, decided as of {night.as_of}, waits"
        return notice(NoticeKind.WAITING, night.model, scope, f"night {night.as_of}", said, reasons)
    return None


def of_promotion(link: PromotionRecord, scope: str) -> Notice | None:
    """Return what a change of champion tells; a restored champion is the same bytes, and none."""
    if link.kind is PromotionKind.RESTORED:
        return None
    back = link.kind is PromotionKind.ROLLBACK
    after = f" after v{link.previous_version}" if link.previous_version else ""
    said = f"v{link.version} is champion {'again' if back else 'now'}{after}"
    text = (
        f"{link.kind} at epoch {link.epoch}, counting from {link.as_of or link.at.date()}, by "
        f"{link.actor}: {link.reason or 'no reason given'}"
    )
    kind = NoticeKind.ROLLBACK if back else NoticeKind.PROMOTION
    severity = Severity.WARNING if back or link.kind is PromotionKind.FORCED else Severity.INFO
    return notice(kind, link.model, scope, f"epoch {link.epoch}", said, text, severity)


def of_event(event: Event, scope: str) -> Notice | None:
    """Return what an event tells people: only that an automatic rollback was refused."""
    if event.kind is not EventKind.BAKE or "refused" not in event.document:
        return None
    said = "an automatic rollback was refused, the champion stays"
    text = str(event.document.get("sentence", event.key))
    return notice(NoticeKind.ROLLBACK, event.model, scope, event.key, said, text, Severity.CRITICAL)


def of_held(
    nights: Sequence[NightDecision], held_nights: int, model: str, scope: str
) -> Notice | None:
    """Return a notice where so many nights in a row held, and at each multiple of it.

    Nights with nothing new are no news, and do not count; one that decided PROMOTE ends the row.
    """
    row = list(takewhile(lambda night: night.decision is not Decision.PROMOTE, reversed(nights)))
    judged = [night for night in row if night.status is not NightStatus.NOTHING_NEW]
    if not judged or len(judged) % held_nights:
        return None
    newest, oldest = judged[0], judged[-1]
    said = f"no promotion on {len(judged)} nights, since {oldest.as_of}"
    text = f"The newest, as of {newest.as_of}: {newest.decision}\n{_listed(newest.reasons)}"
    return notice(NoticeKind.HELD, model, scope, f"{len(judged)} since {oldest.as_of}", said, text)


def of_missed(model: str, scope: str, due: date, sentence: str, remedy: str) -> Notice:
    """Return what a night that left no record tells."""
    said = f"the night of {due} left no record"
    text = f"{sentence}\n\n{remedy}"
    return notice(NoticeKind.MISSED, model, scope, f"night {due}", said, text, Severity.CRITICAL)


def of_failure(model: str, scope: str, dag_id: str, run_id: str, tasks: Sequence[str]) -> Notice:
    """Return what a failed run tells: which, and where it failed; never an error's own text."""
    said = f"{dag_id} failed"
    text = f"Run {run_id} failed in {', '.join(tasks) or 'no task'}. The champion stays."
    return notice(
        NoticeKind.FAILED, model, scope, f"{dag_id} {run_id}", said, text, Severity.CRITICAL
    )


def of_late(model: str, scope: str, dag_id: str, run_id: str, hours: float) -> Notice:
    """Return what a run tells that has not ended in time."""
    said = f"{dag_id} has not ended within {hours:g} h"
    text = f"Run {run_id} still waits or runs; or nothing runs it."
    return notice(NoticeKind.LATE, model, scope, f"{dag_id} {run_id}", said, text)


def of_question(
    model: str, scope: str, evidence_sha256: str, subject: str, approvers: Sequence[str], url: str
) -> Notice:
    """Return what a question tells those who may answer it."""
    text = f"{subject}\n\nAsked: {', '.join(approvers)}\n{url}".rstrip()
    said = "a promotion waits for a person"
    return notice(NoticeKind.ASKED, model, scope, evidence_sha256, said, text)


def _listed(reasons: Sequence[str]) -> str:
    return "\n".join(_lines(reasons))


def _lines(reasons: Sequence[str]) -> Iterator[str]:
    for reason in reasons:
        yield f"- {reason}"
