"""What is wrong with a model, and what waits for a person, each with where to look. Pure.

Limits are those of the alert rules in ``deploy/prometheus/rules``: the page and the pager agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from finrisk.dashboard.overview.facts import (
    Fate,
    MorningFacts,
    fate_of,
    newest_change,
    waits_for,
)
from finrisk.gate.bake import BakeVerdict
from finrisk.gate.figures import label
from finrisk.gate.realised import Finding as RealisedFinding
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.inbox import Outcome
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.missed import missed_sentence, way_out
from finrisk.pipelines.trial import BAKER, counts_from
from finrisk.records import LookKind, NightStatus, PromotionKind
from finrisk.wording import counted

AIRFLOW = "airflow"
SILENT_DAYS = 3
BUDGET_NEARLY_USED = 0.1
PENDING = timedelta(minutes=15)
RECENT_DAYS = 7
ROLLED_BACK_DAYS = 1
MOST_NAMED = 4


class Urgency(StrEnum):
    """Whether a person has to do something, or only to know."""

    ACT = "needs you"
    KNOW = "to know"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Parameters
    ----------
    text : str
        A sentence, as it is: no Markdown.
    page : str
        Where to look: a page of the dashboard, or ``airflow``; empty: nowhere else.
    night : str
        The night that the page should show, if it shows one.
    waits : bool
        Whether it waits for a person to decide, rather than being wrong.
    """

    urgency: Urgency
    text: str
    page: str = ""
    night: str = ""
    waits: bool = False


def findings_of(facts: MorningFacts) -> tuple[Finding, ...]:
    """Return everything there is to look at, what needs a person first."""
    found = [finding for check in CHECKS for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: finding.urgency is not Urgency.ACT))


def _broken(facts: MorningFacts) -> Iterator[Finding]:
    for sentence in facts.broken:
        yield Finding(Urgency.ACT, sentence, "promotions")


def _nobody(facts: MorningFacts) -> Iterator[Finding]:
    if facts.night is None:
        if not facts.scheduled:
            yield Finding(Urgency.KNOW, "This scope has no night of the model.")
        elif facts.declared:
            text = (
                "No night is on record yet. Airflow runs the first at the next slot of the "
                f"schedule; without Airflow: finrisk retrain {facts.model}"
            )
            yield Finding(Urgency.KNOW, text)
    elif facts.declared and facts.standing.champion is None:
        yield Finding(Urgency.ACT, "No version decides: no night has made a champion.", "registry")


def _blocked(facts: MorningFacts) -> Iterator[Finding]:
    if facts.night is None:
        return
    decision = facts.night.decision
    if decision.status is NightStatus.BLOCKED:
        reasons = decision.reasons or ("no reason was recorded",)
        more = f" (and {counted(len(reasons) - 1, 'more check')})" if len(reasons) > 1 else ""
        yield Finding(
            Urgency.ACT,
            f"The data of {decision.as_of} are blocked: {reasons[0]}{more}. "
            "Mend the delivery and run the night again.",
            "quality",
        )
    elif decision.data_result == "warn":
        yield Finding(Urgency.KNOW, f"The data of {decision.as_of} warn.", "quality")


def _missed(facts: MorningFacts) -> Iterator[Finding]:
    if not facts.missed or facts.night is None:
        return
    said = missed_sentence(facts.missed)
    if facts.replayed:
        text = f"A replay of the past, run on {facts.night.at:%Y-%m-%d}; by the schedule {said}."
        yield Finding(Urgency.KNOW, text, AIRFLOW)
        return
    text = f"Missed: {said}. What to do: {way_out(facts.model, facts.missed[-1])}"
    yield Finding(Urgency.ACT, text, AIRFLOW)


def _promotions(facts: MorningFacts) -> Iterator[Finding]:
    """Tell the newest PROMOTE that nobody carried out, however many nights ago it was decided."""
    decided = [night.decision for night in facts.recent.nights]
    undone = (d for d in decided if fate_of(d, facts) in (Fate.WAITS, Fate.UNDONE))
    decision = next(undone, None)
    if decision is None or decision.challenger is None:
        return
    said = f"The promotion of v{decision.challenger.version}, decided as of {decision.as_of},"
    # a night carries out what the newest one before it that came to a look decided, and no more
    judged = (d for d in decided if d.evidence_sha256 is not None)
    judged_since = decision != next(judged, decision)
    waits = fate_of(decision, facts) is Fate.WAITS
    holds = facts.standing.frozen or facts.cooling_until is not None
    if waits and (holds or facts.by_person):
        text = f"{said} waits: {waits_for(decision)}"
    else:
        text = f"{said} {'waits for nothing any more' if waits else 'was not carried out'}"
        text += "" if judged_since else "; the next night makes up for it."
    if judged_since and not facts.by_person:
        text += ". A later night has judged another challenger: only a person may promote it now."
    for_itself = facts.standing.frozen or (waits and not facts.by_person and not judged_since)
    urgency = Urgency.KNOW if for_itself else Urgency.ACT
    yield Finding(urgency, text, "registry", str(decision.as_of), waits=waits)


def _too_late(facts: MorningFacts) -> Iterator[Finding]:
    if facts.night is not None and fate_of(facts.night.decision, facts) is Fate.TOO_LATE:
        text = "The champion changed before this night's promotion was carried out: it is void."
        yield Finding(Urgency.KNOW, text, "promotions", str(facts.night.decision.as_of))


def _alarms(facts: MorningFacts) -> Iterator[Finding]:
    alarms = [r for r in facts.standing.readings if r.state is State.ALARM]
    champion = facts.standing.champion
    now = None if champion is None else champion.version
    mine = [r for r in alarms if r.version in (None, now)]
    others = [r for r in alarms if r.version not in (None, now)]
    if mine:
        text = f"{counted(len(mine), 'alarm')} of {_days(mine)}: {_named(mine)}."
        yield Finding(Urgency.ACT, text, "monitoring")
    if others:
        versions = sorted({r.version for r in others if r.version is not None})
        who = ", ".join(f"v{version}" for version in versions)
        about = f"about {who}, which {'decides' if len(versions) == 1 else 'decide'} no more"
        text = f"{counted(len(others), 'alarm')} of {_days(others)} {_were(others)} {about}: "
        yield Finding(Urgency.KNOW, f"{text}{_named(others)}.", "monitoring")


def _odd_readings(facts: MorningFacts) -> Iterator[Finding]:
    warned = [r for r in facts.standing.readings if r.state is State.WARN]
    unknown = [r for r in facts.standing.readings if r.state is State.UNKNOWN]
    parts = [counted(len(warned), "warning")] if warned else []
    parts += [f"{counted(len(unknown), 'reading')} unknown"] if unknown else []
    if parts:
        text = f"The monitors have {' and '.join(parts)} as of {_days([*warned, *unknown])}."
        yield Finding(Urgency.KNOW, text, "monitoring")


def _silent(facts: MorningFacts) -> Iterator[Finding]:
    if not facts.history or not facts.declared:
        return
    until = facts.day - timedelta(days=SILENT_DAYS)
    link, read = facts.history[-1], max((r.as_of for r in facts.standing.readings), default=None)
    if counts_from(link) >= until or (read is not None and read >= until):
        return
    since = "none ever did" if read is None else f"the newest reading is of {read}"
    text = f"Nobody watches v{link.version}: no monitor has read a day of the last three, {since}."
    yield Finding(Urgency.KNOW if facts.replayed else Urgency.ACT, text, "monitoring")


def _not_shown(facts: MorningFacts) -> Iterator[Finding]:
    late = [link.epoch for link in facts.history if not link.projected]
    if late:
        text = (
            f"MLflow's aliases do not show epoch {', '.join(map(str, late))} yet; the ledger "
            f"counts. The next night shows it, or now: finrisk reconcile {facts.model}"
        )
        yield Finding(Urgency.ACT, text, "registry")


def _repairs(facts: MorningFacts) -> Iterator[Finding]:
    repair = _newest(facts, EventKind.REPAIR)
    if repair is None or facts.now - repair.at > timedelta(days=RECENT_DAYS):
        return
    amiss = [*repair.document.get("aliases", ()), *repair.document.get("damages", ())]
    is_open = any(not one.get("repaired") for one in amiss)
    what = "Not mended" if is_open else "Mended"
    text = f"{what} by reconciliation on {repair.at:%Y-%m-%d}: {_said(repair)}."
    yield Finding(Urgency.ACT if is_open else Urgency.KNOW, text, "registry")


def _rolled_back(facts: MorningFacts) -> Iterator[Finding]:
    link = newest_change(facts.history)
    if link is None or link.kind is not PromotionKind.ROLLBACK:
        return
    days = (facts.day - counts_from(link)).days
    if link.actor == BAKER and (days <= ROLLED_BACK_DAYS or facts.cooling_until):
        cools = f" No promotion but a person's until {facts.cooling_until}."
        text = (
            f"Rolled back by itself, v{link.previous_version} to v{link.version} as of "
            f"{counts_from(link)}: {link.reason}.{cools if facts.cooling_until else ''}"
        )
        yield Finding(Urgency.ACT, text, "promotions")
    elif days <= RECENT_DAYS:
        text = f"Rolled back to v{link.version} as of {counts_from(link)} by {link.actor}."
        yield Finding(Urgency.KNOW, text, "promotions")


def _on_trial(facts: MorningFacts) -> Iterator[Finding]:
    """Tell what a champion's bake or its matured labels say against it."""
    epoch = facts.history[-1].epoch if facts.history else None
    mine = [event for event in facts.recent.events if _epoch_of(event) == epoch]
    # an older reading of the bake is history: what the newest says is how it stands
    bake = next((event for event in mine if event.kind is EventKind.BAKE), None)
    if bake is not None:
        verdict = bake.document.get("verdict")
        if "refused" in bake.document:
            yield Finding(
                Urgency.ACT, f"An automatic rollback was refused: {_said(bake)}.", "registry"
            )
        elif verdict == BakeVerdict.ROLL_BACK:
            text = f"An automatic rollback was decided and not carried out: {_said(bake)}."
            yield Finding(Urgency.ACT, text, "registry")
        elif verdict == BakeVerdict.COOLING_DOWN:
            yield Finding(Urgency.ACT, f"The fresh champion breaches: {_said(bake)}.", "registry")
    for event in mine:
        if event.document.get("finding") == RealisedFinding.WORSE:
            yield Finding(Urgency.ACT, f"On matured labels: {_said(event)}.", "promotions")
            return


def _freeze(facts: MorningFacts) -> Iterator[Finding]:
    if facts.standing.frozen and facts.recent.freeze is not None:
        text = f"Nothing is promoted: {facts.recent.freeze.sentence}"
        yield Finding(Urgency.KNOW, text, "registry")


def _budget(facts: MorningFacts) -> Iterator[Finding]:
    year = facts.budget
    if year is None:
        return
    if year.looks_left[LookKind.SCHEDULED] == 0:
        text = "The error budget is used up for scheduled nights: until the year ends they hold."
        yield Finding(Urgency.KNOW, text, "promotions")
    elif year.left < BUDGET_NEARLY_USED * year.whole:
        text = f"The error budget is nearly used: {100 * year.left / year.whole:.0f} % is left."
        yield Finding(Urgency.KNOW, text, "promotions")
    if year.looks_left[LookKind.RESERVE] == 0:
        text = "The reserve is used up: a night that an alert asks for can promote nothing."
        yield Finding(Urgency.KNOW, text, "promotions")


def _held(facts: MorningFacts) -> Iterator[Finding]:
    limit, held = facts.held_limit, facts.standing.held
    if limit is not None and held >= limit and not facts.standing.frozen:
        text = f"{counted(held, 'night')} in a row without a promotion."
        yield Finding(Urgency.KNOW, text, "promotions")


def _asked(facts: MorningFacts) -> Iterator[Finding]:
    oldest = facts.standing.inbox.oldest_pending
    if oldest is None:
        return
    waiting = [
        rerun.alert
        for rerun in facts.recent.reruns
        if rerun.outcome is Outcome.ACCEPTED and rerun.started is None
    ]
    late = facts.now - oldest > PENDING
    text = (
        f"{', '.join(sorted(set(waiting))) or 'An alert'} asked for a night on "
        f"{oldest:%Y-%m-%d %H:%M} UTC, and it has not started."
    )
    remedy = " See that finrisk alerts serve runs and Airflow answers." if late else ""
    yield Finding(Urgency.ACT if late else Urgency.KNOW, text + remedy, "monitoring", waits=True)


CHECKS: tuple[Callable[[MorningFacts], Iterator[Finding]], ...] = (
    _broken,
    _nobody,
    _promotions,
    _blocked,
    _alarms,
    _rolled_back,
    _on_trial,
    _missed,
    _asked,
    _not_shown,
    _repairs,
    _silent,
    _too_late,
    _freeze,
    _budget,
    _held,
    _odd_readings,
)


def _named(readings: list[Reading]) -> str:
    """Name what is read, the first few of each monitor."""
    subjects: dict[str, list[str]] = {}
    for reading in readings:
        named = label(reading.subject)
        subjects.setdefault(reading.monitor.replace("_", " "), []).append(named)
    told = []
    for monitor, names in subjects.items():
        told_first = [name for name in names if name][:MOST_NAMED]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        told.append(f"{monitor} of {', '.join(told_first)}{more}" if told_first else monitor)
    return "; ".join(told)


def _days(readings: Sequence[Reading]) -> str:
    """Return the day of readings; monitors may have read last on different ones."""
    first, last = min(r.as_of for r in readings), max(r.as_of for r in readings)
    return f"{first}" if first == last else f"{first} to {last}"


def _were(readings: list[Reading]) -> str:
    return "was" if len(readings) == 1 else "were"


def _newest(facts: MorningFacts, kind: EventKind) -> Event | None:
    return next((event for event in facts.recent.events if event.kind is kind), None)


def _epoch_of(event: Event) -> int | None:
    """Return the promotion that an event of a trial is about; a reading has it within."""
    epoch: int | None = (event.document.get("reading") or event.document).get("epoch")
    return epoch


def _said(event: Event) -> str:
    return str(event.document.get("sentence", event.key)).removesuffix(".")
