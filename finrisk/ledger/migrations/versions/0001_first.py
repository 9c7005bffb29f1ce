"""The first schema, and the triggers that keep promotions, looks and evidence append-only."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

from finrisk.ledger.schema import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCOPE = sa.String(32)
NAME = sa.String(64)
DIGEST = sa.String(64)
WORD = sa.String(16)


def upgrade() -> None:
    _create_versions()
    evidence = _create_evidence()
    _create_champions()
    promotions = _create_promotions()
    looks = _create_looks()
    _create_intents()
    _create_nights()
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRESQL_REFUSAL)
    _append_only(promotions, but_once="projected", when="NOT OLD.projected AND NEW.projected")
    _append_only(
        looks,
        but_once="evidence_sha256",
        when="OLD.evidence_sha256 IS NULL AND NEW.evidence_sha256 IS NOT NULL",
    )
    _append_only(evidence)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward: a promotion is not unmade")


def _create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("model_uri", sa.Text, nullable=False),
        sa.Column("artifact_sha256", DIGEST, nullable=False),
        sa.Column("manifest_sha256", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("scope", "model", "version", name=op.f("pk_versions")),
    )


def _create_evidence() -> sa.Table:
    table = op.create_table(
        "evidence",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("decision", WORD, nullable=False),
        sa.Column("challenger_version", sa.Integer, nullable=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("scope", "sha256", name=op.f("pk_evidence")),
    )
    op.create_index(
        op.f("ix_evidence_scope_model_night"), "evidence", ["scope", "model", "night"]
    )
    return table


def _create_champions() -> None:
    op.create_table(
        "champions",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("artifact_sha256", DIGEST, nullable=False),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_champions_epoch")),
        _refers_to_version("champions"),
        sa.PrimaryKeyConstraint("scope", "model", name=op.f("pk_champions")),
    )


def _create_promotions() -> sa.Table:
    return op.create_table(
        "promotions",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("epoch", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous_version", sa.Integer, nullable=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("idem_key", sa.String(200), nullable=False),
        sa.Column("artifact_sha256", DIGEST, nullable=False),
        sa.Column("evidence_sha256", DIGEST, nullable=True),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("as_of", sa.Date, nullable=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("previous_hash", DIGEST, nullable=False),
        sa.Column("hash", DIGEST, nullable=False),
        sa.Column("projected", sa.Boolean, nullable=False),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_promotions_epoch")),
        _refers_to_version("promotions"),
        _refers_to_evidence("promotions"),
        sa.PrimaryKeyConstraint("scope", "model", "epoch", name=op.f("pk_promotions")),
        sa.UniqueConstraint("scope", "idem_key", name=op.f("uq_promotions_scope_idem_key")),
    )


def _create_looks() -> sa.Table:
    return op.create_table(
        "looks",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("alpha", sa.Double, nullable=False),
        sa.Column("alpha_year", sa.Double, nullable=False),
        sa.Column("holdout_sha256", DIGEST, nullable=False),
        sa.Column("snapshot_sha256", DIGEST, nullable=False),
        sa.Column("challenger_sha256", DIGEST, nullable=False),
        sa.Column("champion_sha256", DIGEST, nullable=True),
        sa.Column("champion_version", sa.Integer, nullable=True),
        sa.Column("champion_epoch", sa.Integer, nullable=False),
        sa.Column("evidence_sha256", DIGEST, nullable=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.CheckConstraint("alpha >= 0", name=op.f("ck_looks_alpha")),
        _refers_to_evidence("looks"),
        sa.PrimaryKeyConstraint("scope", "model", "night", name=op.f("pk_looks")),
    )


def _create_intents() -> None:
    op.create_table(
        "intents",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("idem_key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON, nullable=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("scope", "idem_key", name=op.f("pk_intents")),
    )


def _create_nights() -> None:
    op.create_table(
        "nights",
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("decision", sa.JSON, nullable=False),
        sa.Column("snapshot_sha256", DIGEST, nullable=True),
        sa.Column("spec_sha256", DIGEST, nullable=False),
        sa.Column("holdout_sha256", DIGEST, nullable=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("scope", "model", "as_of", name=op.f("pk_nights")),
    )


def _refers_to_version(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["scope", "model", "version"],
        ["versions.scope", "versions.model", "versions.version"],
        name=op.f(f"fk_{table}_versions"),
    )


def _refers_to_evidence(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["scope", "evidence_sha256"],
        ["evidence.scope", "evidence.sha256"],
        name=op.f(f"fk_{table}_evidence"),
    )


POSTGRESQL_REFUSAL = """
CREATE FUNCTION finrisk_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING
    MESSAGE = TG_TABLE_NAME || ' is append-only',
    ERRCODE = 'integrity_constraint_violation';
END $$
"""


def _append_only(table: sa.Table, *, but_once: str | None = None, when: str = "") -> None:
    """Refuse to delete or change a row, except to give the column ``but_once`` its final value."""
    if op.get_context().dialect.name == "postgresql":
        _refuse_on_postgresql(table.name, _forbidden_change(table, but_once, when, "IS NOT DISTINCT FROM"))
    else:
        _refuse_on_sqlite(table, _forbidden_change(table, but_once, when, "IS"))


def _forbidden_change(table: sa.Table, but_once: str | None, when: str, same: str) -> str:
    if but_once is None:
        return ""
    fixed = (c.name for c in table.columns if c.name != but_once)
    return f"NOT ({' AND '.join(f'OLD.{c} {same} NEW.{c}' for c in fixed)} AND {when})"


def _refuse_on_postgresql(table: str, change: str) -> None:
    condition = f"WHEN ({change}) " if change else ""
    for name, event in (
        ("delete", f"BEFORE DELETE ON {table} FOR EACH ROW"),
        ("truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
        ("update", f"BEFORE UPDATE ON {table} FOR EACH ROW {condition}"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_no_{name} {event} EXECUTE FUNCTION finrisk_append_only()"
        )


def _refuse_on_sqlite(table: sa.Table, change: str) -> None:
    condition = f"WHEN {change} " if change else ""
    for name, event in (
        ("delete", f"BEFORE DELETE ON {table.name}"),
        ("update", f"BEFORE UPDATE ON {table.name} {condition}"),
        # INSERT OR REPLACE deletes the old row without firing the trigger above
        ("replace", f"BEFORE INSERT ON {table.name} WHEN {_already_there(table)}"),
    ):
        op.execute(
            f"CREATE TRIGGER {table.name}_no_{name} {event} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
        )


def _already_there(table: sa.Table) -> str:
    keys: list[Iterable[sa.Column[object]]] = [
        constraint.columns
        for constraint in table.constraints
        if isinstance(constraint, (sa.PrimaryKeyConstraint, sa.UniqueConstraint))
    ]
    same = (" AND ".join(f"{c.name} = NEW.{c.name}" for c in key) for key in keys)
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table.name} WHERE {match})" for match in same)
