"""Which day a run that an alert asked for is to decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reruns", sa.Column("as_of", sa.Date, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward")
