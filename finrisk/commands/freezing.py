"""The command about change freezes: days on which nothing is promoted."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finrisk.commands.answering import (
    Actor,
    Json,
    Model,
    Reason,
    answering,
    console,
    day_of,
    print_json,
)

if TYPE_CHECKING:
    from finrisk.ledger.freezes import Freeze


@answering
def freeze(
    model: Model,
    until: Annotated[
        date | None,
        typer.Option(parser=day_of, metavar="DATE", help="promote nothing up to and on this day"),
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="end the freeze that holds")] = False,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Freeze a model: nights train, spend no look, promote nothing. Alone, show its freezes."""
    from finrisk.pipelines import by_hand
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.pipelines.person import Person

    if lift and until is not None:
        raise typer.BadParameter("--until and --lift exclude each other")
    if (reason or actor) and not lift and until is None:
        raise typer.BadParameter("expected --until DATE or --lift with --reason and --actor")
    found = NamedModel.open(model)
    settings, today = found.settings, found.day()
    with found.ledger as ledger:
        if lift or until is not None:
            who = Person(actor or settings.actor)
            by_hand.freeze(found, until, by=who, reason=reason)
        freezes = ledger.freezes(model)
    if as_json:
        print_json(_document(model, settings.scope, today, freezes))
        return
    for line in _lines(model, today, freezes):
        console().print(line, markup=False)


def _document(model: str, scope: str, today: date, freezes: list[Freeze]) -> dict[str, Any]:
    return {
        "model": model,
        "scope": scope,
        "frozen_today": bool(freezes) and freezes[-1].holds_on(today),
        "today": today.isoformat(),
        "freeze": freezes[-1].to_json() if freezes else None,
        "freezes": [freeze.to_json() for freeze in freezes],
    }


def _lines(model: str, today: date, freezes: list[Freeze]) -> list[str]:
    if not freezes:
        return [f"{model}: no change freeze"]
    last = freezes[-1]
    holds = "frozen" if last.holds_on(today) else "not frozen"
    return [
        f"{model} is {holds} today, {today}: {last.sentence}",
        *(f"  {freeze.at:%Y-%m-%d %H:%M} {freeze.sentence}" for freeze in freezes[:-1]),
    ]
