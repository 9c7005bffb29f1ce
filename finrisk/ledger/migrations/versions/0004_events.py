"""Events, append-only: what happened to a champion beside its promotions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finrisk.ledger.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("as_of", sa.Date, nullable=True),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_events_number")),
        sa.UniqueConstraint("scope", "model", "key", name=op.f("uq_events_scope_model_key")),
        sa.PrimaryKeyConstraint("scope", "model", "number", name=op.f("pk_events")),
    )
    postgresql = op.get_context().dialect.name == "postgresql"
    for trigger in ON_POSTGRESQL if postgresql else ON_SQLITE:
        op.execute(trigger)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward: an event is not undone")


# finrisk_append_only() is of revision 0001
ON_POSTGRESQL = (
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION finrisk_append_only()",
    "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
    "FOR EACH ROW EXECUTE FUNCTION finrisk_append_only()",
)
ON_SQLITE = (
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
    "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END",
    "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
    "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END",
    # INSERT OR REPLACE deletes the old row without firing the trigger above
    "CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS "
    "(SELECT 1 FROM events "
    "WHERE scope = NEW.scope AND model = NEW.model AND number = NEW.number) "
    "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END",
)
