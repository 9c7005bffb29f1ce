"""Promote, roll back, reconcile: the ledger first, the registry's aliases after.

The ledger decides in one transaction who serves. An alias is a picture of it for people and for
MLflow's own tools: if drawing it fails the promotion stands, and ``reconcile`` draws it later.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from finrisk.errors import ArtifactRejected, EvidenceMissing, PromotionError, RollbackRefused
from finrisk.ledger.lineage import predecessors, rollback_target
from finrisk.ledger.store import Ledger
from finrisk.records import Champion, ModelVersion, PromotionKind, PromotionRecord

log = logging.getLogger(__name__)

PRODUCTION = "production"
PREVIOUS = "previous"
MOST_ROUNDS = 5  # a promotion during a reconciliation starts another round, and they are rare


class AliasRegistry(Protocol):
    """What promotion needs of the model registry."""

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        """Point the alias at the version.

        Raises
        ------
        ArtifactRejected
            There is no such version any more.
        """
        ...

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        """Return the version the alias points at, if it exists."""
        ...

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        """Check signature and digests, load it, reproduce its golden scores.

        Raises
        ------
        ArtifactRejected
            It is gone, not what was signed, or does not score as it did.
        """
        ...


@dataclass(frozen=True, slots=True)
class AliasDifference:
    """An alias that did not show what the ledger says; None is an alias that should not be.

    ``reason`` says why the registry could not repair it, where that was tried.
    """

    alias: str
    ledger_version: int | None
    registry_version: int | None
    repaired: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a reconciliation found and did; ``projected`` are the epochs the aliases now show."""

    model: str
    epoch: int
    differences: tuple[AliasDifference, ...]
    projected: tuple[int, ...]


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
    )
    log.info("%s version %d is champion at epoch %d", record.model, record.version, record.epoch)
    return _projected(ledger, registry, registered_name, record)


def promote_by_hand(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    model: str,
    version: int,
    *,
    force: bool,
    actor: str,
    reason: str,
    as_of: date | None,
    at: datetime,
) -> PromotionRecord:
    """Promote on passing evidence for the champion of now, or by force with a name and a reason.

    Asking for the version that is champion already returns the promotion that made it so.

    Raises
    ------
    EvidenceMissing
        No passing evidence, and no force; or force without an actor and a reason.
    PromotionFrozen
        A change freeze holds as of that day: force is no way around it.
    PromotionError
        The ledger knows no such version.
    """
    new = _known_version(ledger, model, version)
    champion = ledger.champion(model)
    epoch = 0 if champion is None else champion.epoch
    if champion is not None and champion.version == version:
        log.info("%s version %d is champion already", model, version)
        return _projected(ledger, registry, registered_name, ledger.history(model)[-1])
    evidence = ledger.passing_evidence(new, champion)
    if evidence is None and not force:
        raise EvidenceMissing(
            f"{model} version {version} has no passing evidence",
            expected=f"evidence against {_text(champion)}",
            remedy="let a night judge it; or force it, with an actor and a reason kept for good",
        )
    kind = PromotionKind.FORCED
    if evidence is not None:
        kind = PromotionKind.BOOTSTRAP if champion is None else PromotionKind.SUPERIORITY
    return promote(
        ledger,
        registry,
        registered_name,
        new,
        None if champion is None else champion.version,
        epoch,
        _idem_key(kind, epoch, new),
        kind=kind,
        evidence_sha256=evidence,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
    )


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
        return _projected(ledger, registry, registered_name, done)
    target = rollback_target(model, history, to_version)
    now = history[-1]
    known = _known_version(ledger, model, target)
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
        idem_key or _idem_key(PromotionKind.ROLLBACK, now.epoch, known),
        kind=PromotionKind.ROLLBACK,
        evidence_sha256=None,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
    )


def reconcile(
    ledger: Ledger, registry: AliasRegistry, model: str, registered_name: str
) -> Reconciliation:
    """Make the aliases show what the ledger says, and report every one that did not.

    An alias that should not exist (before the first champion) is reported and left alone. One
    whose version somebody deleted is reported every time, for it can never be shown; an epoch
    counts as projected once the production alias shows its champion, whatever became of the
    previous one.
    """
    differences: list[AliasDifference] = []
    projected: list[int] = []
    epoch = 0
    for _ in range(MOST_ROUNDS):
        history = ledger.history(model)
        epoch = history[-1].epoch if history else 0
        found = _align(registry, registered_name, history)
        differences += found
        for link in history:
            if not link.projected and _champion_is_shown(found):
                ledger.mark_projected(model, link.epoch)
                projected.append(link.epoch)
        champion = ledger.champion(model)
        if epoch == (0 if champion is None else champion.epoch):
            break
    return Reconciliation(model, epoch, tuple(differences), tuple(projected))


def _next_that_verifies(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    history: Sequence[PromotionRecord],
) -> int | None:
    model = history[-1].model
    for version in predecessors(history)[1:]:
        try:
            registry.verify(registered_name, _known_version(ledger, model, version))
        except ArtifactRejected:
            log.warning("%s version %d does not verify either", model, version)
        else:
            return version
    return None


def _known_version(ledger: Ledger, model: str, version: int) -> ModelVersion:
    known = ledger.version(model, version)
    if known is None:
        have = ", ".join(str(v.version) for v in ledger.versions(model)) or "none"
        raise PromotionError(
            f"the ledger knows no version {version} of {model}",
            expected=f"one of: {have}",
            remedy="register it first; `finrisk history MODEL` lists what there is",
        )
    return known


def _projected(
    ledger: Ledger, registry: AliasRegistry, registered_name: str, record: PromotionRecord
) -> PromotionRecord:
    try:
        reconcile(ledger, registry, record.model, registered_name)
        missing = {link.epoch for link in ledger.unprojected(record.model)}
    except Exception:  # it is committed: nothing the registry does may make it look undone
        log.warning(
            "%s epoch %d stands, but its aliases could not be set; reconcile will",
            record.model,
            record.epoch,
            exc_info=True,
        )
        return record
    return record.replace(projected=record.epoch not in missing)


def _align(
    registry: AliasRegistry, registered_name: str, history: Sequence[PromotionRecord]
) -> list[AliasDifference]:
    last = history[-1] if history else None
    level = logging.INFO if last is not None and not last.projected else logging.WARNING
    wanted = (
        (PRODUCTION, None if last is None else last.version),
        (PREVIOUS, None if last is None else last.previous_version),
    )
    differences = []
    for alias, version in wanted:
        found = registry.alias_version(registered_name, alias)
        if found == version:
            continue
        log.log(level, "%s@%s was %s, the ledger says %s", registered_name, alias, found, version)
        reason = None if version is None else _set(registry, registered_name, alias, version)
        repaired = version is not None and reason is None
        differences.append(AliasDifference(alias, version, found, repaired, reason))
    return differences


def _set(registry: AliasRegistry, registered_name: str, alias: str, version: int) -> str | None:
    """Point the alias at the version, or return why the registry cannot."""
    try:
        registry.set_alias(registered_name, alias, version)
    except ArtifactRejected as exc:
        log.warning("%s@%s cannot be set: %s", registered_name, alias, exc)
        return exc.what
    return None


def _champion_is_shown(differences: Sequence[AliasDifference]) -> bool:
    return all(found.repaired for found in differences if found.alias == PRODUCTION)


def _idem_key(kind: PromotionKind, epoch: int, new: ModelVersion) -> str:
    """Pressing twice is one promotion: the key holds what comes, and after which epoch."""
    parts = [kind.value, new.model, epoch, new.version, new.artifact_sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _text(champion: Champion | None) -> str:
    if champion is None:
        return "the floors of a first champion"
    return f"champion version {champion.version} at epoch {champion.epoch}"
