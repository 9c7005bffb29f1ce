"""The frame: every page in it, what it says when there is nothing, and when something is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.dashboard.app import PAGES
from tests.dashboard.conftest import Show, texts

NAMES = [page.name for page in PAGES]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_a_lender_without_an_error(name: str, decided_home: Path, show: Show) -> None:
    at = show(decided_home, name)

    assert not at.exception, at.exception
    assert not at.error, texts(at)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_an_empty_home_without_an_error(
    name: str, empty_home: Path, show: Show
) -> None:
    at = show(empty_home, name)

    assert not at.exception, at.exception
    assert not at.error, texts(at)
