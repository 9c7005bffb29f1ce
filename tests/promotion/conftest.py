from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from tests.promotion.factories import FakeRegistry


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    with Ledger(url, "live") as opened:
        yield opened


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()
