"""Looks that were judged: which night compared which two artifacts, on which rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import LookRow
from finrisk.records import Look


@dataclass(frozen=True, slots=True)
class JudgedLook:
    """A look that was paid for and has evidence."""

    look: Look
    evidence_sha256: str


def newest(session: Session, scope: str, model: str, most: int) -> list[JudgedLook]:
    """Return the newest judged looks of a model, the newest first."""
    return _read(session, _judged(scope, model).limit(most))


def of_challenger(session: Session, scope: str, model: str, sha256: str) -> JudgedLook | None:
    """Return the newest judged look that an artifact had as the challenger."""
    wanted = _judged(scope, model).where(LookRow.challenger_sha256 == sha256)
    return next(iter(_read(session, wanted.limit(1))), None)


def between(session: Session, scope: str, model: str, one: str, other: str) -> JudgedLook | None:
    """Return the newest judged look that compared two artifacts, whichever was the champion."""
    both = (one, other)
    wanted = _judged(scope, model).where(
        LookRow.challenger_sha256.in_(both),
        LookRow.champion_sha256.in_(both),
        LookRow.challenger_sha256 != LookRow.champion_sha256,
    )
    return next(iter(_read(session, wanted.limit(1))), None)


def _judged(scope: str, model: str) -> Select[Any]:
    return (
        select(LookRow)
        .filter_by(scope=scope, model=model)
        .where(LookRow.evidence_sha256.is_not(None))
        .order_by(LookRow.night.desc())
    )


def _read(session: Session, wanted: Select[Any]) -> list[JudgedLook]:
    return [
        JudgedLook(as_record(Look, row), row.evidence_sha256)
        for row in session.scalars(wanted)
        if row.evidence_sha256 is not None
    ]
