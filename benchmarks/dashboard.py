"""How long each page of the dashboard takes: a year of two models, 5,110 MLflow runs, 200 versions.

    PYTHONPATH=. python benchmarks/dashboard.py [--world FOLDER] [--json] [--page NAME]...
    PYTHONPATH=. python benchmarks/dashboard.py --world FOLDER --statements --page NAME

Builds the year of ``dashboard_world.py`` (or takes one that is there), and beside it a home in
which nothing happened. On the server each page runs in one process as Streamlit would run it,
without a browser. In the browser a real server shows it: from the click on the navigation's link
until the page is drawn, pictures and tables too. Cold is a page whose questions nobody has asked,
of a process that has imported everything; warm the same page again. Medians of five. Ends with 1
where a page takes more than two seconds in the browser, cold, or writes an error to its console.

``--statements`` tells which SQL a cold page sends, and what Python does meanwhile.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from finrisk.dashboard.pages import PAGES

TIMES = 5
MOST_SECONDS = 2.0
TITLES = {page.name: page.title for page in PAGES}
MODEL = "model"
SHOWN_STATEMENTS, SHOWN_FUNCTIONS = 20, 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", type=Path, help="a year that was built before; built if missing")
    parser.add_argument("--page", action="append", choices=sorted(TITLES), help="only these")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--statements", action="store_true")
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    pages = asked.page or list(TITLES)
    if asked.part:
        print(json.dumps(PARTS[asked.part](Path(os.environ["FINRISK_HOME"]), pages, asked.times)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        world, nothing = asked.world or Path(scratch) / "world", Path(scratch) / "nothing"
        if not world.exists():
            _child("year", world, [], 0)
        if asked.statements:
            for page in pages:
                _child("statements", world, [page], 1)
            return
        _child("nothing", nothing, [], 0)
        figures = {
            part: {name: _child(part, home, pages, asked.times) for name, home in homes}
            for part in ("server", "browser")
            for homes in [(("year", world), ("nothing", nothing))]
        }
    if asked.json:
        print(json.dumps(figures, indent=2))
    else:
        _tell(figures, pages)
    sys.exit(_too_slow(figures["browser"]["year"], pages))


def _child(part: str, home: Path, pages: Sequence[str], times: int) -> Any:
    """Do a part in a process of its own, whose settings are those of this home alone."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FINRISK_")}
    own |= {"FINRISK_HOME": str(home), "FINRISK_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--part", part, "--times", str(times)]
    command += [word for page in pages for word in ("--page", page)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=own)
    if done.returncode != 0:
        raise SystemExit(f"{part} of {home} failed")
    *told, last = done.stdout.splitlines()
    print("\n".join(told), end="\n" if told else "")
    return json.loads(last)


def year(home: Path, *_: Any) -> dict[str, int]:
    from benchmarks.dashboard_world import build

    return build(home)


def nothing(home: Path, *_: Any) -> None:
    from benchmarks.dashboard_world import empty

    empty(home)


def server(_: Path, pages: Sequence[str], times: int) -> dict[str, Any]:
    """Run the pages without a browser: first of the process, cold, warm."""
    import streamlit as st

    figures: dict[str, Any] = {}
    for page in pages:
        first = _run(page)
        cold, warm = [], []
        for _turn in range(times):
            st.cache_data.clear()
            cold.append(_run(page))
            warm.append(_run(page))
        figures[page] = {"first": first, "cold": median(cold), "warm": median(warm)}
    return figures


def _run(page: str) -> float:
    import logging

    from streamlit.testing.v1 import AppTest

    script = f"from finrisk.dashboard.app import show_page\nshow_page({page!r})\n"
    at = AppTest.from_string(script, default_timeout=300)
    for name in logging.root.manager.loggerDict:
        if name.startswith("streamlit"):
            logging.getLogger(name).setLevel(logging.ERROR)  # that there is no browser
    began = perf_counter()
    at.run()
    seconds = perf_counter() - began
    if at.exception or at.error:
        said = [*(one.message for one in at.exception), *(one.value for one in at.error)]
        print(f"{page}: {said[0]}", file=sys.stderr)
    return seconds


def browser(home: Path, pages: Sequence[str], times: int) -> dict[str, Any]:
    """Show the pages in a browser, by the navigation's links."""
    from tests.browser.harness import browser as browsing
    from tests.browser.harness import dashboard, looking, open_page

    developer = "--client.toolbarMode=developer"  # its C key forgets every answer
    with (
        tempfile.TemporaryDirectory() as logs,
        dashboard(home, Path(logs), developer) as served,
        browsing() as opened,
        looking(opened) as (page, seen),
    ):
        began = perf_counter()
        open_page(page, served.url, TITLES["overview"])
        figures: dict[str, Any] = {"first page of the process": perf_counter() - began}
        for name in pages:  # everything imported, by the server and by the browser
            figures[name] = {"first": _click(page, name)}
        for name in pages:
            cold, warm = [], []
            for _turn in range(times):
                _click(page, _other(name))
                _forget(page)
                cold.append(_click(page, name))
                _click(page, _other(name))
                warm.append(_click(page, name))
            figures[name] |= {"cold": median(cold), "warm": median(warm), "worst": max(cold)}
        figures["memory_mb"] = round(served.peak_memory_mb)
        figures["wrong"], figures["warnings"] = sorted({*seen.wrong}), sorted({*seen.warnings})
    return figures


def _other(name: str) -> str:
    """The page that people come from: a light one."""
    return "settings" if name != "settings" else "overview"


def _click(page: Any, name: str) -> float:
    from tests.browser.harness import done, link_to

    link = link_to(page, TITLES[name])
    began = perf_counter()
    link.click()
    done(page, TITLES[name])
    return perf_counter() - began


def _forget(page: Any) -> None:
    """Let the server forget what it was asked, as its C key does; the session goes on."""
    from tests.browser.harness import done

    page.get_by_test_id("stMain").focus()
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Clear caches").click()
    dialog.wait_for(state="detached")
    done(page)


def statements(_: Path, pages: Sequence[str], __: int) -> None:
    """Tell what a cold page asks the databases, and where Python's time goes."""
    import streamlit as st

    (page,) = pages
    _run(page)
    st.cache_data.clear()
    profile = cProfile.Profile()
    with _asked() as asked:
        seconds = _run(page)
    st.cache_data.clear()
    threads = _profiled_threads(profile)
    with threads:
        _run(page)
    total = sum(sum(times) for times in asked.values())
    count = sum(len(times) for times in asked.values())
    print(f"\n{page}: {seconds:.2f} s cold, {count} statements in {total:.2f} s")
    longest = sorted(asked.items(), key=lambda of: -sum(of[1]))
    for statement, times in longest[:SHOWN_STATEMENTS]:
        print(
            f"  {1000 * sum(times):8.1f} ms {len(times):4} ×  {' '.join(statement.split())[:230]}"
        )
    stats = pstats.Stats(profile, stream=sys.stdout)
    stats.sort_stats("cumulative").print_stats(r"finrisk|mlflow|pandas|altair", SHOWN_FUNCTIONS)


@contextmanager
def _asked() -> Iterator[dict[str, list[float]]]:
    """Listen to every statement that SQLAlchemy sends, whoever sends it."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    asked: dict[str, list[float]] = defaultdict(list)

    def before(*of: Any) -> None:
        of[4]._benchmark_began = perf_counter()

    def after(*of: Any) -> None:
        asked[of[2]].append(perf_counter() - of[4]._benchmark_began)

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


@contextmanager
def _profiled_threads(profile: cProfile.Profile) -> Iterator[None]:
    """Profile the thread that Streamlit runs the page in."""
    from streamlit.runtime.scriptrunner import ScriptRunner

    run = ScriptRunner._run_script_thread

    def profiled(self: Any) -> None:
        profile.runcall(run, self)

    ScriptRunner._run_script_thread = profiled  # type: ignore[method-assign]
    try:
        yield
    finally:
        ScriptRunner._run_script_thread = run  # type: ignore[method-assign]


def _tell(figures: dict[str, Any], pages: Sequence[str]) -> None:
    head = "cold, s | warm, s | cold ÷ empty home"
    print(f"{'':18} | on the server: {head} | in the browser: {head} | worst, s")
    for page in pages:
        cells = []
        for part in ("server", "browser"):
            of, empty = (figures[part][home][page] for home in ("year", "nothing"))
            cells += [of["cold"], of["warm"], of["cold"] / empty["cold"]]
        cells.append(figures["browser"]["year"][page]["worst"])
        print(f"{TITLES[page]:18} | " + " | ".join(f"{cell:6.2f}" for cell in cells))
    for home in ("year", "nothing"):
        of = figures["browser"][home]
        first = of["first page of the process"]
        print(f"{home}: first page of a process {first:.1f} s; peak memory {of['memory_mb']} MB")
    for kind in ("wrong", "warnings"):
        for said in figures["browser"]["year"][kind]:
            print(f"the browser said, {kind}: {said}")


def _too_slow(figures: dict[str, Any], pages: Sequence[str]) -> int:
    return int(bool(figures["wrong"]) or any(figures[p]["cold"] > MOST_SECONDS for p in pages))


PARTS: dict[str, Callable[[Path, Sequence[str], int], Any]] = {
    "year": year,
    "nothing": nothing,
    "server": server,
    "browser": browser,
    "statements": statements,
}


if __name__ == "__main__":
    main()
