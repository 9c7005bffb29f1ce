"""The promote step: carry out what the gate decided, once, against the champion it judged."""

from __future__ import annotations

import logging
from datetime import date

from finrisk.errors import (
    FinRiskError,
    IntegrityError,
    PromotionError,
    PromotionFrozen,
    StaleChallenger,
)
from finrisk.keys import run_key
from finrisk.pipelines.named_model import NamedModel
from finrisk.pipelines.night_record import spent_a_look
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.trial import cooling_until
from finrisk.promotion.reconcile import reconcile
from finrisk.promotion.swap import promote
from finrisk.records import (
    Answer,
    Decision,
    ModelVersion,
    NightDecision,
    NightRequest,
    PromotionKind,
)

log = logging.getLogger(__name__)
WAITS = "waits: "


def carry_out(
    decision: NightDecision,
    challenger: ModelVersion,
    rooms: Rooms,
    as_of: date | None = None,
    *,
    approved: Answer | None = None,
) -> NightDecision:
    """Make the challenger champion; one that came too late leaves the champion and says so.

    Asked again with the same decision, it finds the promotion done. A late challenger's night is
    recorded as HOLD, with what was promoted meanwhile. In a change freeze, while the model cools
    down from an automatic rollback, and where the policy asks for a person, the night ends as HOLD
    too, but its record stays PROMOTE: the first night afterwards, or the person, carries it out.

    Parameters
    ----------
    as_of : date, optional
        The day it counts from; None is the decided night's own.
    approved : Answer, optional
        The person who may approve it and did, with a comment: promotes in their name, signs the
        version, and need not wait for a cool-down to end.
    """
    if is_done(decision, rooms):  # by an earlier try, or by the person it waited for
        return decision
    if approved is None:
        if rooms.spec.gate.approval == "person":
            return _waiting(decision, _for_a_person(decision, challenger), rooms)
        until = cooling_until(decision.model, as_of or decision.as_of, rooms)
        if until is not None:
            return _waiting(decision, _cooling_down(decision, challenger, until), rooms)
    actor = decision.actor or rooms.settings.actor
    try:
        promote(
            rooms.ledger,
            rooms.registry,
            rooms.registered_name,
            challenger,
            decision.champion_version,
            decision.champion_epoch,
            run_key("promote", rooms.settings.scope, decision.evidence_sha256 or ""),
            kind=_kind(decision, approved),
            evidence_sha256=decision.evidence_sha256,
            actor=actor if approved is None else approved.name,
            reason="; ".join(decision.reasons) if approved is None else approved.comment,
            as_of=as_of or decision.as_of,
            at=rooms.local_now(),
            signs=approved is not None,
        )
    except StaleChallenger as exc:
        return _hold(decision, (str(exc),), rooms)
    except PromotionFrozen as exc:
        return _waiting(decision, exc.what, rooms)
    return decision


def held(decision: NightDecision, why: str, rooms: Rooms) -> NightDecision:
    """Record a PROMOTE as HOLD, for a reason that comes before those of the gate."""
    kept = tuple(reason for reason in decision.reasons if not reason.startswith(WAITS))
    return _hold(decision, (why, *kept), rooms)


def is_done(decision: NightDecision, rooms: Rooms) -> bool:
    """Say whether a promotion rests on the decision's evidence."""
    done = {link.evidence_sha256 for link in rooms.ledger.history(decision.model)}
    return decision.evidence_sha256 in done


def carry_out_pending(request: NightRequest, rooms: Rooms) -> None:
    """Carry out the last judged night's PROMOTE if its promote step never came to it.

    Its evidence still fits: it names the champion and the epoch it was decided on. It counts from
    this night on, because the old champion decided until now.
    """
    pending = _last_judged(request, rooms)
    if pending is None or pending.decision is not Decision.PROMOTE:
        return
    if pending.challenger is None or is_done(pending, rooms):
        return
    log.warning("%s as of %s was decided but not promoted", pending.model, pending.as_of)
    try:
        carry_out(pending, pending.challenger, rooms, request.as_of)
    except (PromotionError, IntegrityError) as exc:
        log.warning("%s as of %s stays undone: %s", pending.model, pending.as_of, exc)


def reconcile_champion(model: str, as_of: date, rooms: Rooms | NamedModel) -> None:
    """Mend what was done to the champion out of band; an MLflow that fails is left for the next."""
    if rooms.ledger.champion(model) is None:
        return
    try:
        found = reconcile(
            rooms.ledger,
            rooms.registry,
            model,
            rooms.registered_name,
            as_of=as_of,
            at=rooms.local_now(),
        )
    except (FinRiskError, OSError) as exc:
        log.warning("%s: the champion was not reconciled: %s", model, exc)
        return
    for difference in found.differences:
        log.warning("%s: alias %s differed from the ledger", model, difference.alias)


def _last_judged(request: NightRequest, rooms: Rooms) -> NightDecision | None:
    """Return the newest earlier night that came to a look; a freeze may lie between."""
    last = rooms.ledger.last_night(request.model, before=request.as_of)
    while last is not None and not spent_a_look(last.decision, rooms):
        last = rooms.ledger.last_night(request.model, before=last.decision.as_of)
    return None if last is None else last.decision


def _kind(decision: NightDecision, approved: Answer | None) -> PromotionKind:
    if decision.champion_version is None:
        return PromotionKind.BOOTSTRAP
    return PromotionKind.SUPERIORITY if approved is None else PromotionKind.APPROVED


def _for_a_person(decision: NightDecision, challenger: ModelVersion) -> str:
    return (
        "the policy asks for a person's approval: "
        f"`finrisk promote {decision.model} {challenger.version} --reason WHY`"
    )


def _cooling_down(decision: NightDecision, challenger: ModelVersion, until: date) -> str:
    return (
        f"an automatic rollback cools down until {until}; before, a person may: "
        f"`finrisk promote {decision.model} {challenger.version} --reason WHY`"
    )


def _waiting(decision: NightDecision, freeze: str, rooms: Rooms) -> NightDecision:
    grounds = tuple(reason for reason in decision.reasons if not reason.startswith(WAITS))
    waiting = decision.replace(reasons=(*grounds, WAITS + freeze))
    if waiting != decision:
        _record_anew(waiting, rooms)
    log.warning("%s as of %s waits: %s", decision.model, decision.as_of, freeze)
    return waiting.replace(decision=Decision.HOLD)


def _hold(decision: NightDecision, reasons: tuple[str, ...], rooms: Rooms) -> NightDecision:
    ended = decision.replace(decision=Decision.HOLD, reasons=reasons)
    _record_anew(ended, rooms)
    return ended


def _record_anew(decision: NightDecision, rooms: Rooms) -> None:
    stored = rooms.ledger.night(decision.model, decision.as_of)
    if stored is None:
        return
    rooms.ledger.record_night(
        decision,
        snapshot_sha256=stored.snapshot_sha256,
        spec_sha256=stored.spec_sha256,
        holdout_sha256=stored.holdout_sha256,
        at=rooms.now(),
        seconds=stored.seconds,
    )
