"""Roll back: bring back a version that was champion before and that still verifies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime

from finrisk.errors import ArtifactRejected, RollbackRefused
from finrisk.ledger.lineage import predecessors, rollback_target
from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasRegistry, projected
from finrisk.promotion.swap import known_version, promote, swap_key
from finrisk.records import PromotionKind, PromotionRecord

log = logging.getLogger(__name__)


def roll_back(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    model: str,
    *,
    to_version: int | None,
    actor: str,
    reason: str,
    as_of: date | None,
    at: datetime,
    idem_key: str | None = None,
) -> PromotionRecord:
    """Bring back an earlier champion; no evidence is needed, only a target that verifies.

    A change freeze does not stand in the way.

    Parameters
    ----------
    to_version : int or None
        ``None`` means the champion's predecessor. One that was itself rolled back from is no
        predecessor: rolling back twice goes two versions back.
    idem_key : str, optional
        Names this one request: the same key again returns the promotion it made, where without a
        key a second call goes a further version back.

    Raises
    ------
    RollbackRefused
        The target was never champion, is champion now, or does not verify; where an older
        champion verifies, the message offers it, and it is never taken silently.
    StaleChallenger
        The champion changed meanwhile.
    """
    history = ledger.history(model)
    done = next((link for link in history if link.idem_key == idem_key), None)
    if done is not None:
        return projected(ledger, registry, registered_name, done)
    target = rollback_target(model, history, to_version)
    now = history[-1]
    known = known_version(ledger, model, target)
    try:
        registry.verify(registered_name, known)
    except ArtifactRejected as exc:
        offer = None
        if to_version is None:
            offer = _next_that_verifies(ledger, registry, registered_name, history)
        raise RollbackRefused(
            f"{model} version {target} does not verify: {exc.what}",
            remedy="restore its artifact, or name another earlier champion"
            if offer is None
            else f"version {offer} verifies: name it to roll back to it (--to {offer})",
        ) from exc
    return promote(
        ledger,
        registry,
        registered_name,
        known,
        now.version,
        now.epoch,
        idem_key or swap_key(PromotionKind.ROLLBACK, now.epoch, known),
        kind=PromotionKind.ROLLBACK,
        evidence_sha256=None,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
    )


def _next_that_verifies(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    history: Sequence[PromotionRecord],
) -> int | None:
    model = history[-1].model
    for version in predecessors(history)[1:]:
        try:
            registry.verify(registered_name, known_version(ledger, model, version))
        except ArtifactRejected:
            log.warning("%s version %d does not verify either", model, version)
        else:
            return version
    return None
