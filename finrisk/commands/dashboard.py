"""The command that serves the dashboard."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from finrisk.commands.answering import answering


@answering
def dashboard(
    host: Annotated[
        str, typer.Option(help="where it listens; whoever reaches it reads everything but secrets")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")] = 8502,
    base_path: Annotated[
        str, typer.Option(help="below which a proxy serves it, as 'finrisk'; empty: at the root")
    ] = "",
) -> None:
    """Show champions, nights, evidence, data quality and monitors in a browser.

    Reading needs no login; promoting, rolling back, signing and freezing need one: see
    `finrisk promoters`.
    """
    from finrisk.config import load_settings
    from finrisk.dashboard.server import command

    started = command(load_settings(), host, port, base_path)
    os.execv(started[0], started)  # noqa: S606 - no shell, and its signals are Streamlit's own
