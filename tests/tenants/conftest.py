"""Two lenders, once a session; the dashboard's way to show a page of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.config import Settings
from tests.dashboard.conftest import show  # noqa: F401
from tests.tenants.worlds import copy_of, two_lenders


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the first lender; read only."""
    return two_lenders(tmp_path_factory.mktemp("two") / "home")


@pytest.fixture
def own(both: Settings, tmp_path: Path) -> Settings:
    """A copy that a test may change."""
    return copy_of(both, tmp_path / "home")
