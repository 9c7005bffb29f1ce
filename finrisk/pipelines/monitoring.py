"""Read a deciding champion for one day: what it decided, how that ended, and whether to act.

The readings go to the ledger, where the same day read again takes their place; then an alarm of a
kind that may ask delivers its alert to the inbox; then MLflow is told, for people. What cannot be
read is unknown and says why: a monitor that fails must not look like one that is content.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from finrisk.config import Connections, connection_from_environment
from finrisk.data.decision_log import DecisionLog
from finrisk.data.labels import Labelled
from finrisk.data.maturity import maturity_day, vintage_of
from finrisk.errors import DataError, IntegrityError, Unreachable
from finrisk.evaluation.drift_readings import DriftBasis, drift_readings
from finrisk.evaluation.outcome_readings import (
    NO_PROBABILITY,
    estimate_readings,
    no_estimates,
    nothing_matured,
    outcome_readings,
)
from finrisk.evaluation.watched import (
    FEATURE_DRIFT,
    MONITORS,
    SCORE_DRIFT,
    VOLUME,
    Promise,
    Watched,
    watched_features,
)
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.decided_labels import believed_labels
from finrisk.pipelines.monitors.asking import ask
from finrisk.pipelines.monitors.champion import WatchedChampion, champion_of
from finrisk.pipelines.monitors.decisions import (
    Decided,
    counted_window,
    decided_by,
    labelled_decisions,
)
from finrisk.pipelines.monitors.freshness import freshness_readings
from finrisk.pipelines.monitors.reference import StoredReference, reference_of
from finrisk.pipelines.monitors.showing import SHOWN_DAYS, log_readings
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Record
from finrisk.specs.model_spec import ModelSpec
from finrisk.wording import counted

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
ONE_DAY = timedelta(days=1)
NO_CHAMPION = "there is no champion yet"
NO_DECISION = "no decision of the champion is logged"


@dataclass(frozen=True, slots=True)
class MonitoringReport(Record):
    """What a day's reading came to.

    Parameters
    ----------
    states : dict of str to int
        How many readings are in each state.
    alarms : tuple of str
        A sentence each.
    asked : tuple of Rerun
        The alerts that were delivered, and what became of them.
    run_id : str or None
        The MLflow run; None where MLflow did not answer.
    """

    model: str
    scope: str
    as_of: date
    version: int | None
    states: dict[str, int]
    alarms: tuple[str, ...] = ()
    asked: tuple[Rerun, ...] = ()
    run_id: str | None = None
    readings: tuple[Reading, ...] = field(default=())

    @property
    def awaits_start(self) -> bool:
        """Whether a night was asked for that has not been started yet."""
        return any(
            rerun.outcome is Outcome.ACCEPTED and rerun.started is None for rerun in self.asked
        )

    @property
    def sentence(self) -> str:
        """What to tell a person in one line."""
        if self.version is None:
            return f"{self.model} as of {self.as_of}: {NO_CHAMPION}, nothing is known"
        told = ", ".join(f"{n} {state}" for state, n in self.states.items() if n)
        asks = "".join(f"; {r.alert}: {r.outcome.value}" for r in self.asked)
        return f"{self.model} v{self.version} as of {self.as_of}: {told}{asks}"


def monitor(
    model: str,
    *,
    as_of: date | None = None,
    asks: bool = True,
    rooms: Rooms | None = None,
    connections: Connections = connection_from_environment,
    tell: Tell = log.info,
) -> MonitoringReport:
    """Read a model's champion for one day, keep it, and ask for a night where an alarm stands.

    Parameters
    ----------
    as_of : date, optional
        The day it pretends to be: decisions and labels of later days are not known. Default: today.
    asks : bool
        False: alarms tell, and ask for nothing.

    Returns
    -------
    MonitoringReport
        Without a champion every reading is unknown, which is no error.

    Raises
    ------
    ConfigurationError
        The day has not come; or there is no key of row hashes.
    UnknownModel
        No spec declares the model.
    Unreachable
        The ledger does not answer.
    """
    rooms = rooms or Rooms.open(model, connections=connections)
    day = rooms.day(as_of)
    champion = champion_of(rooms, day)
    watched = Watched(model, day, None if champion is None else champion.version.version)
    found = _read(watched, champion, rooms, tell)
    readings = sorted(found, key=lambda reading: MONITORS.index(reading.monitor))
    rooms.ledger.keep_readings(model, readings, rooms.now())
    asked = ask(readings, rooms) if asks else []
    for rerun in asked:
        log.warning("%s: %s %s: %s", model, rerun.alert, rerun.outcome.value, rerun.reason)
    tell("logging to MLflow")
    shown = rooms.ledger.readings(model, since=day - SHOWN_DAYS * ONE_DAY)
    run_id = log_readings(readings, shown, rooms)
    if run_id is None:
        log.warning("monitoring of %s as of %s not logged: MLflow does not answer", model, day)
    states = Counter(reading.state.value for reading in readings)
    report = MonitoringReport(
        model=model,
        scope=rooms.settings.scope,
        as_of=day,
        version=watched.version,
        states={state.value: states[state.value] for state in State},
        alarms=tuple(alarm_sentence(r) for r in readings if r.state is State.ALARM),
        asked=tuple(asked),
        run_id=run_id,
        readings=tuple(readings),
    )
    log.info("%s", report.sentence)
    return report


def alarm_sentence(reading: Reading) -> str:
    """Return an alarm in a line: what, how much, and its limit."""
    what = f"{reading.monitor} {reading.subject}".rstrip()
    limit = "" if reading.threshold is None else f" (limit {reading.threshold:.4g})"
    return f"{what}: {reading.value:.4g}{limit}"


def _read(
    watched: Watched, champion: WatchedChampion | None, rooms: Rooms, tell: Tell
) -> list[Reading]:
    spec = rooms.spec
    tell("reading what landed")
    labelled, why_not = believed_labels(watched.as_of, rooms)
    if champion is None:
        readings = _nothing_decided(watched, NO_CHAMPION, spec)
        readings += nothing_matured(watched, NO_CHAMPION, spec, probability=True)
        return [
            *readings,
            *freshness_readings(watched, None, labelled, spec, why_not=why_not),
        ]
    decisions = DecisionLog.open(rooms.settings)
    decided = decided_by(decisions, champion.version, spec, watched.as_of)
    newest = decided.days[-1] if decided.days else None
    return [
        *_of_window(watched, champion, decided, rooms, tell),
        *_of_labels(watched, champion, decided, labelled, why_not, decisions, spec),
        *freshness_readings(watched, newest, labelled, spec, why_not=why_not),
    ]


def _of_window(
    watched: Watched, champion: WatchedChampion, decided: Decided, rooms: Rooms, tell: Tell
) -> list[Reading]:
    """Read what needs no label: drift, missing, categories, volume, the estimate."""
    spec = rooms.spec
    window = decided.window(spec.monitoring.window_days)
    if window is None:
        return _nothing_decided(watched, NO_DECISION, spec)
    reference: StoredReference | None = None
    why = ""
    try:
        reference = reference_of(champion, rooms, tell)
    except (DataError, IntegrityError, Unreachable) as exc:
        log.warning("%s v%s has no reference: %s", spec.name, watched.version, exc)
        why = f"no reference: {exc}"
    tell("counting what was decided")
    counted_rows = counted_window(decided, *window, reference)
    if reference is None:
        readings = _nothing_decided(watched, why, spec, estimates=False)
    else:
        basis = DriftBasis(
            references=reference.columns,
            windows=counted_rows.counts,
            usual_rows=reference.rows,
            rows=counted_rows.rows,
            without=reference.without,
            about={
                "first_day": str(window[0]),
                "last_day": str(window[1]),
                "reference": f"{reference.first_day} to {reference.last_day}",
            },
        )
        readings = drift_readings(watched, basis, spec)
    if not decided.probability:
        return [*readings, *no_estimates(watched, NO_PROBABILITY)]
    return [*readings, *estimate_readings(watched, counted_rows.scores, champion.promise, spec)]


def _of_labels(
    watched: Watched,
    champion: WatchedChampion,
    decided: Decided,
    labelled: Labelled | None,
    why_not: str,
    decisions: DecisionLog,
    spec: ModelSpec,
) -> list[Reading]:
    """Read what matured labels say of the champion's own decisions."""
    probability = decided.probability or not decided.parts
    # of the days that chose it, a champion's figures say nothing: it was chosen for them
    unseen = decided.after(champion.developed_until)
    window = unseen.matured(spec.monitoring.performance_days, spec, watched.as_of)
    if window is None:
        why = _until_maturity(decided, unseen, champion.developed_until, spec)
        return nothing_matured(watched, why, spec, probability=probability)
    if labelled is None or labelled.problems:
        why = why_not or f"labels cannot be believed: {labelled.problems[0] if labelled else ''}"
        return nothing_matured(watched, why, spec, probability=probability)
    matured, without = labelled_decisions(unseen, *window, labelled, decisions, spec)
    if matured.empty:
        why = f"none of {counted(without, 'matured decision')} has a label"
        return nothing_matured(watched, why, spec, probability=probability)
    return outcome_readings(watched, matured, champion.promise, spec, probability=probability)


def _until_maturity(decided: Decided, unseen: Decided, until: date, spec: ModelSpec) -> str:
    if not decided.days:
        return NO_DECISION
    if not unseen.days:
        return f"no decision is of a day after {until}, up to which the champion was chosen"
    first = maturity_day(vintage_of(unseen.days[0], spec.time.vintage), spec.label)
    return f"no decision of the champion has matured: the first does on {first}"


def _nothing_decided(
    watched: Watched, why: str, spec: ModelSpec, *, estimates: bool = True
) -> list[Reading]:
    """Return the readings of a window that says nothing; they are unknown, and not quiet."""
    readings = [watched.unknown(SCORE_DRIFT, why=why), watched.unknown(VOLUME, why=why)]
    readings += [watched.unknown(FEATURE_DRIFT, name, why=why) for name in watched_features(spec)]
    if estimates:
        readings += estimate_readings(watched, np.empty(0), Promise(), spec)
    return readings
