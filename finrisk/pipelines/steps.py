"""The four steps of a night: record in, record out. Airflow runs these; so does ``retrain.py``.

prepare   validate what landed, freeze it into a snapshot         NightRequest   → PreparedNight
train     fit one candidate on the snapshot's development rows    PreparedNight  → TrainedCandidate
decide    register the chosen one, spend the look, compare        [...]          → NightDecision
promote   compare-and-swap in the ledger, alias after, report     NightDecision  → NightDecision

Every step may run twice with the same input and leaves the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from finrisk.config import load_settings
from finrisk.pipelines import judging, preparing, promoting, training
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Decision,
    NightDecision,
    NightRequest,
    NightStatus,
    PreparedNight,
    TrainedCandidate,
)

log = logging.getLogger(__name__)


def prepare(request: NightRequest, rooms: Rooms | None = None) -> PreparedNight:
    """Validate what landed by ``as_of`` and freeze the matured rows into a snapshot.

    Bad data never raises here: the night comes back ``blocked`` or ``too_little`` with its reasons,
    and a rerun after the mend succeeds.
    """
    rooms = rooms or Rooms.open(request.model)
    if not request.dry_run:
        promoting.carry_out_pending(request, rooms)
    prepared = preparing.prepare_night(request, rooms)
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
    """Choose on development data, register, spend the look, compare with the champion, decide."""
    rooms = rooms or Rooms.open(prepared.request.model)
    if prepared.status is not NightStatus.READY or not trained:
        night = judging.undecided(prepared, rooms)
    elif prepared.request.dry_run:
        night = judging.dry_run(prepared, trained, rooms)
    else:
        night = judging.judge(prepared, trained, rooms)
    log.info("%s as of %s: %s", night.model, night.as_of, night.decision)
    return night


def promote(decision: NightDecision, rooms: Rooms | None = None) -> NightDecision:
    """Carry out a PROMOTE, then close the night's MLflow run; any other decision is only closed.

    A champion that changed since the look turns the PROMOTE into a HOLD with that reason.
    """
    rooms = rooms or Rooms.open(decision.model)
    if decision.decision is Decision.PROMOTE and decision.challenger is not None:
        decision = promoting.carry_out(decision, decision.challenger, rooms)
    if not decision.dry_run:
        promoting.mend_aliases(decision.model, rooms)
    if decision.run_id is not None:
        rooms.tracker.finish_night(decision.run_id, decision)
    return decision


def run_url(run_id: str | None) -> str | None:
    """Return the address of an MLflow run's page, if the tracking server has one."""
    from finrisk.tracking.tracker import FinRiskMLflowTracker

    return FinRiskMLflowTracker(load_settings()).run_url(run_id) if run_id else None
