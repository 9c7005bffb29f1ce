"""The ``finrisk`` command.

Exit status: 0 done (a HOLD is a normal night), 1 unexpected, 2 wrong usage or configuration,
3 data blocked the night, 4 bytes are not what was signed, 5 refused, the champion stays,
6 MLflow or the ledger does not answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import typer

from finrisk.commands import (
    alerts,
    backing_up,
    challenging,
    dashboard,
    database,
    doctor,
    exporting,
    features,
    freezing,
    gate,
    keeping,
    monitoring,
    nights,
    promoters,
    promotions,
    quality,
    scoring,
    self_testing,
    serving,
    specs,
    tenants,
    watching,
)

app = typer.Typer(
    help="Nightly retraining of risk models, promoted only on evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
spec_app = typer.Typer(help="Model specs: check one, or write their JSON Schema.")
app.add_typer(spec_app, name="spec", no_args_is_help=True)
gate_app = typer.Typer(help="The gate: a night explained, its policy, and how often it errs.")
app.add_typer(gate_app, name="gate", no_args_is_help=True)
alerts_app = typer.Typer(help="Alerts that may ask for a night: take them in, list, start, rotate.")
app.add_typer(alerts_app, name="alerts", no_args_is_help=True)
keys_app = typer.Typer(help="API keys of `finrisk serve`: make one, list them, revoke one.")
app.add_typer(keys_app, name="keys", no_args_is_help=True)
promoters_app = typer.Typer(help="Who may promote from the dashboard: let one, list, revoke one.")
app.add_typer(promoters_app, name="promoters", no_args_is_help=True)
shadow_app = typer.Typer(help="A challenger that scores silently, and what it would decide.")
app.add_typer(shadow_app, name="shadow", no_args_is_help=True)
ab_app = typer.Typer(help="A challenger that decides a share of the rows, and how that ends.")
app.add_typer(ab_app, name="ab", no_args_is_help=True)
tenants_app = typer.Typer(help="Lenders that share this installation, each with its own.")
app.add_typer(tenants_app, name="tenants", no_args_is_help=True)
db_app = typer.Typer(help="The ledger's schema: bring it up to date, or say whether it fits.")
app.add_typer(db_app, name="db", no_args_is_help=True)

COMMANDS: dict[str, Callable[..., Any]] = {
    "init": nights.init,
    "simulate": nights.simulate,
    "retrain": nights.retrain,
    "replay": nights.replay,
    "features": features.features,
    "score": scoring.score,
    "monitor": monitoring.monitor,
    "promote": promotions.promote,
    "rollback": promotions.rollback,
    "sign": promotions.sign,
    "freeze": freezing.freeze,
    "missed": watching.missed,
    "exporter": exporting.exporter,
    "serve": serving.serve,
    "dashboard": dashboard.dashboard,
    "history": nights.history,
    "as-of": promotions.deciding_on_day,
    "quality": quality.quality,
    "reconcile": promotions.reconcile,
    "reproduce": keeping.reproduce,
    "gc": keeping.gc,
    "backup": backing_up.backup,
    "restore": backing_up.restore,
    "doctor": doctor.doctor,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
spec_app.command("check")(specs.spec_check)
spec_app.command("schema")(specs.spec_schema)
db_app.command("upgrade")(database.upgrade)
db_app.command("status")(database.status)
tenants_app.command("list")(tenants.tenants_list)
keys_app.command("add")(serving.keys_add)
keys_app.command("list")(serving.keys_list)
keys_app.command("revoke")(serving.keys_revoke)
promoters_app.command("add")(promoters.promoters_add)
promoters_app.command("list")(promoters.promoters_list)
promoters_app.command("revoke")(promoters.promoters_revoke)
shadow_app.command("start")(challenging.shadow_start)
shadow_app.command("status")(challenging.shadow_status)
shadow_app.command("stop")(challenging.shadow_stop)
ab_app.command("start")(challenging.ab_start)
ab_app.command("status")(challenging.ab_status)
ab_app.command("stop")(challenging.ab_stop)
gate_app.command("explain")(gate.explain)
gate_app.command("policy")(gate.policy)
gate_app.command("self-test")(self_testing.self_test)
alerts_app.command("serve")(alerts.serve)
alerts_app.command("list")(alerts.list_alerts)
alerts_app.command("drain")(alerts.drain)
alerts_app.command("rotate")(alerts.rotate)


def main() -> None:
    """Run the command line."""
    # On busy cores, OpenMP threads that spin while they wait made 200 trees take 25 s instead of 2.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()
