from __future__ import annotations

from tests.ledger.databases import ledger, migrated_file, postgres_database, sqlite_url, url

__all__ = ["ledger", "migrated_file", "postgres_database", "sqlite_url", "url"]
