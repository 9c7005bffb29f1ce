"""Commands about who is champion: promote, roll back, reconcile, who decided on a day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finrisk.commands.answering import (
    Actor,
    Json,
    Model,
    Reason,
    Scope,
    answering,
    console,
    day_of,
    print_json,
)

if TYPE_CHECKING:
    from finrisk.pipelines.rooms import Rooms


CountsFrom = Annotated[
    date | None,
    typer.Option(parser=day_of, metavar="DATE", help="the day it counts from; default: today"),
]


@answering
def promote(
    model: Model,
    version: Annotated[int, typer.Argument(help="the registered version")],
    reason: Reason,
    actor: Actor = "",
    force: Annotated[
        bool, typer.Option(help="without passing evidence; recorded as forced")
    ] = False,
    as_of: CountsFrom = None,
    as_json: Json = False,
) -> None:
    """Make a registered version champion: on its passing evidence, or by force, in your name."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import promote_by_hand

    rooms = Rooms.open(model)
    link = promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        model,
        version,
        force=force,
        **_by_hand(rooms, actor, reason, as_of),
    )
    show_link(link.to_json(), as_json=as_json)


@answering
def rollback(
    model: Model,
    reason: Reason,
    to: Annotated[int | None, typer.Option(help="the version; default: the predecessor")] = None,
    actor: Actor = "",
    as_of: CountsFrom = None,
    as_json: Json = False,
) -> None:
    """Bring back a version that was champion before. Needs no evidence, only a verified target."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import roll_back

    rooms = Rooms.open(model)
    link = roll_back(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        model,
        to_version=to,
        **_by_hand(rooms, actor, reason, as_of),
    )
    show_link(link.to_json(), as_json=as_json)


@answering
def deciding_on_day(
    model: Model,
    day: Annotated[date, typer.Argument(parser=day_of, metavar="DATE")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Say what decided on a day: which version, trained on what, and why it was promoted."""
    from finrisk.pipelines.audit import deciding_on
    from finrisk.pipelines.rooms import open_ledger

    answer = deciding_on(open_ledger(model, scope), model, day)
    if as_json:
        print_json(answer)
        return
    for line in answer["sentences"]:
        console().print(line, markup=False)


@answering
def reconcile(model: Model, as_json: Json = False) -> None:
    """Repair and report MLflow aliases that differ from the ledger."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import reconcile as reconcile_aliases

    rooms = Rooms.open(model)
    report = reconcile_aliases(rooms.ledger, rooms.registry, model, rooms.registered_name)
    if as_json:
        print_json(asdict(report))
        return
    for difference in report.differences:
        ending = "repaired" if difference.repaired else f"left as it is: {difference.reason}"
        console().print(
            f"alias {difference.alias}: ledger v{difference.ledger_version}, "
            f"MLflow v{difference.registry_version}: {ending}",
            markup=False,
        )
    console().print(f"{model}: {len(report.differences)} differences at epoch {report.epoch}")


def _by_hand(rooms: Rooms, actor: str, reason: str, as_of: date | None) -> dict[str, Any]:
    """Return who decides what by hand, when, and why."""
    at = rooms.now()
    return {
        "actor": actor or rooms.settings.actor,
        "reason": reason,
        "as_of": as_of or at.date(),
        "at": at,
    }


def show_link(link: dict[str, Any], *, as_json: bool) -> None:
    """Print one promotion in a line."""
    if as_json:
        print_json(link)
        return
    before = f" after v{link['previous_version']}" if link["previous_version"] else ""
    console().print(
        f"{link['model']}: v{link['version']} is champion{before} "
        f"(epoch {link['epoch']}, {link['kind']}, by {link['actor']})",
        markup=False,
    )
