"""Faults, injected: `make test-faults` runs all of them, CI a seeded quarter, `make test` none.

`make test-services` runs those whose subject is a server: people in MLflow's UI, answers that are
lost, rivals and failures on PostgreSQL.
"""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.ledger.databases import ledger, migrated_file, postgres_database, sqlite_url, url

__all__ = ["ledger", "migrated_file", "postgres_database", "sqlite_url", "url"]

collect_ignore = ["warm.py"]  # what a fork server imports, warnings and all: no doctests in it
SEED = "FAULTS_QUARTER"  # any text: which quarter of the tests runs; unset: all of them


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = os.environ.get(SEED, "")
    here = [item for item in items if "/faults/" in str(item.path)]
    if not seed or not here:
        return
    dropped = [item for item in here if not _chosen(seed, item.nodeid)]
    gone = set(map(id, dropped))
    items[:] = [item for item in items if id(item) not in gone]
    config.hook.pytest_deselected(items=dropped)


def _chosen(seed: str, nodeid: str) -> bool:
    return hashlib.sha256(f"{seed} {nodeid}".encode()).digest()[0] % 4 == 0
