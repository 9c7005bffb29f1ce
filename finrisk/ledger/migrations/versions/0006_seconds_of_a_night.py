"""How long a night took, from its start to its record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("nights", sa.Column("seconds", sa.Double, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward")
