"""The command that simulates years of nights through the gate."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from finrisk.commands.answering import Json, answering, print_json, progress

if TYPE_CHECKING:
    from finrisk.simulation.schedules import Setting


@answering
def self_test(
    model: Annotated[
        str | None,
        typer.Argument(
            help="whose policy; without one, the shipped default, looking daily and monthly"
        ),
    ] = None,
    nights: Annotated[int, typer.Option(min=1, help="nights a simulated year lasts")] = 365,
    years: Annotated[int, typer.Option(min=1, help="years of each gate in each world")] = 30,
    gate: Annotated[
        list[str] | None,
        typer.Option(help="a gate to compare with; repeatable; all of them without it"),
    ] = None,
    schedule: Annotated[
        list[str] | None, typer.Option(help="daily or monthly, without a model; repeatable")
    ] = None,
    bads: Annotated[int, typer.Option(min=1, help="bads in the simulated hold-out")] = 1200,
    size_looks: Annotated[
        int, typer.Option(min=1, help="single looks between equals, for the size of one look")
    ] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="of all chance; the same gives the same")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes; one a core without it")
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate years of nights: how often the gate errs, and how soon it reacts."""
    from finrisk.simulation.plan import Extent
    from finrisk.simulation.self_test import self_test as run_self_test
    from finrisk.simulation.tables import markdown
    from finrisk.simulation.years import GATES

    settings = _settings(model, schedule or [], bads=bads, nights=nights)
    extent = Extent(
        years=years,
        size_looks=size_looks,
        gates=tuple(gate or GATES),
        seed=seed,
        workers=workers or os.cpu_count() or 1,
    )
    with progress("self-test of the gate", quiet=False) as tell:
        report = run_self_test(settings, extent, tell=tell)
    if as_json:
        print_json(report)
        return
    sys.stdout.write(f"{markdown(report)}\n")


def _settings(
    model: str | None, schedules: list[str], *, bads: int, nights: int
) -> tuple[Setting, ...]:
    from finrisk.config import load_settings
    from finrisk.errors import ConfigurationError
    from finrisk.simulation.schedules import setting_of, shipped_settings
    from finrisk.specs.loader import find_spec
    from finrisk.specs.policy import GatePolicy

    if model is not None:
        spec = find_spec(load_settings().conf_locations, model)
        return (setting_of(spec, bads=bads, nights=nights),)
    shipped = {s.name: s for s in shipped_settings(GatePolicy(), bads=bads, nights=nights)}
    unknown = sorted(set(schedules) - set(shipped))
    if unknown:
        raise ConfigurationError(
            "no such schedule", expected=" or ".join(shipped), got=", ".join(unknown)
        )
    return tuple(shipped[name] for name in dict.fromkeys(schedules or shipped))
