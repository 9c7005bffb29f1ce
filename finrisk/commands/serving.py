"""The commands that serve the model in use, and that make and revoke the keys to ask it."""

from __future__ import annotations

import os
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

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KeyName = Annotated[str, typer.Argument(help="of the system that holds it: loan-desk")]


@answering
def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")] = 8000,
    model: Annotated[
        list[str] | None, typer.Option(help="a model to serve; may be repeated. Default: all")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="the model of /predict, where several are served")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="start before the first champion; 503 until there is one")
    ] = False,
) -> None:
    """Answer over HTTP by the champions, log each decision, and follow every promotion.

    One process. It goes on by verified copies while MLflow or the ledger is away, and refuses to
    start only where there never was a champion, unless told to wait.
    """
    for name in ONE_THREAD:  # before numpy: one row on a busy machine must not spin threads
        os.environ.setdefault(name, "1")
    from finrisk.config import load_settings
    from finrisk.serving.server import open_service, run

    settings = load_settings()
    service = open_service(settings, model or (), default=default, patient=wait)
    told = console()
    for desk in service.desks.values():
        whose = f"{desk.tenant}, " if service.others else ""
        for seat in desk.seats.values():
            seated = seat.current
            who = "no version yet" if seated is None else f"version {seated.by.version}"
            told.print(f"{whose}{seat.model}: {who}", markup=False, highlight=False)
    if not service.ring.holds_any:
        told.print("no API key yet: finrisk keys add NAME", markup=False)
    told.print(f"http://{host}:{port}", markup=False, highlight=False)
    if lost := run(service, host, port):
        raise SystemExit(f"{lost} decisions could not be logged")


@answering
def keys_add(
    name: KeyName,
    model: Annotated[
        list[str] | None, typer.Option(help="a model it may ask; may be repeated. Default: all")
    ] = None,
    rate: Annotated[float, typer.Option(help="requests a second, over time")] = 50.0,
    burst: Annotated[int, typer.Option(min=1, help="requests that may come at once")] = 100,
    tenant: Annotated[
        str | None, typer.Option(help="the tenant, or scope, it may ask. Default: the settings'")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once: only its digest is kept."""
    from finrisk.config import load_settings
    from finrisk.serving.api_keys import add_key

    settings = load_settings()
    scope = settings.scope if tenant is None else settings.in_scope(tenant).scope
    key, made = add_key(
        settings.keys,
        name,
        tenant=scope,
        at=datetime.now(UTC),
        models=model or (),
        rate=rate,
        burst=burst,
    )
    if as_json:
        print_json({"key": key, "name": made.name, "tenant": made.tenant})
        return
    told = console()
    told.print(key, markup=False, highlight=False, soft_wrap=True)
    told.print("  shown this once; send it as 'Authorization: Bearer <key>'", markup=False)


@answering
def keys_list(as_json: Json = False) -> None:
    """List the keys: their names, scopes and rates, never the keys."""
    from finrisk.config import load_settings
    from finrisk.serving.api_keys import ApiKeys

    keys = ApiKeys.load(load_settings().keys).keys
    if as_json:
        print_holders(keys)
        return
    for key in keys:
        asks = ", ".join(key.models) or "all models"
        until = "" if key.revoked is None else f", revoked {key.revoked:%Y-%m-%d}"
        line = f"{key.name}: {key.tenant}, {asks}, {key.rate:g}/s, {key.burst} at once{until}"
        console().print(line, markup=False, highlight=False, soft_wrap=True)


@answering
def keys_revoke(name: KeyName, as_json: Json = False) -> None:
    """Revoke a key; servers that run refuse it within seconds."""
    from finrisk.config import load_settings
    from finrisk.serving.api_keys import revoke_key

    revoked = revoke_key(load_settings().keys, name, at=datetime.now(UTC))
    tell_revoked(revoked.name, revoked.revoked, as_json=as_json)
