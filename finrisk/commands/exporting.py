"""The command that serves metrics to Prometheus."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from rich.console import Console

from finrisk.commands.answering import Scope, answering

HOST, PORT = "127.0.0.1", 9464  # pipelines.exporter.serving has the same


@answering
def exporter(
    host: Annotated[
        str, typer.Option(help="where it listens; whoever reaches it reads every metric")
    ] = HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = PORT,
    scope: Scope = None,
) -> None:
    """Serve champions, gate, nights and monitors as metrics, until it is stopped."""
    from finrisk.config import load_settings
    from finrisk.pipelines.exporter.serving import serve

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    told = Console(stderr=True)
    serve(
        settings if scope is None else settings.in_scope(scope),
        host,
        port,
        tell=lambda listening: told.print(
            f"metrics: http://{host}:{listening}/metrics", markup=False, soft_wrap=True
        ),
    )
