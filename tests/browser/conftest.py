"""One browser a session; one decided home and its dashboard; skipped where there is no browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import DONE_SECONDS, Dashboard, browser, chromium, dashboard
from tests.dashboard.conftest import decided_home, empty_home, own_home  # noqa: F401 - fixtures

SCREENSHOTS = "TEST_SCREENSHOTS"  # a folder; our own settings are taken from every test
expect.set_options(timeout=DONE_SECONDS * 1000)  # an action verifies an artifact first
Picture = Callable[[Page, str], Path]


@pytest.fixture(scope="session")
def opened() -> Iterator[Browser]:
    """A browser without a window, for all tests of the session."""
    if chromium() is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with browser() as one:
        yield one


@pytest.fixture(scope="session")
def served(
    opened: Browser,
    decided_home: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Dashboard]:
    """The dashboard of a lender that decided two nights; a test only looks."""
    with dashboard(decided_home, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Save what a page looks like, all of it, where people find it."""
    told = os.environ.get(SCREENSHOTS)
    folder = Path(told) if told else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def saved(page: Page, name: str) -> Path:
        path = folder / f"{name}.png"
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        size = page.viewport_size or {"width": 1440, "height": 1000}
        page.set_viewport_size({"width": size["width"], "height": min(int(height) + 20, 6000)})
        page.screenshot(path=path)
        page.set_viewport_size(size)
        return path

    return saved
