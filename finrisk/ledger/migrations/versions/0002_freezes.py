"""Change freezes, append-only like the promotions they hold back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finrisk.ledger.schema import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "freezes",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("until", sa.Date, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_freezes_number")),
        sa.PrimaryKeyConstraint("scope", "model", "number", name=op.f("pk_freezes")),
    )
    postgresql = op.get_context().dialect.name == "postgresql"
    for trigger in ON_POSTGRESQL if postgresql else ON_SQLITE:
        op.execute(trigger)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward: a freeze is lifted, not unmade")


# finrisk_append_only() is of revision 0001
ON_POSTGRESQL = (
    "CREATE TRIGGER freezes_no_delete BEFORE DELETE ON freezes "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER freezes_no_truncate BEFORE TRUNCATE ON freezes "
    "FOR EACH STATEMENT EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER freezes_no_update BEFORE UPDATE ON freezes "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
)
ON_SQLITE = (
    "CREATE TRIGGER freezes_no_delete BEFORE DELETE ON freezes "
    "BEGIN SELECT RAISE(ABORT, 'freezes is append-only'); END",
    "CREATE TRIGGER freezes_no_update BEFORE UPDATE ON freezes "
    "BEGIN SELECT RAISE(ABORT, 'freezes is append-only'); END",
    # INSERT OR REPLACE deletes the old row without firing the trigger above
    "CREATE TRIGGER freezes_no_replace BEFORE INSERT ON freezes WHEN EXISTS (SELECT 1 FROM freezes "
    "WHERE scope = NEW.scope AND model = NEW.model AND number = NEW.number) "
    "BEGIN SELECT RAISE(ABORT, 'freezes is append-only'); END",
)
