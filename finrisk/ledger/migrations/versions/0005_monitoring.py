"""Monitoring: the readings of each day, and the inbox of alerts that may start a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finrisk.ledger.schema import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readings",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("monitor", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=True),
        sa.Column("value", sa.Double, nullable=True),
        sa.Column("low", sa.Double, nullable=True),
        sa.Column("high", sa.Double, nullable=True),
        sa.Column("threshold", sa.Double, nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint(
            "scope", "model", "as_of", "monitor", "subject", name=op.f("pk_readings")
        ),
    )
    op.create_table(
        "reruns",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("alert", sa.String(64), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("began", UtcDateTime, nullable=False),
        sa.Column("received", UtcDateTime, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("run_id", sa.String(200), nullable=True),
        sa.Column("started", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("scope", "model", "key", name=op.f("pk_reruns")),
    )
    op.create_index(
        op.f("ix_reruns_scope_model_received"), "reruns", ["scope", "model", "received"]
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward")
