"""What the ledger names of a model: the versions, artifacts and snapshots its rows speak of.

Retention asks this before it removes anything; what is named here stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from finrisk.ledger.schema import (
    ChampionRow,
    EvidenceRow,
    LookRow,
    NightRow,
    PromotionRow,
    VersionRow,
)


@dataclass(frozen=True, slots=True)
class NightSnapshot:
    """Which snapshot a night froze, and when the night was recorded."""

    as_of: date
    at: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the rows of one model in one scope name.

    Parameters
    ----------
    versions : frozenset of int
        Champions, now or ever; challengers of evidence; champions that were judged against.
    artifacts : frozenset of str
        sha256 of the artifacts that were promoted, or judged in a look, on either side.
    fitted_on : dict of str to str
        A challenger's artifact sha256, and the snapshot of its look: the one it was fitted on.
    snapshots : frozenset of str
        Those that were looked at.
    nights : tuple of NightSnapshot
        By as_of, oldest first; only nights whose data got as far as a snapshot.
    """

    versions: frozenset[int]
    artifacts: frozenset[str]
    fitted_on: dict[str, str]
    snapshots: frozenset[str]
    nights: tuple[NightSnapshot, ...]


def named(session: Session, scope: str, model: str) -> Named:
    """Gather what promotions, champions, looks, evidence and nights name."""
    of_model = {"scope": scope, "model": model}
    promoted = session.scalars(select(PromotionRow).filter_by(**of_model)).all()
    serving = session.scalars(select(ChampionRow).filter_by(**of_model)).all()
    looks = session.scalars(select(LookRow).filter_by(**of_model)).all()
    judged = session.scalars(select(EvidenceRow.challenger_version).filter_by(**of_model)).all()
    versions = [
        *judged,
        *(row.version for row in serving),
        *(number for row in promoted for number in (row.version, row.previous_version)),
        *(row.champion_version for row in looks),
    ]
    artifacts = [
        *(row.artifact_sha256 for row in serving),
        *(row.artifact_sha256 for row in promoted),
        *(sha for row in looks for sha in (row.challenger_sha256, row.champion_sha256)),
    ]
    return Named(
        versions=frozenset(number for number in versions if number is not None),
        artifacts=frozenset(sha for sha in artifacts if sha is not None),
        fitted_on={row.challenger_sha256: row.snapshot_sha256 for row in looks},
        snapshots=frozenset(row.snapshot_sha256 for row in looks),
        nights=_nights(session, scope, model),
    )


def models(session: Session, scope: str) -> list[str]:
    """Return the models this scope holds anything of, in alphabetical order."""
    tables = (VersionRow, NightRow, LookRow)
    return sorted(session.scalars(union(*(select(t.model).filter_by(scope=scope) for t in tables))))


def _nights(session: Session, scope: str, model: str) -> tuple[NightSnapshot, ...]:
    rows = session.scalars(
        select(NightRow).filter_by(scope=scope, model=model).order_by(NightRow.as_of)
    )
    return tuple(
        NightSnapshot(row.as_of, row.at, row.snapshot_sha256) for row in rows if row.snapshot_sha256
    )
