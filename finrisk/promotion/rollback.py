"""Roll back: bring back a version that was champion before and that still verifies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime

from finrisk.errors import ArtifactRejected, RollbackRefused, StaleChallenger, Unreachable
from finrisk.ledger.lineage import predecessors, rollback_target
from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasRegistry, projected
from finrisk.promotion.swap import known_version, promote_verified, swap_key
from finrisk.records import ModelVersion, PromotionKind, PromotionRecord

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
    expected_epoch: int | None = None,
) -> PromotionRecord:
    """Bring back an earlier champion; no evidence is needed, only a target that verifies.

    A change freeze does not stand in the way, nor does an MLflow that is away or lost the version:
    then the copy that was kept on this machine is verified.

    Parameters
    ----------
    to_version : int or None
        ``None`` means the champion's predecessor. One that was itself rolled back from is no
        predecessor: rolling back twice goes two versions back.
    idem_key : str, optional
        Names this one request: the same key again returns the promotion it made, where without a
        key a second call goes a further version back.
    expected_epoch : int, optional
        Roll back only from the champion of this epoch; without it, from whichever serves now.

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
    epoch = history[-1].epoch if history else 0
    if expected_epoch not in (None, epoch):
        raise StaleChallenger(
            f"{model} is not rolled back: its champion changed meanwhile",
            expected=f"epoch {expected_epoch}",
            got=f"epoch {epoch}",
        )
    target = rollback_target(model, history, to_version)
    now = history[-1]
    known = known_version(ledger, model, target)
    try:
        _verify(registry, registered_name, known)
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
    return promote_verified(
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


def _verify(registry: AliasRegistry, registered_name: str, version: ModelVersion) -> None:
    """Verify MLflow's artifact, or the kept copy where MLflow is away or lost it.

    Going back must not wait for a registry: reconciling registers a deleted version again.
    """
    try:
        registry.verify(registered_name, version)
    except (ArtifactRejected, Unreachable) as exc:
        log.warning("%s version %d: %s; its copy is asked", version.model, version.version, exc)
        try:
            registry.verify_copy(version)
        except ArtifactRejected as no_copy:
            if isinstance(exc, Unreachable):
                raise exc from no_copy
            raise ArtifactRejected(f"{exc.what}; its copy: {no_copy.what}") from exc


def _next_that_verifies(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    history: Sequence[PromotionRecord],
) -> int | None:
    model = history[-1].model
    for version in predecessors(history)[1:]:
        try:
            _verify(registry, registered_name, known_version(ledger, model, version))
        except ArtifactRejected:
            log.warning("%s version %d does not verify either", model, version)
        else:
            return version
    return None
