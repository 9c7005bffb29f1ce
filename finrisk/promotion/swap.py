"""Promote: the ledger decides in one transaction who serves, then the aliases show it."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import date, datetime

from finrisk.errors import PromotionError
from finrisk.faults import step
from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasRegistry, projected
from finrisk.records import ModelVersion, PromotionKind, PromotionRecord

log = logging.getLogger(__name__)


def promote(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    new: ModelVersion,
    expected_version: int | None,
    expected_epoch: int,
    idem_key: str,
    *,
    kind: PromotionKind,
    evidence_sha256: str | None,
    actor: str,
    reason: str,
    as_of: date | None,
    at: datetime,
    signs: bool = False,
) -> PromotionRecord:
    """Verify the artifact, swap the champion in the ledger, then point the aliases.

    The same ``idem_key`` again returns the same promotion. What the parameters mean, and the
    ledger's own refusals, stand at ``Ledger.promote``.

    Raises
    ------
    ArtifactRejected
        The artifact does not verify; the champion stays.
    PromotionFrozen
        A change freeze holds as of that day, and it is no rollback.
    StaleChallenger
        The champion changed since the challenger was judged.
    EvidenceMissing
        No passing evidence for this champion and epoch.
    """
    registry.verify(registered_name, new)
    return promote_verified(
        ledger,
        registry,
        registered_name,
        new,
        expected_version,
        expected_epoch,
        idem_key,
        kind=kind,
        evidence_sha256=evidence_sha256,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
        signs=signs,
    )


def promote_verified(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    new: ModelVersion,
    expected_version: int | None,
    expected_epoch: int,
    idem_key: str,
    *,
    kind: PromotionKind,
    evidence_sha256: str | None,
    actor: str,
    reason: str,
    as_of: date | None,
    at: datetime,
    signs: bool = False,
) -> PromotionRecord:
    """Do the same with a version whose artifact the caller has verified; raises as it does."""
    with step("promote"):
        record = ledger.promote(
            new.model,
            new,
            expected_version,
            expected_epoch,
            idem_key,
            kind=kind,
            evidence_sha256=evidence_sha256,
            actor=actor,
            reason=reason,
            as_of=as_of,
            at=at,
            signs=signs,
        )
    log.info("%s version %d is champion at epoch %d", record.model, record.version, record.epoch)
    return projected(ledger, registry, registered_name, record)


def known_version(ledger: Ledger, model: str, version: int) -> ModelVersion:
    """Return a version the ledger knows, or raise ``PromotionError`` with those it does."""
    known = ledger.version(model, version)
    if known is None:
        have = ", ".join(str(v.version) for v in ledger.versions(model)) or "none"
        raise PromotionError(
            f"the ledger knows no version {version} of {model}",
            expected=f"one of: {have}",
            remedy="register it first; `finrisk history MODEL` lists what there is",
        )
    return known


def swap_key(kind: PromotionKind, epoch: int, new: ModelVersion) -> str:
    """Pressing twice is one promotion: the key holds what comes, and after which epoch."""
    parts = [kind.value, new.model, epoch, new.version, new.artifact_sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
