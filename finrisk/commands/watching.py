"""The command about nights that should have been and were not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from finrisk.commands.answering import Json, Model, Scope, answering, console, print_json

GRACE_HOURS = 6  # pipelines.missed has the same; importing it here would make --help heavy


@answering
def missed(
    model: Model,
    grace_hours: Annotated[
        int, typer.Option(min=0, help="how long after its first slot a night may take")
    ] = GRACE_HOURS,
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """List the scheduled nights since the last recorded one that left no record."""
    from finrisk.pipelines.missed import missed_of, way_out
    from finrisk.wording import day_ranges

    found = missed_of(model, datetime.now(UTC), scope=scope, grace_hours=grace_hours)
    if as_json:
        print_json(found.to_json())
        return
    told = console()
    told.print(found.sentence, markup=False, soft_wrap=True)
    ranges = day_ranges(found.nights)
    if len(ranges) > 1:
        told.print(f"  {', '.join(ranges)}", markup=False, soft_wrap=True)
    if found.nights:
        told.print(f"remedy: {way_out(model, found.due)}", markup=False, soft_wrap=True)
