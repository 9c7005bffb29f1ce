"""How the dashboard is started: both ways alike, on this machine only."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from finrisk.config import Settings
from finrisk.dashboard.server import HOST, NAMES_OF_THIS_MACHINE, OPTIONS, PORT, command
from tests.dashboard.conftest import REPOSITORY


def flat(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Name each value as a flag names it."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def test_streamlits_own_file_and_our_command_say_the_same() -> None:
    told = dict(flat(tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())))
    hosts = told.pop("server.allowedHosts")

    said = dict(OPTIONS) | {"server.address": HOST, "server.port": str(PORT)}

    assert {
        name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in told.items()
    } == said
    assert hosts == list(NAMES_OF_THIS_MACHINE)


def test_a_browser_may_ask_for_the_name_that_a_proxy_has_and_no_other() -> None:
    asked = command(Settings(dashboard_url="https://risk.example/finrisk"), "0.0.0.0")  # noqa: S104

    hosts = [flag.partition("=")[2] for flag in asked if flag.startswith("--server.allowedHosts=")]
    assert hosts == [*NAMES_OF_THIS_MACHINE, "risk.example"]


def test_every_option_is_one_that_streamlit_knows() -> None:
    from streamlit import config

    asked = command(Settings(), base_path="/finrisk/")
    named = [flag.removeprefix("--").partition("=")[0] for flag in asked if flag.startswith("--")]

    assert "server.baseUrlPath" in named
    assert set(named) <= set(config.get_config_options())
