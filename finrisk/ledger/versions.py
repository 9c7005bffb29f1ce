"""Which registered versions there are, and the bytes each one stands for."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.errors import ArtifactRejected
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import VersionRow
from finrisk.records import ModelVersion


def remember(session: Session, scope: str, version: ModelVersion) -> None:
    """Keep a registered version; the same one again changes nothing.

    Raises
    ------
    ArtifactRejected
        The ledger knows this number with other bytes.
    """
    known = lookup(session, scope, version.model, version.version)
    if known is None:
        session.add(VersionRow(scope=scope, **columns(version)))
        session.flush()  # champions and promotions refer to it
    elif known != version:
        raise ArtifactRejected(
            f"{version.model} version {version.version} is not the one the ledger knows",
            expected=f"artifact {known.artifact_sha256} of run {known.run_id}",
            got=f"artifact {version.artifact_sha256} of run {version.run_id}",
            remedy="a version never changes: register the new bytes as a new version",
        )


def lookup(session: Session, scope: str, model: str, number: int) -> ModelVersion | None:
    """Return the version of this number, if the ledger knows it."""
    row = session.get(VersionRow, (scope, model, number))
    return None if row is None else as_record(ModelVersion, row)


def all_versions(session: Session, scope: str, model: str) -> list[ModelVersion]:
    """Return the model's versions, lowest number first."""
    rows = session.scalars(
        select(VersionRow).filter_by(scope=scope, model=model).order_by(VersionRow.version)
    )
    return [as_record(ModelVersion, row) for row in rows]
