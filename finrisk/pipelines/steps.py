"""The four steps of a night: record in, record out. Airflow runs these; so does ``retrain.py``.

prepare   validate what landed, freeze it into a snapshot         NightRequest   → PreparedNight
train     fit one candidate on the snapshot's development rows    PreparedNight  → TrainedCandidate
decide    register the chosen one, spend the look, compare        [...]          → NightDecision
promote   compare-and-swap in the ledger, alias after, report     NightDecision  → NightDecision

Where the policy asks for people, ``ask`` comes before promote and says whom and what. Outside the
night, ``roll_back`` brings back an earlier champion.

Every step may run twice with the same input and leaves the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date

from finrisk.config import Connections, connection_from_environment, load_settings
from finrisk.pipelines import approving, by_hand, judging, preparing, promoting, training
from finrisk.pipelines.approving import Question
from finrisk.pipelines.missed import missed_before, missed_sentence
from finrisk.pipelines.named_model import NamedModel
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Answer,
    Decision,
    NightDecision,
    NightRequest,
    NightStatus,
    PreparedNight,
    PromotionRecord,
    TrainedCandidate,
)

log = logging.getLogger(__name__)


def prepare(
    request: NightRequest,
    rooms: Rooms | None = None,
    *,
    connections: Connections = connection_from_environment,
) -> PreparedNight:
    """Validate what landed by ``as_of`` and freeze the matured rows into a snapshot.

    Bad data never raises here: the night comes back ``blocked`` or ``too_little`` with its reasons,
    and a rerun after the mend succeeds. A night whose look is spent comes back ``decided``, and
    nothing is read: its verdict stands.

    Raises
    ------
    ConfigurationError
        The night has not come yet, or the spec has no such candidate.
    """
    rooms = rooms or Rooms.open(request.model, connections=connections)
    began = rooms.now()
    rooms.day(request.as_of)  # of tomorrow: labels nobody knows, and next year's budget
    if not request.dry_run:
        promoting.carry_out_pending(request, rooms)
    missed = missed_before(request, rooms)
    if missed:
        log.warning("%s as of %s: %s", request.model, request.as_of, missed_sentence(missed))
    prepared = preparing.prepare_night(request, rooms).replace(missed=missed, began=began)
    log.info("%s as of %s: %s", request.model, request.as_of, prepared.status)
    return prepared


def train(prepared: PreparedNight, candidate: str, rooms: Rooms | None = None) -> TrainedCandidate:
    """Fit, calibrate and log one candidate; a night that already did so is resumed.

    Raises
    ------
    NotEnoughData
        The development rows hold one class only.
    """
    rooms = rooms or Rooms.open(prepared.request.model)
    return training.train_candidate(prepared, candidate, rooms)


def decide(
    prepared: PreparedNight, trained: Sequence[TrainedCandidate], rooms: Rooms | None = None
) -> NightDecision:
    """Choose on development data, register, spend the look, compare with the champion, decide.

    A night that was decided before gets its decision back as it was.
    """
    rooms = rooms or Rooms.open(prepared.request.model)
    if prepared.status is NightStatus.DECIDED:
        night = judging.decided_before(prepared, rooms)
    elif prepared.status is not NightStatus.READY or not trained:
        night = judging.undecided(prepared, rooms)
    elif prepared.request.dry_run:
        night = judging.dry_run(prepared, trained, rooms)
    else:
        night = judging.judge(prepared, trained, rooms)
    log.info("%s as of %s: %s", night.model, night.as_of, night.decision)
    return night


def ask(
    decision: NightDecision, asked_by: str, rooms: Rooms | None = None, *, mlflow_ui: str = ""
) -> Question | None:
    """Return what people are asked before a PROMOTE is carried out; None where nobody is.

    Parameters
    ----------
    asked_by : str
        Who started the run, and may not answer; empty where the clock did.
    mlflow_ui : str
        Where a browser finds MLflow; empty: the tracking server, if there is one.
    """
    rooms = rooms or Rooms.open(decision.model)
    return approving.question_of(decision, asked_by, rooms, mlflow_ui=mlflow_ui)


def promote(
    decision: NightDecision, rooms: Rooms | None = None, *, answer: Answer | None = None
) -> NightDecision:
    """Carry out a PROMOTE, then close the night's MLflow run; any other decision is only closed.

    A champion that changed since the look turns the PROMOTE into a HOLD with that reason; in a
    change freeze it waits, and the first night after the freeze carries it out. What a person
    answered, or that nobody did, is kept, and only an approval promotes. A rerun, which asks nobody
    again, goes by the answer that is kept.
    """
    rooms = rooms or Rooms.open(decision.model)
    if decision.decision is Decision.PROMOTE and decision.challenger is not None:
        challenger = decision.challenger
        answer = answer or approving.answered(decision, rooms)
        if answer is None:
            decision = promoting.carry_out(decision, challenger, rooms)
        else:
            decision = approving.carry_out_answer(decision, challenger, answer, rooms)
    if not decision.dry_run:
        promoting.reconcile_champion(decision.model, decision.as_of, rooms)
    if decision.run_id is not None:
        rooms.tracker.finish_night(decision.run_id, decision)
    return decision


def roll_back(
    model: str,
    to_version: int | None,
    reason: str,
    actor: str,
    *,
    as_of: date | None = None,
    request_id: str | None = None,
    rooms: Rooms | NamedModel | None = None,
) -> PromotionRecord:
    """Make an earlier champion champion again, as :func:`by_hand.roll_back`, which tells it all."""
    return by_hand.roll_back(
        rooms or Rooms.open(model),
        model,
        to_version,
        actor=actor,
        reason=reason,
        as_of=as_of,
        request_id=request_id,
    )


def run_url(run_id: str | None) -> str | None:
    """Return the address of an MLflow run's page, if the tracking server has one."""
    from finrisk.tracking.night_tracker import NightTracker

    return NightTracker(load_settings()).run_url(run_id) if run_id else None
