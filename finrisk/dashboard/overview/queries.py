"""What the Overview asks of one model: everything that can be wrong with it, in a few reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from finrisk.config import Settings
from finrisk.dashboard.overview.champions import ShownChampion, shown_champion
from finrisk.dashboard.overview.facts import MorningFacts, business_day
from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.errors import FinRiskError, IntegrityError, LedgerCorrupted
from finrisk.gate.bake import cools_until
from finrisk.gate.budget import year_budget
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.store import Ledger
from finrisk.pipelines.evidence_pages import sentence_of, spec_of_then
from finrisk.pipelines.missed import missed_nights
from finrisk.pipelines.trial import last_rollback
from finrisk.records import PromotionRecord
from finrisk.specs.model_spec import ModelSpec, Schedule

NEWEST = 14
UNDECLARED = Schedule()


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts of a model's morning, and its champion; None before the first promotion."""

    facts: MorningFacts
    champion: ShownChampion | None


@remembered
def morning_asked(whose: Whose) -> Asked:
    """Return what there is to know of a model this morning.

    What does not verify is among the facts, and keeps nothing else from being told.
    """
    settings = sources().settings
    return ask(
        sources().ledger(whose.scope),
        whose.model,
        sources().spec(whose),
        settings.in_scope(whose.scope),
        datetime.now(UTC),
        scheduled=sources().is_scheduled(whose.scope),
    )


def ask(
    ledger: Ledger,
    model: str,
    spec: ModelSpec | None,
    settings: Settings,
    at: datetime,
    *,
    scheduled: bool = True,
) -> Asked:
    """Ask a ledger about one model at a moment; without a spec no night of it is due.

    Parameters
    ----------
    scheduled : bool
        Whether it is the scope whose nights the scheduler runs: a replay's are never due.
    """
    now = (spec.schedule if spec else UNDECLARED).local(at)
    recent, history = ledger.recent(model, NEWEST), tuple(ledger.history(model))
    night = recent.nights[0] if recent.nights else None
    day = business_day(night, now, scheduled=scheduled)
    standing = ledger.standing(model, day)
    broken: list[str] = []
    _verify(ledger, model, broken)
    champion = _champion(ledger, history, spec, broken)
    return Asked(
        MorningFacts(
            model=model,
            title=spec.title if spec else model,
            declared=spec is not None,
            now=now,
            standing=standing,
            recent=recent,
            history=history,
            missed=_missed(spec, night, at) if scheduled else (),
            sentence=_sentence(ledger, night, settings, broken),
            broken=tuple(dict.fromkeys(broken)),
            budget=year_budget(spec.gate.error_budget, standing.spent) if spec else None,
            by_person=spec is not None and spec.gate.approval == "person",
            cooling_until=_cooling_until(history, spec, day),
            held_limit=spec.notices.held_nights if spec else None,
            scheduled=scheduled,
        ),
        champion,
    )


def _verify(ledger: Ledger, model: str, broken: list[str]) -> None:
    try:
        ledger.verify(model)
    except IntegrityError as exc:
        broken.append(f"The chain of promotions does not verify: {exc}.")


def _champion(
    ledger: Ledger, history: tuple[PromotionRecord, ...], spec: ModelSpec | None, broken: list[str]
) -> ShownChampion | None:
    if not history:
        return None
    try:
        return shown_champion(ledger, history, spec)
    except LedgerCorrupted as exc:
        broken.append(_does_not_verify(exc))
        return ShownChampion(history[-1], (), None, None, ledger.anchor(history[-1].model))


def _sentence(
    ledger: Ledger, night: StoredNight | None, settings: Settings, broken: list[str]
) -> str | None:
    """Return the newest night's decision as its evidence has it, unless it was decided anew."""
    if night is None or night.decision.evidence_sha256 is None:
        return None
    try:
        evidence = ledger.evidence(night.decision.evidence_sha256)
        if evidence is None or evidence.verdict.decision is not night.decision.decision:
            return None
        spec, _ = spec_of_then(evidence, settings)
    except LedgerCorrupted as exc:
        broken.append(_does_not_verify(exc))
        return None
    except FinRiskError:  # no spec declares the model any more: its reasons are told
        return None
    return sentence_of(evidence, night.decision, spec)


def _missed(spec: ModelSpec | None, night: StoredNight | None, at: datetime) -> tuple[date, ...]:
    if spec is None:
        return ()
    return missed_nights(spec.schedule, night.decision.as_of if night else None, at)


def _cooling_until(
    history: tuple[PromotionRecord, ...], spec: ModelSpec | None, day: date
) -> date | None:
    last = last_rollback(history) if spec is not None and spec.gate.bake.enabled else None
    if spec is None or last is None:
        return None
    until = cools_until(last, spec.gate.bake)
    return until if day < until else None


def _does_not_verify(exc: LedgerCorrupted) -> str:
    return f"The ledger does not verify: {exc}."
