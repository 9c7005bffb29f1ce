"""The commands about alerts: take them in, list them, start what they wait for, their token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from finrisk.commands.answering import Json, Model, Scope, answering, console, print_json

PORT = 8481


@answering
def serve(
    host: Annotated[str, typer.Option(help="what it listens on; others need TLS before it")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = PORT,
) -> None:
    """Take alerts in without Airflow's api-server, and start their nights over its REST API."""
    from finrisk.alerting.airflow_rest import AirflowRest
    from finrisk.alerting.app import ALERTS, MOUNTED
    from finrisk.alerting.receiving import Receiver
    from finrisk.alerting.serving import serve as serve_alerts
    from finrisk.alerting.tokens import AlertTokens
    from finrisk.config import load_settings

    settings = load_settings()
    AlertTokens(settings.keys).accept("")  # a missing token is said now, not at the first alert
    with AirflowRest(settings) as start:
        console().print(f"alerts: http://{host}:{port}{MOUNTED}{ALERTS}", markup=False)
        serve_alerts(Receiver(settings, start), host=host, port=port)


@answering
def list_alerts(model: Model, scope: Scope = None, as_json: Json = False) -> None:
    """List the alerts that asked for a night, oldest first: what became of each, and its run."""
    from rich.table import Table

    from finrisk.pipelines.named_model import NamedModel
    from finrisk.wording import counted

    ledger = NamedModel.open(model, scope).ledger
    reruns = ledger.reruns(model)
    if as_json:
        print_json([rerun.to_json() for rerun in reruns])
        return
    title = f"{model}, scope {ledger.scope}: {counted(len(reruns), 'alert')}"
    columns = ("received (UTC)", "alert", "from", "outcome", "times", "run", "started")
    table = Table(*columns, title=title)
    for rerun in reruns:
        started = f"{rerun.started:%Y-%m-%d %H:%M}" if rerun.started else "pending"
        table.add_row(
            f"{rerun.received:%Y-%m-%d %H:%M}",
            rerun.alert,
            rerun.source,
            rerun.outcome.value,
            str(rerun.deliveries),
            rerun.run_id or "-",
            started if rerun.run_id else "-",
        )
    console().print(table)


@answering
def drain(as_json: Json = False) -> None:
    """Start the nights that alerts wait for, over Airflow's REST API; safe to repeat."""
    from finrisk.alerting.airflow_rest import AirflowRest
    from finrisk.alerting.starting import start_waiting
    from finrisk.config import load_settings
    from finrisk.errors import Unreachable
    from finrisk.ledger.store import Ledger
    from finrisk.wording import counted

    settings = load_settings()
    with Ledger.open(settings) as ledger, AirflowRest(settings) as start:
        waiting = ledger.pending_reruns()
        started = start_waiting(ledger, waiting, start, lambda: datetime.now(UTC), settings.tenant)
    if as_json:
        print_json({"started": started, "pending": len(waiting) - len(started)})
    else:
        console().print(f"{counted(len(started), 'run')} started", *started, sep="\n  ")
    if len(started) < len(waiting):
        left = counted(len(waiting) - len(started), "alert")
        raise Unreachable(f"{left} stay pending", remedy="see the warnings above, then run again")


@answering
def rotate(
    end: Annotated[
        bool, typer.Option("--end", help="refuse the previous token from now on")
    ] = False,
) -> None:
    """Make another token; the previous one is accepted as well until `--end`."""
    from finrisk.alerting.tokens import PREVIOUS, TOKEN, end_rotation, rotate_alert_token
    from finrisk.config import load_settings

    keys = load_settings().keys
    if end:
        ended = end_rotation(keys)
        console().print("the previous token is refused" if ended else "no rotation was going on")
        return
    rotate_alert_token(keys)
    told = console()
    told.print(f"the new token is in {keys / TOKEN}", markup=False, soft_wrap=True)
    told.print(f"accepted as well, until `finrisk alerts rotate --end`: {keys / PREVIOUS}")
