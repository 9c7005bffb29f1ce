"""Who is champion, and how that changes: a compare-and-swap and a link, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Result, exists, insert, literal, select, update
from sqlalchemy.orm import Session

from finrisk.errors import EvidenceMissing, PromotionError, StaleChallenger
from finrisk.faults import reach
from finrisk.ledger.chain import GENESIS, seal
from finrisk.ledger.challenges import end_at_promotion
from finrisk.ledger.evidence import check_evidence
from finrisk.ledger.freezes import check_not_frozen
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import ChampionRow, PromotionRow, utc
from finrisk.ledger.signatures import sign
from finrisk.ledger.versions import remember
from finrisk.records import Champion, ModelVersion, PromotionKind, PromotionRecord

SIGNED = frozenset({PromotionKind.APPROVED, PromotionKind.REFRESH, PromotionKind.FORCED})
"""What only a person does, and so signs; a first champion may be signed as well."""
BACKWARDS = frozenset({PromotionKind.ROLLBACK, PromotionKind.RESTORED})
"""What brings back bytes that were champion before: no evidence is asked, no freeze holds it."""
NEEDS_EVIDENCE = frozenset(PromotionKind) - BACKWARDS - {PromotionKind.FORCED}


@dataclass(frozen=True, slots=True)
class Order:
    """One promotion as asked for: the challenger, the champion it was judged against, and why."""

    new: ModelVersion
    expected_version: int | None
    expected_epoch: int
    idem_key: str
    kind: PromotionKind
    evidence_sha256: str | None
    actor: str
    reason: str
    as_of: date | None
    at: datetime
    signs: bool = False


def champion(session: Session, scope: str, model: str) -> Champion | None:
    """Return the version that serves; ``None`` before the first promotion."""
    row = session.get(ChampionRow, (scope, model))
    return None if row is None else as_record(Champion, row)


def history(session: Session, scope: str, model: str) -> list[PromotionRecord]:
    """Return every promotion of the model, oldest first."""
    rows = session.scalars(
        select(PromotionRow).filter_by(scope=scope, model=model).order_by(PromotionRow.epoch)
    )
    return [as_record(PromotionRecord, row) for row in rows]


def counts(link: PromotionRecord, when: date | datetime) -> bool:
    """Say whether a promotion had taken effect on a business day, or was recorded by a moment."""
    if isinstance(when, datetime):
        return link.at <= utc(when)
    return (link.as_of or link.at.date()) <= when


def promote(session: Session, scope: str, order: Order) -> PromotionRecord:
    """Make the challenger champion if the champion is still the expected one.

    Raises
    ------
    PromotionFrozen
        A change freeze holds; a rollback and a restored champion pass it.
    StaleChallenger
        The champion is another version, or at another epoch.
    EvidenceMissing
        The kind needs evidence and it is missing or of something else; or one that a person signs
        has no actor or no reason.
    PromotionError
        The idempotency key was used for another promotion.
    """
    done = session.scalars(
        select(PromotionRow).filter_by(scope=scope, idem_key=order.idem_key)
    ).one_or_none()
    if done is not None:
        return _same_promotion(as_record(PromotionRecord, done), order)
    if order.kind not in BACKWARDS:
        check_not_frozen(session, scope, order.new.model, order.as_of, order.at)
    now = champion(session, scope, order.new.model)
    _check_expected(order, now)  # before it writes anything: the next in line waits
    remember(session, scope, order.new)
    _swap(session, scope, order)  # first: a stale challenger's evidence is stale as well
    reach("promote:during")
    _check_grounds(session, scope, order, now)
    link = _link(scope, order, _last(session, scope, order.new.model))
    session.add(PromotionRow(scope=scope, **columns(link)))
    end_at_promotion(session, scope, link)
    if order.signs or order.kind in SIGNED:
        session.flush()  # only a version that was champion is signed
        sign(session, scope, order.new, reason=order.reason, actor=order.actor, at=order.at)
    return link


def mark_projected(session: Session, scope: str, model: str, epoch: int) -> None:
    """Record that the aliases showed this promotion; a second time changes nothing."""
    session.execute(
        update(PromotionRow)
        .where(
            PromotionRow.scope == scope,
            PromotionRow.model == model,
            PromotionRow.epoch == epoch,
            PromotionRow.projected.is_(False),
        )
        .values(projected=True)
    )


def _same_promotion(done: PromotionRecord, order: Order) -> PromotionRecord:
    asked = (order.new.model, order.new.version, order.new.artifact_sha256)
    if (done.model, done.version, done.artifact_sha256) != asked:
        raise PromotionError(
            f"idempotency key {order.idem_key} belongs to another promotion",
            expected=f"{done.model} version {done.version}",
            got=f"{order.new.model} version {order.new.version}",
            remedy="derive the key from what is promoted",
        )
    return done


def _check_grounds(session: Session, scope: str, order: Order, now: Champion | None) -> None:
    if order.kind in NEEDS_EVIDENCE:
        check_evidence(session, scope, order.evidence_sha256, order.kind, order.new, now)
    if order.kind is PromotionKind.RESTORED:
        _check_same_bytes(order, now)
    signed = order.signs or order.kind in SIGNED
    if signed and not (order.actor.strip() and order.reason.strip()):
        raise EvidenceMissing(
            f"{order.new.model} version {order.new.version} cannot be promoted by hand anonymously "
            f"({order.kind})",
            expected="an actor and a reason",
            got=f"actor {order.actor!r}, reason {order.reason!r}",
            remedy="say who does it and why; both are kept for good",
        )


def _check_same_bytes(order: Order, now: Champion | None) -> None:
    served = None if now is None else now.artifact_sha256
    if order.new.artifact_sha256 != served:
        raise PromotionError(
            f"{order.new.model} version {order.new.version} is not the champion restored",
            expected=f"artifact {served}",
            got=order.new.artifact_sha256,
            remedy="restore the champion's own bytes, or let a night promote another version",
        )


def _check_expected(order: Order, now: Champion | None) -> None:
    found = (None, 0) if now is None else (now.version, now.epoch)
    if found != (order.expected_version, order.expected_epoch):
        raise _stale(order, now)


def _swap(session: Session, scope: str, order: Order) -> None:
    if order.expected_version is None:
        hit = _first_champion(session, scope, order)
    else:
        hit = _next_champion(session, scope, order)
    if hit != 1:  # somebody wrote by hand since it was read
        raise _stale(order, champion(session, scope, order.new.model))


def _stale(order: Order, now: Champion | None) -> StaleChallenger:
    return StaleChallenger(
        f"{order.new.model} version {order.new.version} was judged against another champion",
        expected=_champion_text(order.expected_version, order.expected_epoch),
        got="no champion" if now is None else _champion_text(now.version, now.epoch),
        remedy="let the next night judge it against the champion of now",
    )


def _first_champion(session: Session, scope: str, order: Order) -> int:
    values = {
        "scope": scope,
        "model": order.new.model,
        "version": order.new.version,
        "epoch": 1,
        "artifact_sha256": order.new.artifact_sha256,
    }
    nobody = ~exists().where(ChampionRow.scope == scope, ChampionRow.model == order.new.model)
    row = select(*map(literal, values.values())).where(nobody, literal(order.expected_epoch) == 0)
    first = insert(ChampionRow).from_select(list(values), row)
    # without the option SQLAlchemy does not ask PostgreSQL how many rows an INSERT made
    counted = first.execution_options(preserve_rowcount=True)
    return _rows_hit(session.execute(counted))


def _next_champion(session: Session, scope: str, order: Order) -> int:
    new = order.new
    swap = (
        update(ChampionRow)
        .where(
            ChampionRow.scope == scope,
            ChampionRow.model == new.model,
            ChampionRow.version == order.expected_version,
            ChampionRow.epoch == order.expected_epoch,
        )
        .values(
            version=new.version,
            epoch=ChampionRow.epoch + 1,
            artifact_sha256=new.artifact_sha256,
        )
        .execution_options(synchronize_session=False)
    )
    return _rows_hit(session.execute(swap))


def _rows_hit(result: Result[Any]) -> int:
    return cast("CursorResult[Any]", result).rowcount


def _champion_text(version: int | None, epoch: int) -> str:
    return "no champion" if version is None else f"version {version} at epoch {epoch}"


def _last(session: Session, scope: str, model: str) -> PromotionRow | None:
    newest = PromotionRow.epoch.desc()
    rows = select(PromotionRow).filter_by(scope=scope, model=model).order_by(newest).limit(1)
    return session.scalars(rows).one_or_none()


def _link(scope: str, order: Order, last: PromotionRow | None) -> PromotionRecord:
    link = PromotionRecord(
        model=order.new.model,
        epoch=order.expected_epoch + 1,
        version=order.new.version,
        previous_version=None if last is None else last.version,
        kind=order.kind,
        idem_key=order.idem_key,
        artifact_sha256=order.new.artifact_sha256,
        evidence_sha256=order.evidence_sha256,
        actor=order.actor,
        reason=order.reason,
        as_of=order.as_of,
        at=utc(order.at),
        previous_hash=GENESIS if last is None else last.hash,
        hash="",
        projected=False,
    )
    return link.replace(hash=seal(scope, link))
