"""Alembic runs this file for every command; ``finrisk.ledger.migrate`` hands it a connection."""

from __future__ import annotations

from alembic import context

from finrisk.ledger.schema import Base

if context.is_offline_mode():
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"),
        target_metadata=Base.metadata,
        literal_binds=True,
    )
else:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        transactional_ddl=True,  # SQLite can, once BEGIN is ours; Alembic's default says it cannot
    )

with context.begin_transaction():
    context.run_migrations()
