"""Commands about nights: set up, simulate, retrain, replay, history."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from finrisk.commands.answering import (
    Actor,
    AsOf,
    Json,
    Model,
    Reason,
    Scope,
    answering,
    console,
    day_of,
    print_json,
    progress,
)
from finrisk.commands.promotions import show_link
from finrisk.errors import DataError


@answering
def init(as_json: Json = False) -> None:
    """Set up folders, signing keys, the ledger's schema and the MLflow store. Safe to repeat."""
    from finrisk.config import load_settings
    from finrisk.setting_up import initialise

    done = initialise(load_settings())
    if as_json:
        print_json(done)
        return
    for what, where in done.items():
        console().print(f"{what:<12} {where}", markup=False)


@answering
def simulate(
    to: AsOf,
    model: Annotated[
        list[str] | None,
        typer.Option(help="only credit_risk, or fraud; repeat for both. Default: what conf has"),
    ] = None,
    break_month: Annotated[
        str, typer.Option(help="deliver this month (YYYY-MM) of the lender broken")
    ] = "",
    mend_month: Annotated[
        str, typer.Option(help="deliver this month (YYYY-MM) of the lender again")
    ] = "",
    break_day: Annotated[
        str, typer.Option(help="deliver this day (YYYY-MM-DD) of the cards broken")
    ] = "",
    mend_day: Annotated[
        str, typer.Option(help="deliver this day (YYYY-MM-DD) of the cards again")
    ] = "",
    as_json: Json = False,
) -> None:
    """Land what the simulated lender and the simulated cards would have delivered by a day."""
    from finrisk.config import load_settings
    from finrisk.pipelines.simulation import land_simulated
    from finrisk.wording import counted

    landed = land_simulated(
        load_settings(),
        to,
        models=tuple(model or ()),
        broken=break_month,
        mended=mend_month,
        broken_day=break_day,
        mended_day=mend_day,
    )
    if as_json:
        print_json({"landed": landed})
        return
    console().print(
        f"{counted(len(landed), 'file')} landed", *landed[-3:], sep="\n  ", markup=False
    )


@answering
def retrain(
    model: Model,
    as_of: AsOf,
    candidate: Annotated[
        list[str] | None, typer.Option(help="train only this one; repeat for more")
    ] = None,
    reserve: Annotated[
        bool, typer.Option(help="pay the look from the reserve (alerts and manual reruns)")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="train and log, but look at no hold-out and promote nothing")
    ] = False,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Run one night in this process: validate, snapshot, train, compare, decide, promote."""
    from finrisk.pipelines.night_table import night_table
    from finrisk.pipelines.retrain import run_night
    from finrisk.pipelines.rooms import Rooms
    from finrisk.records import LookKind, NightRequest, NightStatus

    rooms = Rooms.open(model)
    request = NightRequest(
        model=model,
        as_of=as_of,
        look=LookKind.RESERVE if reserve else LookKind.SCHEDULED,
        dry_run=dry_run,
        candidates=tuple(candidate or ()),
        reason=reason,
        actor=actor or rooms.settings.actor,
    )
    with progress(f"{model} as of {as_of}", quiet=as_json) as tell:
        night = run_night(request, rooms, tell=tell)
    if as_json:
        print_json(night.to_json())
    else:
        console().print(night_table([night], f"{model} as of {as_of}"))
    if night.status is NightStatus.BLOCKED:
        raise typer.Exit(DataError.exit_status)


@answering
def replay(
    model: Model,
    start: Annotated[
        date, typer.Option("--from", parser=day_of, metavar="DATE", help="first night")
    ],
    to: Annotated[
        date, typer.Option(parser=day_of, metavar="DATE", help="last night at the latest")
    ],
    every: Annotated[str, typer.Option(help="month, week, day, or a number of days")] = "month",
    scope: Annotated[
        str, typer.Option(help="the replay's own champions and error budget")
    ] = "replay",
    markdown: Annotated[Path | None, typer.Option(help="also write the table here")] = None,
    as_json: Json = False,
) -> None:
    """Run past nights in their order, with champions and an error budget of their own."""
    from finrisk.config import load_settings
    from finrisk.errors import ConfigurationError
    from finrisk.pipelines.night_table import night_markdown, night_table
    from finrisk.pipelines.retrain import nights_between, run_replay
    from finrisk.pipelines.rooms import Rooms

    dates = nights_between(start, to, every)
    settings = load_settings().in_scope(scope)
    if settings.is_live:
        raise ConfigurationError(
            f"a replay in scope {settings.scope} would promote and spend for real",
            remedy="`finrisk retrain` runs a live night; a replay takes another --scope",
        )
    rooms = Rooms.open(model, settings)
    with progress(f"replay of {model}", quiet=as_json) as tell:
        nights = run_replay(rooms, dates, tell=tell)
    if markdown is not None:
        markdown.write_text(night_markdown(nights) + "\n", encoding="utf-8")
    if as_json:
        print_json(
            {"model": model, "scope": settings.scope, "nights": [n.to_json() for n in nights]}
        )
        return
    console().print(night_table(nights, f"{model}, scope {settings.scope}"))


@answering
def history(
    model: Model,
    scope: Scope = None,
    verify: Annotated[
        bool, typer.Option(help="check the chain of promotions link by link")
    ] = False,
    as_json: Json = False,
) -> None:
    """List nights, promotions, and what happened to champions beside them, oldest first."""
    from finrisk.pipelines.audit import history_of
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.pipelines.night_table import night_table
    from finrisk.records import NightDecision
    from finrisk.wording import counted

    ledger = NamedModel.open(model, scope).ledger
    document = history_of(ledger, model, verify=verify)
    if as_json:
        print_json(document)
        return
    nights = [NightDecision.from_json(night) for night in document["nights"]]
    console().print(night_table(nights, f"{model}, scope {ledger.scope}"))
    for link in document["promotions"]:
        show_link(link, as_json=False)
    for event in document["events"]:
        console().print(_event_line(event), markup=False)
    if not nights and not document["promotions"]:
        console().print(f"nothing in scope {ledger.scope}; scopes: {ledger.scopes()}")
    if verify:
        console().print(f"chain verified: {counted(document['verified_links'], 'link')}")


def _event_line(event: dict[str, Any]) -> str:
    """Write an event on one line: its day, and what it tells in a sentence."""
    day = event["as_of"] or event["at"][:10]
    return f"{day} {event['kind']}: {event['document'].get('sentence', event['key'])}"
