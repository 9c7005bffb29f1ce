"""Commands about who is champion: promote, roll back, reconcile, who decided on a day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

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
    when_of,
)

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
        bool, typer.Option("--force", help="without passing evidence; recorded as forced")
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="not better, but needed: every rule but superiority holds"),
    ] = False,
    as_of: CountsFrom = None,
    as_json: Json = False,
) -> None:
    """Make a registered version champion in your name: on its evidence, to refresh, or by force.

    It signs the version: challengers are from now on held against it as well.
    """
    from finrisk.pipelines import by_hand
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.pipelines.person import Person

    if force and refresh:
        raise typer.BadParameter("--force and --refresh exclude each other")
    found = NamedModel.open(model)
    link = by_hand.promote(
        found,
        version,
        by=Person(actor or found.settings.actor),
        reason=reason,
        refresh=refresh,
        force=force,
        as_of=as_of,
    )
    show_link(link.to_json(), as_json=as_json)


@answering
def sign(
    model: Model,
    version: Annotated[
        int | None, typer.Argument(help="one that serves or served; default: the champion")
    ] = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Vouch for a version in your name: challengers are held against it. Alone, list signatures."""
    from finrisk.pipelines import by_hand
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.pipelines.person import Person

    found = NamedModel.open(model)
    if reason:
        by_hand.sign(found, version, by=Person(actor or found.settings.actor), reason=reason)
    elif version is not None:
        raise typer.BadParameter("a signature needs --reason")
    signatures = found.ledger.signatures(model)
    if as_json:
        print_json({"model": model, "signatures": [signed.to_json() for signed in signatures]})
        return
    for line in [signed.sentence for signed in signatures] or ["no version is signed"]:
        console().print(f"{model}: {line}", markup=False)


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
    from finrisk.pipelines import by_hand
    from finrisk.pipelines.named_model import NamedModel

    found = NamedModel.open(model)
    who = actor or found.settings.actor
    link = by_hand.roll_back(found, model, to, actor=who, reason=reason, as_of=as_of)
    show_link(link.to_json(), as_json=as_json)


@answering
def deciding_on_day(
    model: Model,
    when: Annotated[
        datetime,
        typer.Argument(
            parser=when_of,
            metavar="DATE|MOMENT",
            help="a business day (2026-03-01: by the day each promotion counts from), or a moment "
            "with its zone (2026-03-01T00:00Z: by when the ledger recorded each)",
        ),
    ],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Say what decided then: which version, trained on what, and on which evidence it came."""
    from finrisk.pipelines.audit import deciding_on
    from finrisk.pipelines.named_model import NamedModel

    answer = deciding_on(NamedModel.open(model, scope).ledger, model, when)
    if as_json:
        print_json(answer)
        return
    for line in answer["sentences"]:
        console().print(line, markup=False)


@answering
def reconcile(model: Model, as_json: Json = False) -> None:
    """Find what was done to the champion behind the ledger's back, mend it, and report it.

    MLflow's aliases, a deleted version, an artifact or a kept copy that was edited or lost.
    """
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.promotion.reconcile import reconcile as reconcile_champion
    from finrisk.wording import counted

    found = NamedModel.open(model)
    report = reconcile_champion(
        found.ledger,
        found.registry,
        model,
        found.registered_name,
        as_of=found.day(),
        at=found.local_now(),
    )
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
    for damage in report.damages:
        console().print(
            f"version {damage.version}, {damage.place}: {damage.found}: {damage.repair}",
            markup=False,
        )
    differences = len(report.differences) + len(report.damages)
    left = f", {report.open} of them as before" if report.open else ""
    console().print(f"{model}: {counted(differences, 'difference')} at epoch {report.epoch}{left}")


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
