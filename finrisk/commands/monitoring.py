"""The command that reads a deciding champion for one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from finrisk.ledger.readings import Reading

STYLES = {"quiet": "green", "warn": "yellow", "alarm": "bold red", "unknown": "dim"}
LEFT = ("reading", "of", "state", "why")


@answering
def monitor(
    model: Model,
    as_of: Annotated[
        date | None,
        typer.Option(
            parser=day_of, metavar="DATE", help="the day it pretends to be. Default: today"
        ),
    ] = None,
    tell_only: Annotated[
        bool, typer.Option("--tell-only", help="an alarm asks for no night, whatever the spec says")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="list quiet features, too, one by one")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read what a champion decided, and how it ended; an alarm may ask for a night.

    The readings are kept in the ledger, the same day read again in their place, and logged to
    MLflow with pictures. Alarms that may ask stand in the spec, under monitoring.reruns.alarms.
    """
    from finrisk.pipelines.monitoring import monitor as read_day

    with progress(f"monitoring {model}", quiet=as_json) as tell:
        report = read_day(model, as_of=as_of, asks=not tell_only, tell=tell)
    if as_json:
        print_json(report.to_json())
        return
    _print(_listed(report.readings, every=every), f"{model} as of {report.as_of}")
    told = console()
    told.print(report.sentence, markup=False, soft_wrap=True)
    for rerun in report.asked:
        told.print(f"  {rerun.alert}: {rerun.reason}", markup=False, soft_wrap=True)


def _listed(readings: tuple[Reading, ...], *, every: bool) -> list[Reading]:
    """Leave out what is quiet of single features: there may be a hundred of them."""
    many = ("feature_drift", "missing_rate", "categories")
    return [r for r in readings if every or r.state != "quiet" or r.monitor not in many]


def _print(readings: list[Reading], title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for heading in ("reading", "of", "state", "figure", "95 %", "alarm limit", "why"):
        table.add_column(heading, justify="left" if heading in LEFT else "right")
    for reading in readings:
        table.add_row(
            reading.monitor,
            Text(reading.subject),
            Text(reading.state.value, style=STYLES[reading.state]),
            _shown(reading.value),
            "–" if reading.low is None else f"{_shown(reading.low)} to {_shown(reading.high)}",
            _shown(reading.threshold),
            Text(str(reading.detail.get("reason", ""))),
        )
    console().print(table)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
