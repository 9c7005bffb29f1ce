"""Looks: one (model, night) each, paid for before labels meet scores, never refunded.

The rules are gate.md's. The night's row has no epoch in its key, so neither a promotion nor a
rollback buys a second look; a rerun with the same digests gets the stored verdict back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.errors import StaleChallenger
from finrisk.evidence import Evidence
from finrisk.gate.budget import Grant, Spent, alpha_for_look
from finrisk.ledger.evidence import load
from finrisk.ledger.promotions import champion as champion_now
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import LookRow
from finrisk.records import Champion, Look, LookKind
from finrisk.specs.policy import ErrorBudget


@dataclass(frozen=True, slots=True)
class LookRequest:
    """What a look would compare; ``champion`` is None where the model has none yet."""

    model: str
    night: date
    kind: LookKind
    holdout_sha256: str
    snapshot_sha256: str
    challenger_sha256: str
    champion: Champion | None

    def at_alpha(self, alpha: float) -> Look:
        """Return the look at this price."""
        champion = self.champion
        return Look(
            model=self.model,
            night=self.night,
            kind=self.kind,
            alpha=alpha,
            holdout_sha256=self.holdout_sha256,
            snapshot_sha256=self.snapshot_sha256,
            challenger_sha256=self.challenger_sha256,
            champion_sha256=None if champion is None else champion.artifact_sha256,
            champion_version=None if champion is None else champion.version,
            champion_epoch=0 if champion is None else champion.epoch,
        )


@dataclass(frozen=True, slots=True)
class LookGrant:
    """A look that may be made, or why not; with its evidence where it was made already.

    ``budget_left`` is the α left in the night's calendar year, over both purses. Stored evidence
    keeps ``evidence_sha256``, its name: a fact added to the record since would give it another.
    """

    look: Look | None
    refused: str | None
    evidence: Evidence | None
    budget_left: float
    evidence_sha256: str | None = None


def spend(
    session: Session, scope: str, request: LookRequest, budget: ErrorBudget, at: datetime
) -> LookGrant:
    """Spend one look, or return the one that was spent on this night.

    Raises
    ------
    StaleChallenger
        The champion is not the requested one any more; nothing is spent.
    """
    spent = spent_in(session, scope, request.model, request.night.year)
    price = _price(request, budget, spent)
    left_before = price.left + (price.alpha or 0.0)
    stored = session.get(LookRow, (scope, request.model, request.night))
    if stored is not None:
        return _again(session, scope, request, stored, left_before)
    refused = _nothing_new(session, scope, request) or price.refused
    if refused is not None or price.alpha is None:
        return LookGrant(look=None, refused=refused, evidence=None, budget_left=left_before)
    _check_champion(session, scope, request)
    look = request.at_alpha(price.alpha)
    session.add(
        LookRow(
            scope=scope,
            year=request.night.year,
            alpha_year=_alpha_year(budget, spent),
            at=at,
            **columns(look),
        )
    )
    return LookGrant(look=look, refused=None, evidence=None, budget_left=price.left)


def all_looks(session: Session, scope: str, model: str) -> list[Look]:
    """Return the model's looks by night."""
    rows = session.scalars(
        select(LookRow).filter_by(scope=scope, model=model).order_by(LookRow.night)
    )
    return [as_record(Look, row) for row in rows]


def spent_in(session: Session, scope: str, model: str, year: int) -> Spent:
    """Return what the looks of a calendar year have cost so far."""
    rows = list(session.scalars(select(LookRow).filter_by(scope=scope, model=model, year=year)))
    paid = [row for row in rows if row.champion_version is not None]
    scheduled = _alphas(paid, LookKind.SCHEDULED)
    reserve = _alphas(paid, LookKind.RESERVE)
    return Spent(
        scheduled_looks=len(scheduled),
        scheduled_alpha=sum(scheduled),
        reserve_looks=len(reserve),
        reserve_alpha=sum(reserve),
        alpha_year_ceiling=min((row.alpha_year for row in rows), default=None),
        year=year,
    )


def _again(
    session: Session, scope: str, request: LookRequest, row: LookRow, left: float
) -> LookGrant:
    """Return the night's stored look if this is a rerun of it.

    A rerun may come after the promotion that its own verdict earned, and then meets another
    champion. The stored evidence still answers it; without evidence the look is lost.
    """
    stored = as_record(Look, row)
    evidence = None if row.evidence_sha256 is None else load(session, scope, row.evidence_sha256)
    asked = request.at_alpha(stored.alpha).replace(kind=stored.kind)
    if evidence is not None:
        asked = asked.replace(
            champion_sha256=stored.champion_sha256,
            champion_version=stored.champion_version,
            champion_epoch=stored.champion_epoch,
        )
    if asked != stored:
        differ = ", ".join(
            name for name, value in columns(asked).items() if value != getattr(stored, name)
        )
        refused = f"look spent: night {stored.night} was looked at with another {differ}"
        return LookGrant(look=None, refused=refused, evidence=None, budget_left=left)
    return LookGrant(
        look=stored,
        refused=None,
        evidence=evidence,
        budget_left=left,
        evidence_sha256=row.evidence_sha256,
    )


def _nothing_new(session: Session, scope: str, request: LookRequest) -> str | None:
    """Refuse a hold-out that has judged this model before, on whatever night."""
    same = select(LookRow.night).filter_by(
        scope=scope, model=request.model, holdout_sha256=request.holdout_sha256
    )
    night = session.scalars(same.order_by(LookRow.night.desc()).limit(1)).one_or_none()
    return (
        None if night is None else f"no new evidence: this hold-out was looked at on night {night}"
    )


def _price(request: LookRequest, budget: ErrorBudget, spent: Spent) -> Grant:
    price = alpha_for_look(request.kind, budget, spent)
    if request.champion is not None:
        return price
    # a first champion is held to floors: nothing is tested, so nothing is paid
    return Grant(alpha=0.0, refused=None, left=price.left + (price.alpha or 0.0))


def _alpha_year(budget: ErrorBudget, spent: Spent) -> float:
    ceiling = spent.alpha_year_ceiling
    return budget.alpha_year if ceiling is None else min(budget.alpha_year, ceiling)


def _check_champion(session: Session, scope: str, request: LookRequest) -> None:
    now = champion_now(session, scope, request.model)
    if now != request.champion:
        raise StaleChallenger(
            f"{request.model}, night {request.night}: the champion changed before the look",
            expected=request.champion,
            got=now,
            remedy="run the night again; nothing was spent",
        )


def _alphas(rows: Iterable[LookRow], kind: LookKind) -> list[float]:
    return [row.alpha for row in rows if row.kind is kind]
