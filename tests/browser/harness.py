"""The dashboard as people meet it: a server of its own, and a browser that tells all it saw.

Nothing here knows what is on a page: :func:`done` says when Streamlit has finished drawing one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

from finrisk.dashboard.pages import PAGES
from tests.services.harness import free_port, running, until

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "mlflow_dashboard.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DONE_SECONDS = 60.0  # a first page, whose libraries nobody has imported yet, on a busy machine
# Opened by its address, Streamlit asks for its server below each page's name before it asks at the
# root (streamlit/streamlit#7074, open since 2023): two answers of 404, of no page's making.
PROBES = re.compile(r"^http://[\d.:]+/\w+/_stcore/(health|host-config)$")
# Streamlit allows its iframes everything that any browser ever knew; this one does not know it all.
UNKNOWN_HERE = "Unrecognized feature: '"

# Done: connected, the script at rest, no element greyed out, no grey box in an element's place,
# every picture drawn and every table's cells painted, but for what an expander or a tab hides.
DONE = """(title) => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.dataset.testConnectionState !== 'CONNECTED') return false;
  if (app.dataset.testScriptState !== 'notRunning') return false;
  const main = document.querySelector('[data-testid="stMain"]');
  if (!main) return false;
  const heading = main.querySelector('h1');
  if (title && (!heading || heading.textContent.trim() !== title)) return false;
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && e.offsetHeight > 1;
  const waits = '[data-testid="stSkeleton"], [data-testid="stAppSkeleton"], [data-stale="true"]';
  if ([...app.querySelectorAll(waits)].some(seen)) return false;
  const drawn = '[data-testid="stVegaLiteChart"]';
  if ([...main.querySelectorAll(drawn)].some((e) => seen(e) && !e.querySelector('svg, canvas')))
    return false;
  const tables = '[data-testid="stDataFrame"]';
  return ![...main.querySelectorAll(tables)].some((e) => seen(e) && !e.querySelector('canvas'));
}"""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard that runs: where it is, as which process, where its log is."""

    url: str
    pid: int
    log: Path

    @property
    def memory_mb(self) -> float:
        """What the process keeps in memory, now."""
        return psutil.Process(self.pid).memory_info().rss / 2**20

    @property
    def peak_memory_mb(self) -> float:
        """The most it ever kept, as the kernel counted it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@contextmanager
def dashboard(
    home: Path,
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Dashboard]:
    """Run ``streamlit run mlflow_dashboard.py`` over a home until the block ends.

    Parameters
    ----------
    home : Path
        The ``FINRISK_HOME``; no other setting of ours is taken from this process.
    folder : Path
        Where its log goes.
    *arguments : str
        Further options of ``streamlit run``.
    environment : mapping, optional
        Further variables.
    port : int, optional
        Where to listen; a free one unless given.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "dashboard.log"
    own = {name: value for name, value in os.environ.items() if not name.startswith("FINRISK_")}
    own |= {"FINRISK_HOME": str(home), "FINRISK_THREADS": "1", **(environment or {})}
    command = [sys.executable, "-m", "streamlit", "run", str(SCRIPT), f"--server.port={port}"]
    command += ["--server.address=127.0.0.1", "--server.headless=true", *arguments]
    before = {child.pid for child in psutil.Process().children()}
    with running(command, log, env=own, cwd=ROOT):
        (process,) = (c for c in psutil.Process().children() if c.pid not in before)
        until(lambda: httpx.get(f"{url}/_stcore/health").is_success, f"the dashboard on {url}")
        yield Dashboard(url, process.pid, log)


@dataclass
class Seen:
    """What went wrong in a browser since it was opened, each in one line.

    Parameters
    ----------
    console : list of str
        Errors that were written to the console.
    errors : list of str
        Exceptions that no script caught.
    failed : list of str
        Requests that got no answer, or one of 400 and above.
    strangers : list of str
        Addresses that are not this machine's; a dashboard asks nobody else.
    warnings : list of str
        Warnings that were written to the console, mostly of pictures.
    """

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Everything but warnings, for one comparison with an empty list."""
        return [*self.console, *self.errors, *self.failed, *self.strangers]

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._unanswered)
        page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        where = str(message.location.get("url", ""))
        harmless = PROBES.match(where) or message.text.startswith(UNKNOWN_HERE)
        if message.type in ("error", "warning") and not harmless:
            on = urlsplit(message.page.url).path if message.page else ""
            told = self.console if message.type == "error" else self.warnings
            told.append(f"{on}: {message.text} ({where})")

    def _asked(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme.startswith("http") and where.hostname not in ("127.0.0.1", "localhost"):
            self.strangers.append(request.url)

    def _unanswered(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before the answer came
            self.failed.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and not PROBES.match(response.url):
            self.failed.append(f"{response.request.method} {response.url}: {response.status}")


def chromium() -> str | None:
    """Return the browser's program, if this machine has one."""
    return next((found for name in BROWSERS if (found := which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser without a window; it knows nothing of the person's own one.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    program = chromium()
    if program is None:
        raise FileNotFoundError("chromium")
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # root has no sandbox
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=[*sandbox, "--disable-dev-shm-usage"]
        )
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def looking(
    opened: Browser, *, dark: bool = False, width: int = 1440, height: int = 1000, **options: Any
) -> Iterator[tuple[Page, Seen]]:
    """Open a page of its own, without cookies; yield it with what will go wrong on it."""
    context = opened.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(DONE_SECONDS * 1000)
    page, seen = context.new_page(), Seen()
    seen.watch(page)
    try:
        yield page, seen
    finally:
        context.close()


def done(page: Page, title: str = "", seconds: float = DONE_SECONDS) -> None:
    """Wait until a page is drawn: the one with this title, if it is given."""
    page.wait_for_function(DONE, arg=title, timeout=seconds * 1000)


def open_page(page: Page, url: str, title: str = "") -> None:
    """Go to an address of the dashboard, and wait until it is drawn."""
    page.goto(url, wait_until="domcontentloaded")
    done(page, title)


def address(served: Dashboard, name: str) -> str:
    """Return where a page is: the first one is at the root, and nowhere else."""
    return served.url if name == PAGES[0].name else f"{served.url}/{name}"


def link_to(page: Page, title: str) -> Any:
    """Return the link of the navigation that leads to a page."""
    return page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)


def press_until(page: Page, key: str, reached: Callable[[], bool], at_most: int = 60) -> bool:
    """Press a key again and again; say whether that was reached."""
    for _ in range(at_most):
        page.keyboard.press(key)
        if reached():
            return True
    return False


__all__ = [
    "Dashboard",
    "Seen",
    "address",
    "browser",
    "chromium",
    "dashboard",
    "done",
    "link_to",
    "looking",
    "open_page",
    "press_until",
]
