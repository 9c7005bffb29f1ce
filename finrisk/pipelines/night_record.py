"""The ledger's record of a night: written once it is decided, and not unwritten by a rerun."""

from __future__ import annotations

import logging

from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightDecision, PreparedNight

log = logging.getLogger(__name__)


def keep_night(decision: NightDecision, prepared: PreparedNight, rooms: Rooms) -> NightDecision:
    """Write the night into the ledger; a night that spent a look is never replaced by another.

    Two runs of one night may meet here. The later one is told that the look is spent; its HOLD goes
    into its own MLflow run, if that is another one, and never into that of the verdict.
    """
    stored = rooms.ledger.night(decision.model, decision.as_of)
    if (
        stored is not None
        and spent_a_look(stored.decision, rooms)
        and stored.decision.evidence_sha256 != decision.evidence_sha256
    ):
        log.warning(
            "%s as of %s was decided on a look before: that stands, this run is not recorded",
            decision.model,
            decision.as_of,
        )
        own = None if decision.run_id == stored.decision.run_id else decision.run_id
        return decision.replace(run_id=own)
    snapshot, now, began = prepared.snapshot, rooms.now(), prepared.began
    rooms.ledger.record_night(
        decision,
        snapshot_sha256=snapshot.sha256 if snapshot else None,
        spec_sha256=prepared.spec_sha256,
        holdout_sha256=snapshot.holdout_sha256 if snapshot else None,
        at=now,
        seconds=None if began is None else max(0.0, (now - began).total_seconds()),
    )
    return decision


def spent_a_look(night: NightDecision, rooms: Rooms) -> bool:
    """Say whether the night came to a look on the hold-out."""
    evidence = rooms.ledger.evidence(night.evidence_sha256) if night.evidence_sha256 else None
    return evidence is not None and evidence.look is not None
