"""The command that builds features over time outside a night."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from finrisk.commands.answering import (
    Json,
    Model,
    answering,
    console,
    day_of,
    print_json,
    progress,
)

MEMORY_MB = 420  # pipelines.feature_building has the same; importing it would make --help heavy


@answering
def features(
    model: Model,
    start: Annotated[
        date, typer.Option("--from", parser=day_of, metavar="DATE", help="first event day")
    ],
    to: Annotated[date, typer.Option(parser=day_of, metavar="DATE", help="last event day")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="the Parquet file to write")],
    memory_mb: Annotated[
        int, typer.Option(min=64, help="what DuckDB may hold; the rest waits on disk")
    ] = MEMORY_MB,
    ordered: Annotated[
        bool, typer.Option(help="rows by time; else in any order, a fifth sooner")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build the features of landed rows, windows among them, into one Parquet file."""
    from finrisk.config import load_settings
    from finrisk.pipelines.feature_building import build_features
    from finrisk.specs.loader import find_spec
    from finrisk.wording import counted

    settings = load_settings()
    spec = find_spec(settings.conf_locations, model)
    with progress(f"features of {model}", quiet=as_json) as tell:
        built = build_features(
            spec,
            settings.home,
            start,
            to,
            out,
            threads=settings.threads,
            memory_mb=memory_mb,
            ordered=ordered,
            tell=tell,
        )
    if as_json:
        print_json({"model": model, "from": start, "to": to, **built.to_json()})
        return
    made = f"{counted(built.rows, 'row')} with {counted(len(spec.feature_names), 'feature')}"
    console().print(f"{made}: {built.out}", markup=False, soft_wrap=True)
