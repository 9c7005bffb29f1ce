"""The promote step: carry out what the gate decided, once, against the champion it judged."""

from __future__ import annotations

import logging

from finrisk.errors import FinRiskError, IntegrityError, PromotionError, StaleChallenger
from finrisk.pipelines.keys import run_key
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion import promote, reconcile
from finrisk.records import Decision, ModelVersion, NightDecision, NightRequest, PromotionKind

log = logging.getLogger(__name__)


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


def carry_out_pending(request: NightRequest, rooms: Rooms) -> None:
    """Carry out the last night's PROMOTE if its promote step never came to it.

    Its evidence still fits: it names the champion and the epoch it was decided on.
    """
    last = rooms.ledger.last_night(request.model, before=request.as_of)
    if last is None or last.decision.decision is not Decision.PROMOTE:
        return
    pending = last.decision
    done = {link.evidence_sha256 for link in rooms.ledger.history(request.model)}
    if pending.challenger is None or pending.evidence_sha256 in done:
        return
    log.warning("%s as of %s was decided but not promoted", pending.model, pending.as_of)
    try:
        carry_out(pending, pending.challenger, rooms)
    except (PromotionError, IntegrityError) as exc:
        log.warning("%s as of %s stays undone: %s", pending.model, pending.as_of, exc)


def mend_aliases(model: str, rooms: Rooms) -> None:
    """Let the aliases show the ledger's champion; a registry that fails is left for the next."""
    if rooms.ledger.champion(model) is None:
        return
    try:
        found = reconcile(rooms.ledger, rooms.registry, model, rooms.registered_name)
    except FinRiskError as exc:
        log.warning("%s: aliases not checked: %s", model, exc)
        return
    for difference in found.differences:
        log.warning("%s: alias %s differed from the ledger", model, difference.alias)


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
