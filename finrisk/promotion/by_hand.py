"""Promotions that a person makes: on passing evidence, as a signed refresh, or by force."""

from __future__ import annotations

import logging
from datetime import date, datetime

from finrisk.errors import EvidenceMissing, PromotionError
from finrisk.ledger.signatures import Signature
from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasRegistry, projected
from finrisk.promotion.swap import known_version, promote, swap_key
from finrisk.records import Champion, PromotionKind, PromotionRecord

log = logging.getLogger(__name__)


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
    signs: bool = True,
    on_evidence: bool = True,
    has_nights: bool = True,
) -> PromotionRecord:
    """Promote on passing evidence for the champion of now, or by force with a name and a reason.

    Asking for the version that is champion already returns the promotion that made it so.

    Parameters
    ----------
    signs : bool
        Somebody gave a name and a reason of their own: the version becomes the anchor, and
        replacing a champion is ``approved``. A script that promotes by default signs nothing.
    on_evidence : bool
        False for who may not promote on it: what they force is recorded as forced.
    has_nights : bool
        Whether the model has a spec, and so nights that could judge.

    Raises
    ------
    EvidenceMissing
        No passing evidence, and no force; or force without an actor and a reason.
    PromotionFrozen
        A change freeze holds as of that day: force is no way around it.
    PromotionError
        The ledger knows no such version.
    """
    new = known_version(ledger, model, version)
    champion = ledger.champion(model)
    epoch = 0 if champion is None else champion.epoch
    if champion is not None and champion.version == version:
        log.info("%s version %d is champion already", model, version)
        return projected(ledger, registry, registered_name, ledger.history(model)[-1])
    evidence = ledger.passing_evidence(new, champion) if on_evidence else None
    if evidence is None and not force:
        raise EvidenceMissing(
            f"{model} version {version} has no passing evidence",
            expected=f"evidence against {_text(champion)}",
            remedy=_way_to_evidence(has_nights=has_nights),
        )
    kind = PromotionKind.FORCED
    if evidence is not None:
        earned = PromotionKind.APPROVED if signs else PromotionKind.SUPERIORITY
        kind = PromotionKind.BOOTSTRAP if champion is None else earned
    return promote(
        ledger,
        registry,
        registered_name,
        new,
        None if champion is None else champion.version,
        epoch,
        swap_key(kind, epoch, new),
        kind=kind,
        evidence_sha256=evidence,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
        signs=signs,
    )


def refresh(
    ledger: Ledger,
    registry: AliasRegistry,
    registered_name: str,
    model: str,
    version: int,
    *,
    most_a_year: int,
    actor: str,
    reason: str,
    as_of: date,
    at: datetime,
    has_nights: bool = True,
) -> PromotionRecord:
    """Replace the champion by a version that is not better but needed: stale data, a library, law.

    Every rule of the night that judged it must hold but superiority: its guards and the anchor
    among them. It is signed, and never automatic.

    Parameters
    ----------
    most_a_year : int
        Refreshes in the calendar year of ``as_of``, this one included.
    has_nights : bool
        Whether the model has a spec, and so nights that could judge.

    Raises
    ------
    EvidenceMissing
        No night compared it with the champion of now, or a rule stands in the way; no actor or no
        reason.
    PromotionError
        There is no champion to refresh, the year's refreshes are used up, or the ledger knows no
        such version.
    PromotionFrozen
        A change freeze holds as of that day.
    """
    new, champion = known_version(ledger, model, version), ledger.champion(model)
    history = ledger.history(model)
    if champion is None:
        raise PromotionError(
            f"{model} has no champion to refresh", remedy="let a night find a first champion"
        )
    if champion.version == version:
        return projected(ledger, registry, registered_name, history[-1])
    used = sum(
        link.kind is PromotionKind.REFRESH and (link.as_of or link.at.date()).year == as_of.year
        for link in history
    )
    if used >= most_a_year:
        raise PromotionError(
            f"{model} was refreshed {used} times in {as_of.year}",
            expected=f"at most {most_a_year} a year (gate.refreshes_per_year)",
            remedy="let a night find a better version, or force this one in your name",
        )
    evidence, obstacles = ledger.refresh_evidence(new, champion)
    if evidence is None:
        raise EvidenceMissing(
            f"{model} version {version} may not refresh the champion: {'; '.join(obstacles)}",
            expected=f"every rule but superiority to hold against {_text(champion)}",
            remedy=_way_to_evidence(has_nights=has_nights),
        )
    return promote(
        ledger,
        registry,
        registered_name,
        new,
        champion.version,
        champion.epoch,
        swap_key(PromotionKind.REFRESH, champion.epoch, new),
        kind=PromotionKind.REFRESH,
        evidence_sha256=evidence,
        actor=actor,
        reason=reason,
        as_of=as_of,
        at=at,
    )


def sign(
    ledger: Ledger, model: str, version: int | None, *, reason: str, actor: str, at: datetime
) -> Signature:
    """Let a person vouch for a version that serves or served; None means the champion.

    Raises
    ------
    PromotionError
        No champion, a version that never was one, or no actor or reason.
    """
    champion = ledger.champion(model)
    if version is None and champion is None:
        raise PromotionError(f"{model} has no champion to sign", remedy="promote one first")
    number = version if version is not None else champion.version if champion else 0
    return ledger.sign(known_version(ledger, model, number), reason=reason, actor=actor, at=at)


def _way_to_evidence(*, has_nights: bool) -> str:
    if has_nights:
        return (
            "let a night judge it, if a night trained it; or force it, with an actor and a reason "
            "kept for good"
        )
    return (
        "no night judges a model without a spec: force it, with an actor and a reason kept for "
        "good, or write a spec"
    )


def _text(champion: Champion | None) -> str:
    if champion is None:
        return "the floors of a first champion"
    return f"champion version {champion.version} at epoch {champion.epoch}"
