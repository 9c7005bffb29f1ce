"""The command that scores a batch and logs what was decided."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

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

BOTH_DAYS = "--from and --to go together"


@answering
def score(
    model: Model,
    given: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", help="rows to score, .csv or .parquet"),
    ] = None,
    start: Annotated[
        date | None,
        typer.Option("--from", parser=day_of, metavar="DATE", help="first landed day, instead"),
    ] = None,
    to: Annotated[
        date | None, typer.Option(parser=day_of, metavar="DATE", help="last landed day")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="where scores and decisions go, .csv or .parquet"),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option(
            parser=day_of,
            metavar="DATE",
            help="of --input: the day of rows that carry none; none may be later. Default: today",
        ),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="another version than the champion")
    ] = None,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="keep the decisions out of the decision log")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score a file, or what landed on some days, by the champion; and log each decision.

    All of a batch or nothing: a missing column, a cell of another type or a row key that stands
    twice ends it before anything is written.
    """
    from finrisk.pipelines.rooms import Rooms
    from finrisk.pipelines.scoring import score_days, score_file

    _demand_one_source(given, start, to, as_of)
    rooms = Rooms.open(model)
    with progress(f"scoring by {model}", quiet=as_json) as tell:
        how: dict[str, Any] = {"output": output, "version": version, "record": not no_log}
        if given is not None:
            report = score_file(rooms, given, as_of=as_of, tell=tell, **how)
        elif start is not None and to is not None:
            report = score_days(rooms, start, to, tell=tell, **how)
        else:
            raise typer.BadParameter(BOTH_DAYS)
    if as_json:
        print_json(report.to_json())
        return
    told = console()
    told.print(report.sentence, markup=False, soft_wrap=True)
    for written in filter(None, (report.output, report.logged and "the decision log")):
        told.print(f"  in {written}", markup=False, soft_wrap=True)


def _demand_one_source(
    given: Path | None, start: date | None, to: date | None, as_of: date | None
) -> None:
    if (given is None) is (start is None and to is None):
        raise typer.BadParameter("expected either --input FILE, or --from DATE and --to DATE")
    if given is None and as_of is not None:
        raise typer.BadParameter("--as-of goes with --input: landed rows have days of their own")
