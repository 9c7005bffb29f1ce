"""A lender that decided two nights, once a session; and a page of it as Streamlit shows it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from finrisk.config import Settings
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.setting_up import initialise
from tests.pipelines.lender import FIRST, SECOND, deliver, night, write_spec

REPOSITORY = Path(__file__).resolve().parents[2]
# Streamlit reads what all packages say of themselves, at each page: half of a page's time here.
SCANNED_ONCE = cache(manifest_scanner.scan_component_manifests)
PAGE_SECONDS = 60.0  # a page whose libraries nobody has imported yet, on a busy machine
Show = Callable[..., AppTest]


def settings_of(home: Path, **changes: Any) -> Settings:
    """What a process started with ``FINRISK_HOME`` alone works with."""
    return Settings(home=home, threads=1, pictures=False, actor="test", **changes)


@pytest.fixture(scope="session")
def decided_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose small lender decided two nights, the first with a champion; read only."""
    home = tmp_path_factory.mktemp("dashboard")
    write_spec(home / "conf" / "models")
    settings = settings_of(home)
    initialise(settings)
    deliver(settings, SECOND)
    rooms = Rooms.open("credit_risk", settings)
    for as_of in (FIRST, SECOND):
        night(rooms, as_of)
    rooms.ledger.close()
    return home


@pytest.fixture
def own_home(decided_home: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change; artifacts are read where the original has them."""
    home = tmp_path / "home"
    shutil.copytree(decided_home, home, ignore=shutil.ignore_patterns("artifacts", "landing"))
    return home


@pytest.fixture
def empty_home(tmp_path: Path) -> Path:
    """A home that was set up, and where nothing has happened yet."""
    home = tmp_path / "empty"
    write_spec(home / "conf" / "models")
    initialise(settings_of(home))
    return home


@pytest.fixture
def own_ledger(own_home: Path) -> Iterator[Ledger]:
    with Ledger.open(settings_of(own_home)) as ledger:
        yield ledger


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """Show a page of a home, nothing remembered of another test's; ``show(home, "overview")``."""

    def shown(home: Path, page: str, *, run: bool = True, **query: str) -> AppTest:
        monkeypatch.setattr(manifest_scanner, "scan_component_manifests", SCANNED_ONCE)
        monkeypatch.setenv("FINRISK_HOME", str(home))
        monkeypatch.setenv("FINRISK_THREADS", "1")
        st.cache_data.clear()
        st.cache_resource.clear()
        script = f"from finrisk.dashboard.app import show_page\nshow_page({page!r})\n"
        at = AppTest.from_string(script, default_timeout=PAGE_SECONDS)
        for name, value in query.items():
            at.query_params[name] = value
        return at.run() if run else at

    yield shown
    st.cache_data.clear()
    st.cache_resource.clear()


def texts(at: AppTest) -> str:
    """Everything a page says in words, in one text."""
    found = [*at.title, *at.header, *at.subheader, *at.markdown, *at.caption, *at.text]
    told = [*at.info, *at.warning, *at.error, *at.success]
    metrics = [f"{metric.label} {metric.value}" for metric in at.metric]
    return "\n".join([*(str(element.value) for element in (*found, *told)), *metrics])
