"""The ledger's tables. Every one is keyed by scope: a replay never touches what is live.

``migrations/`` builds the same tables and adds the triggers that keep promotions, looks,
evidence, freezes, signatures and events append-only; a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from finrisk.records import Decision, JsonObject, LookKind, PromotionKind

HEAD = "0007"  # the newest revision in migrations/versions: read without importing alembic


def is_newer(revision: str) -> bool:
    """Say whether a later release made a schema: revisions are numbers of four digits.

    Examples
    --------
    >>> is_newer("0001"), is_newer(HEAD), is_newer("0999")
    (False, False, True)
    """
    return revision > HEAD


def remedy_of_schema(revision: str | None) -> str:
    """Return what to do about a ledger whose schema is not the one this release expects."""
    if revision is None:
        return "finrisk init"
    if is_newer(revision):
        return "use the release that upgraded it, or a later one: a ledger only goes forward"
    return "finrisk db upgrade, which `finrisk init` does as well"


def utc(at: datetime) -> datetime:
    """Return the same moment in UTC; a moment without a zone is refused, never guessed.

    Raises
    ------
    ValueError
        ``at`` has no time zone.

    Examples
    --------
    >>> utc(datetime.fromisoformat("2026-01-01T03:00:00+01:00")).isoformat()
    '2026-01-01T02:00:00+00:00'
    """
    if at.tzinfo is None:
        raise ValueError(f"expected a moment with a time zone; got {at.isoformat()}")
    return at.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment that comes back as it went in; SQLite alone would forget its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC."""
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC, with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else utc(value)


def _words(enum: type[Any]) -> Enum:
    return Enum(
        enum, native_enum=False, length=16, values_callable=lambda e: [word.value for word in e]
    )


Scope = Annotated[str, mapped_column(String(32), primary_key=True)]
ModelName = Annotated[str, mapped_column(String(64), primary_key=True)]
Digest = Annotated[str, mapped_column(String(64))]
IdemKey = Annotated[str, mapped_column(String(200))]
LongText = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """What the tables share: names for constraints, and a column type for each Python type."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        float: Double,
        JsonObject: JSON(none_as_null=True),
        PromotionKind: _words(PromotionKind),
        LookKind: _words(LookKind),
        Decision: _words(Decision),
    }


class VersionRow(Base):
    """A registered version and the bytes it stands for."""

    __tablename__ = "versions"

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run_id: Mapped[str] = mapped_column(String(64))
    model_uri: Mapped[LongText]
    artifact_sha256: Mapped[Digest]
    manifest_sha256: Mapped[Digest]


class EvidenceRow(Base):
    """What one look found. ``document`` is the canonical JSON whose sha256 is the key."""

    __tablename__ = "evidence"
    __table_args__ = (Index(None, "scope", "model", "night"),)

    scope: Mapped[Scope]
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64))
    night: Mapped[date]
    decision: Mapped[Decision]
    challenger_version: Mapped[int | None]
    document: Mapped[LongText]
    at: Mapped[datetime]


class ChampionRow(Base):
    """The version that serves: one row a model, fenced by its epoch."""

    __tablename__ = "champions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["scope", "model", "version"], ["versions.scope", "versions.model", "versions.version"]
        ),
        CheckConstraint("epoch >= 1", name="epoch"),
    )

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    version: Mapped[int]
    epoch: Mapped[int]
    artifact_sha256: Mapped[Digest]


class PromotionRow(Base):
    """One link of the chain; only ``projected`` may change, once, from false to true."""

    __tablename__ = "promotions"
    __table_args__ = (
        UniqueConstraint("scope", "idem_key"),
        ForeignKeyConstraint(
            ["scope", "model", "version"], ["versions.scope", "versions.model", "versions.version"]
        ),
        ForeignKeyConstraint(["scope", "evidence_sha256"], ["evidence.scope", "evidence.sha256"]),
        CheckConstraint("epoch >= 1", name="epoch"),
    )

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    previous_version: Mapped[int | None]
    kind: Mapped[PromotionKind]
    idem_key: Mapped[IdemKey]
    artifact_sha256: Mapped[Digest]
    evidence_sha256: Mapped[Digest | None]
    actor: Mapped[str] = mapped_column(String(120))
    reason: Mapped[LongText]
    as_of: Mapped[date | None]
    at: Mapped[datetime]
    previous_hash: Mapped[Digest]
    hash: Mapped[Digest]
    projected: Mapped[bool]


class LookRow(Base):
    """One comparison on a hold-out. No epoch in the key: a promotion buys no second look."""

    __tablename__ = "looks"
    __table_args__ = (
        ForeignKeyConstraint(["scope", "evidence_sha256"], ["evidence.scope", "evidence.sha256"]),
        CheckConstraint("alpha >= 0", name="alpha"),
    )

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    night: Mapped[date] = mapped_column(primary_key=True)
    year: Mapped[int]
    kind: Mapped[LookKind]
    alpha: Mapped[float]
    alpha_year: Mapped[float]
    holdout_sha256: Mapped[Digest]
    snapshot_sha256: Mapped[Digest]
    challenger_sha256: Mapped[Digest]
    champion_sha256: Mapped[Digest | None]
    champion_version: Mapped[int | None]
    champion_epoch: Mapped[int]
    evidence_sha256: Mapped[Digest | None]
    at: Mapped[datetime]


class IntentRow(Base):
    """Something begun elsewhere that must not happen twice; ``result`` says that it is done."""

    __tablename__ = "intents"

    scope: Mapped[Scope]
    idem_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    payload: Mapped[JsonObject]
    result: Mapped[JsonObject | None]
    at: Mapped[datetime]


class NightRow(Base):
    """What a night decided, and the digests that tell whether the next one has anything new."""

    __tablename__ = "nights"

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    as_of: Mapped[date] = mapped_column(primary_key=True)
    decision: Mapped[JsonObject]
    snapshot_sha256: Mapped[Digest | None]
    spec_sha256: Mapped[Digest]
    holdout_sha256: Mapped[Digest | None]
    at: Mapped[datetime]
    seconds: Mapped[float | None]


class FreezeRow(Base):
    """A decision to promote nothing until the end of a day, or to lift that; never changed."""

    __tablename__ = "freezes"
    __table_args__ = (CheckConstraint("number >= 1", name="number"),)

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until: Mapped[date | None]
    reason: Mapped[LongText]
    actor: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]


class SignatureRow(Base):
    """A person's word for a version; never changed, and the newest one is the anchor."""

    __tablename__ = "signatures"
    __table_args__ = (
        ForeignKeyConstraint(
            ["scope", "model", "version"], ["versions.scope", "versions.model", "versions.version"]
        ),
        CheckConstraint("number >= 1", name="number"),
    )

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    artifact_sha256: Mapped[Digest]
    reason: Mapped[LongText]
    actor: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]


class EventRow(Base):
    """What happened to a champion beside its promotions; never changed, one row a key."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("scope", "model", "key"),
        CheckConstraint("number >= 1", name="number"),
    )

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    key: Mapped[IdemKey]
    as_of: Mapped[date | None]
    document: Mapped[JsonObject]
    at: Mapped[datetime]


class ReadingRow(Base):
    """One figure that a monitor read of one day; the same day read again takes its place."""

    __tablename__ = "readings"

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    as_of: Mapped[date] = mapped_column(primary_key=True)
    monitor: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[int | None]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    threshold: Mapped[float | None]
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[JsonObject]
    at: Mapped[datetime]


class RerunRow(Base):
    """An alert that asked for a run: what became of it, and whether the run was started."""

    __tablename__ = "reruns"
    __table_args__ = (Index(None, "scope", "model", "received"),)

    scope: Mapped[Scope]
    model: Mapped[ModelName]
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    alert: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(32))
    reason: Mapped[LongText]
    began: Mapped[datetime]
    received: Mapped[datetime]
    deliveries: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(16))
    run_id: Mapped[str | None] = mapped_column(String(200))
    started: Mapped[datetime | None]
    as_of: Mapped[date | None]
