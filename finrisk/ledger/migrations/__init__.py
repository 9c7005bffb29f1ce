"""Alembic's migrations of the ledger; ``finrisk.ledger.migrate`` runs them."""
