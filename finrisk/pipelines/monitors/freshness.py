"""How old the newest is that there is of decisions, of landed rows and of reported outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from finrisk.data.labels import Labelled
from finrisk.data.landing import EVENT_DAY
from finrisk.evaluation.watched import FRESHNESS, Watched, document
from finrisk.ledger.readings import Reading, State
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec

DECISIONS, LANDING, LABELS = "decisions", "landing", "labels"
A_NIGHT = 1  # day
NO_LIMIT = "contract.max_age_days is not set: nobody said how old it may be"


def freshness_readings(
    watched: Watched,
    newest_decision: date | None,
    labelled: Labelled | None,
    spec: ModelSpec,
    *,
    why_not: str,
) -> Iterator[Reading]:
    """Read the age in days of what there is; a limit that is passed is an alarm, and asks nobody.

    Landed rows may be as old as the contract has it; decisions a day older, since a night and its
    scoring come between; reports older by the reporting lag.

    Parameters
    ----------
    labelled : Labelled or None
        What landed by the day; None where it could not be read.
    why_not : str
        Why it could not.
    """
    limit = spec.contract.max_age_days
    nightly = None if limit is None else limit + A_NIGHT
    undecided = "no decision of the champion is logged"
    yield _age(watched, DECISIONS, newest_decision, nightly, undecided)
    landed = None
    if labelled is not None and len(labelled.frame):
        landed = labelled.frame[EVENT_DAY].max().date()
    yield _age(watched, LANDING, landed, limit, why_not or "nothing has landed")
    if isinstance(spec.label.rule, LabelReports):
        slack = None if limit is None else limit + spec.label.reporting_lag_days
        reported = None if labelled is None else labelled.newest_report
        yield _age(watched, LABELS, reported, slack, why_not or "nothing was ever reported")


def _age(
    watched: Watched, subject: str, newest: date | None, limit: int | None, why: str
) -> Reading:
    if newest is None:
        return watched.unknown(FRESHNESS, subject, why=why)
    age = (watched.as_of - newest).days
    state = State.QUIET if limit is not None and age <= limit else State.ALARM
    return watched.reading(
        FRESHNESS,
        subject,
        state=State.UNKNOWN if limit is None else state,
        value=float(age),
        threshold=limit,
        **document(newest=str(newest), reason=NO_LIMIT if limit is None else None),
    )
