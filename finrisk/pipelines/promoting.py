"""The promote step: carry out what the gate decided, once, against the champion it judged."""

from __future__ import annotations

from finrisk.errors import StaleChallenger
from finrisk.pipelines.keys import run_key
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion import promote
from finrisk.records import Decision, ModelVersion, NightDecision, PromotionKind


def carry_out(decision: NightDecision, challenger: ModelVersion, rooms: Rooms) -> NightDecision:
    """Make the challenger champion; one that came too late leaves the champion and says so.

    Asked again with the same decision, it finds the promotion done. A late challenger's night is
    recorded as HOLD, with what was promoted meanwhile.
    """
    first = decision.champion_version is None
    try:
        promote(
            rooms.ledger,
            rooms.registry,
            rooms.registered_name,
            challenger,
            decision.champion_version,
            decision.champion_epoch,
            run_key("promote", rooms.settings.scope, decision.evidence_sha256 or ""),
            kind=PromotionKind.BOOTSTRAP if first else PromotionKind.SUPERIORITY,
            evidence_sha256=decision.evidence_sha256,
            actor=decision.actor or rooms.settings.actor,
            reason="; ".join(decision.reasons),
            as_of=decision.as_of,
            at=rooms.now(),
        )
    except StaleChallenger as exc:
        return _too_late(decision, str(exc), rooms)
    return decision


def _too_late(decision: NightDecision, reason: str, rooms: Rooms) -> NightDecision:
    held = decision.replace(decision=Decision.HOLD, reasons=(reason,))
    stored = rooms.ledger.night(decision.model, decision.as_of)
    if stored is not None:
        rooms.ledger.record_night(
            held,
            snapshot_sha256=stored.snapshot_sha256,
            spec_sha256=stored.spec_sha256,
            holdout_sha256=stored.holdout_sha256,
            at=rooms.now(),
        )
    return held
