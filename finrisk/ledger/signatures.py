"""Signatures: which versions a person vouched for, when and why. The newest is the anchor.

A challenger is held against the anchor as well as against the champion, so that many promotions
that each lose a little cannot add up unseen. Promoting by hand signs; so does ``finrisk sign``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.errors import PromotionError
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import PromotionRow, SignatureRow, utc
from finrisk.records import ModelVersion, Record


@dataclass(frozen=True, slots=True)
class Signature(Record):
    """One person's word for one version; never changed, only followed by another."""

    model: str
    number: int
    version: int
    artifact_sha256: str
    reason: str
    actor: str
    at: datetime

    @property
    def sentence(self) -> str:
        """What to tell a person.

        Examples
        --------
        >>> at = datetime.fromisoformat("2026-01-07T09:00:00+00:00")
        >>> Signature("loans", 1, 4, "ab12", "annual review", "anna", at).sentence
        'v4 signed by anna on 2026-01-07: annual review'
        """
        return f"v{self.version} signed by {self.actor} on {self.at:%Y-%m-%d}: {self.reason}"


def newest(session: Session, scope: str, model: str) -> Signature | None:
    """Return the signature that counts: the last one."""
    rows = select(SignatureRow).filter_by(scope=scope, model=model)
    row = session.scalars(rows.order_by(SignatureRow.number.desc()).limit(1)).one_or_none()
    return None if row is None else as_record(Signature, row)


def all_signatures(session: Session, scope: str, model: str) -> list[Signature]:
    """Return every signature, oldest first."""
    rows = select(SignatureRow).filter_by(scope=scope, model=model).order_by(SignatureRow.number)
    return [as_record(Signature, row) for row in session.scalars(rows)]


def sign(
    session: Session,
    scope: str,
    version: ModelVersion,
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> Signature:
    """Sign a version that is or was champion, in a person's name.

    Raises
    ------
    PromotionError
        No actor or no reason; or the version never was champion.
    """
    if not (actor.strip() and reason.strip()):
        raise PromotionError(
            f"{version.model} version {version.version} is not signed anonymously",
            expected="an actor and a reason",
            got=f"actor {actor!r}, reason {reason!r}",
            remedy="say who signs it and why; both are kept for good",
        )
    served = select(PromotionRow.epoch).filter_by(
        scope=scope, model=version.model, version=version.version
    )
    if session.scalars(served.limit(1)).one_or_none() is None:
        raise PromotionError(
            f"{version.model} version {version.version} was never champion",
            expected="a version that serves or has served",
            remedy="promote it; a promotion by hand signs it as well",
        )
    last = newest(session, scope, version.model)
    signature = Signature(
        model=version.model,
        number=1 if last is None else last.number + 1,
        version=version.version,
        artifact_sha256=version.artifact_sha256,
        reason=reason.strip(),
        actor=actor.strip(),
        at=utc(at),
    )
    session.add(SignatureRow(scope=scope, **columns(signature)))
    return signature
