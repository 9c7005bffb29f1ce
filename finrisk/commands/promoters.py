"""The commands about people who may promote from the dashboard: let one, list them, end one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from finrisk.commands.answering import (
    Json,
    answering,
    console,
    print_holders,
    print_json,
    tell_revoked,
)

PersonName = Annotated[
    str, typer.Argument(help="of the person, as Airflow knows them: it is recorded")
]


@answering
def promoters_add(
    name: PersonName,
    days: Annotated[int, typer.Option(min=1, max=366, help="how long it lasts")] = 90,
    tenant: Annotated[
        str, typer.Option(help="whose models they may change. Default: FINRISK_TENANT, else all")
    ] = "",
    as_json: Json = False,
) -> None:
    """Let a person promote from the dashboard. Their token is shown this once."""
    from finrisk.config import load_settings
    from finrisk.dashboard.acting.promoters import add_promoter

    settings = load_settings()
    whose = settings.of_tenant(tenant).tenant if tenant else settings.tenant
    token, made = add_promoter(settings.keys, name, at=datetime.now(UTC), days=days, tenant=whose)
    if as_json:
        shown = {"token": token, "name": made.name, "expires": str(made.expires)}
        print_json(shown | ({"tenant": whose} if whose else {}))
        return
    told = console()
    told.print(token, markup=False, highlight=False, soft_wrap=True)
    until = f"{made.expires:%Y-%m-%d}"
    told.print(f"  shown this once; {name} logs in with it until {until}", markup=False)


@answering
def promoters_list(as_json: Json = False) -> None:
    """List who may promote by a token, and until when; never the tokens."""
    from finrisk.config import load_settings
    from finrisk.dashboard.acting.promoters import all_promoters

    people, now = all_promoters(load_settings().keys), datetime.now(UTC)
    if as_json:
        print_holders(people)
        return
    lines = [
        f"{one.name}: {one.state(now)}{f', tenant {one.tenant}' if one.tenant else ''}"
        for one in people
    ]
    for line in lines or ["nobody yet: finrisk promoters add NAME"]:
        console().print(line, markup=False, highlight=False, soft_wrap=True)


@answering
def promoters_revoke(name: PersonName, as_json: Json = False) -> None:
    """End a person's token; a page that is open acts no more from now on."""
    from finrisk.config import load_settings
    from finrisk.dashboard.acting.promoters import revoke_promoter

    revoked = revoke_promoter(load_settings().keys, name, at=datetime.now(UTC))
    tell_revoked(revoked.name, revoked.revoked, as_json=as_json)
