"""From where a model stands to figures under their labels; pure: records and a moment in.

What nobody knows gives no sample: a metric that is absent cannot be mistaken for a 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import NamedTuple, TypeVar

from finrisk.data.quality import QualityReport
from finrisk.gate.budget import Spent, year_budget
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.standing import Inbox, Standing
from finrisk.pipelines.exporter import declared as m
from finrisk.pipelines.exporter.declared import Metric
from finrisk.records import Decision, NightStatus, PromotionKind
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.policy import ErrorBudget

Word = TypeVar("Word", bound=StrEnum)
DAY_SECONDS = 86_400


class Sample(NamedTuple):
    """One figure; ``labels`` are the values of the metric's labels, in their order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class Whose(NamedTuple):
    """The labels that every sample of a model has."""

    tenant: str
    model: str

    def told(self, metric: Metric, value: float | None, *labels: str) -> Iterator[Sample]:
        """Yield the sample, unless its value is unknown."""
        if value is not None:
            yield Sample(metric, (*self, *labels), float(value))

    def counted(self, metric: Metric, counts: Mapping[Word, int]) -> Iterator[Sample]:
        """Yield a sample for each word."""
        for word, count in counts.items():
            yield from self.told(metric, count, label(word))


def label(word: str) -> str:
    """Return a word as a label's value.

    Examples
    --------
    >>> label("cooling down"), label("PROMOTE")
    ('cooling_down', 'promote')
    """
    return word.lower().replace(" ", "_")


def midnight(day: date) -> float:
    """Return the Unix time of a day's beginning in UTC.

    Examples
    --------
    >>> midnight(date(1970, 1, 2))
    86400.0
    """
    return datetime.combine(day, time(), UTC).timestamp()


def of_spec(whose: Whose, spec: ModelSpec) -> Iterator[Sample]:
    """Yield what the spec says."""
    told = (spec.model_type, spec.owner, spec.headline_metric)
    yield from whose.told(m.MODEL_INFO, 1, *told)
    yield from whose.told(m.NIGHTS_HELD_LIMIT, spec.notices.held_nights)
    if (days := spec.contract.max_age_days) is not None:
        yield from whose.told(m.DATA_LIMIT, days * DAY_SECONDS)


def of_standing(whose: Whose, standing: Standing) -> Iterator[Sample]:
    """Yield who decides, what the gate and the nights did, and who asked for runs."""
    champion, came_by = standing.champion, standing.came_by
    if champion is not None and came_by is not None:
        yield from whose.told(m.CHAMPION_INFO, 1, str(champion.version), came_by)
        yield from whose.told(m.CHAMPION_EPOCH, champion.epoch)
    if standing.since is not None:
        yield from whose.told(m.CHAMPION_SINCE, standing.since.timestamp())
    made = dict(standing.promotions)
    yield from whose.told(m.ROLLBACKS, made.pop(PromotionKind.ROLLBACK, 0))
    yield from whose.counted(m.PROMOTIONS, made)
    yield from whose.counted(m.GATE_DECISIONS, standing.decisions)
    yield from whose.counted(m.CHAMPION_EVENTS, standing.events)
    yield from whose.told(m.FROZEN, standing.frozen)
    if standing.matured_until is not None:
        yield from whose.told(m.MATURED_UNTIL, midnight(standing.matured_until))
    if standing.last_night is not None:
        yield from of_night(whose, standing.last_night)
        yield from whose.told(m.NIGHTS_HELD, standing.held)
    yield from of_inbox(whose, standing.inbox)


def of_night(whose: Whose, night: StoredNight) -> Iterator[Sample]:
    """Yield what the newest night on record was."""
    decision = night.decision
    yield from whose.told(m.NIGHT_DAY, midnight(decision.as_of))
    yield from whose.told(m.NIGHT_RECORDED, night.at.timestamp())
    yield from whose.told(m.NIGHT_SECONDS, night.seconds)
    yield from whose.counted(m.NIGHT_STATUS, _one_of(NightStatus, decision.status))
    yield from whose.counted(m.NIGHT_OUTCOME, _one_of(Decision, decision.decision))


def of_inbox(whose: Whose, inbox: Inbox) -> Iterator[Sample]:
    """Yield who asked for runs, and whose run has not started."""
    for (alert, outcome), count in inbox.asked.items():
        yield from whose.told(m.RERUN_REQUESTS, count, alert, label(outcome))
    yield from whose.told(m.RERUN_DELIVERIES, inbox.deliveries)
    yield from whose.told(m.RERUNS_PENDING, inbox.pending)
    if inbox.oldest_pending is not None:
        yield from whose.told(m.RERUN_PENDING_SINCE, inbox.oldest_pending.timestamp())


def of_budget(whose: Whose, spent: Spent, budget: ErrorBudget) -> Iterator[Sample]:
    """Yield what the year has left to spend on false promotions."""
    year = year_budget(budget, spent)
    yield from whose.told(m.BUDGET_LEFT, year.left / year.whole)
    yield from whose.counted(m.LOOKS_LEFT, year.looks_left)


def of_quality(whose: Whose, report: QualityReport) -> Iterator[Sample]:
    """Yield how good the newest delivery was."""
    yield from whose.told(m.QUALITY_DAY, midnight(report.as_of))
    yield from whose.told(m.QUALITY_SCORE, report.score)
    for part, share in report.parts.to_json().items():
        yield from whose.told(m.QUALITY_PART, share, part)
    yield from whose.told(m.QUALITY_ROWS, report.rows, "validated")
    yield from whose.told(m.QUALITY_ROWS, report.quarantined, "set_aside")


def _one_of(words: Iterable[Word], now: Word) -> dict[Word, int]:
    return {word: int(word == now) for word in words}
