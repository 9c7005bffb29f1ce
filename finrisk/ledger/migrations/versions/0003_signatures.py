"""Signatures, append-only: which versions a person vouched for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finrisk.ledger.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signatures",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("artifact_sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_signatures_number")),
        sa.ForeignKeyConstraint(
            ["scope", "model", "version"],
            ["versions.scope", "versions.model", "versions.version"],
            name=op.f("fk_signatures_versions"),
        ),
        sa.PrimaryKeyConstraint("scope", "model", "number", name=op.f("pk_signatures")),
    )
    postgresql = op.get_context().dialect.name == "postgresql"
    for trigger in ON_POSTGRESQL if postgresql else ON_SQLITE:
        op.execute(trigger)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward: a signature is not unmade")


# finrisk_append_only() is of revision 0001
ON_POSTGRESQL = (
    "CREATE TRIGGER signatures_no_delete BEFORE DELETE ON signatures "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER signatures_no_truncate BEFORE TRUNCATE ON signatures "
    "FOR EACH STATEMENT EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER signatures_no_update BEFORE UPDATE ON signatures "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
)
ON_SQLITE = (
    "CREATE TRIGGER signatures_no_delete BEFORE DELETE ON signatures "
    "BEGIN SELECT RAISE(ABORT, 'signatures is append-only'); END",
    "CREATE TRIGGER signatures_no_update BEFORE UPDATE ON signatures "
    "BEGIN SELECT RAISE(ABORT, 'signatures is append-only'); END",
    # INSERT OR REPLACE deletes the old row without firing the trigger above
    "CREATE TRIGGER signatures_no_replace BEFORE INSERT ON signatures WHEN EXISTS "
    "(SELECT 1 FROM signatures "
    "WHERE scope = NEW.scope AND model = NEW.model AND number = NEW.number) "
    "BEGIN SELECT RAISE(ABORT, 'signatures is append-only'); END",
)
