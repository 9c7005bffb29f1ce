"""Ledgers on SQLite, and on PostgreSQL where a server is named; aliases in a dictionary."""

from __future__ import annotations

import pytest

from tests.ledger.databases import ledger, migrated_file, postgres_database, sqlite_url, url
from tests.promotion.factories import FakeRegistry

__all__ = ["ledger", "migrated_file", "postgres_database", "sqlite_url", "url"]


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()
