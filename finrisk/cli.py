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
    doctor,
    features,
    freezing,
    gate,
    keeping,
    nights,
    promotions,
    quality,
    scoring,
    self_testing,
    specs,
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

COMMANDS: dict[str, Callable[..., Any]] = {
    "init": nights.init,
    "simulate": nights.simulate,
    "retrain": nights.retrain,
    "replay": nights.replay,
    "features": features.features,
    "score": scoring.score,
    "promote": promotions.promote,
    "rollback": promotions.rollback,
    "sign": promotions.sign,
    "freeze": freezing.freeze,
    "missed": watching.missed,
    "history": nights.history,
    "as-of": promotions.deciding_on_day,
    "quality": quality.quality,
    "reconcile": promotions.reconcile,
    "reproduce": keeping.reproduce,
    "gc": keeping.gc,
    "doctor": doctor.doctor,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
spec_app.command("check")(specs.spec_check)
spec_app.command("schema")(specs.spec_schema)
gate_app.command("explain")(gate.explain)
gate_app.command("policy")(gate.policy)
gate_app.command("self-test")(self_testing.self_test)


def main() -> None:
    """Run the command line."""
    # On busy cores, OpenMP threads that spin while they wait made 200 trees take 25 s instead of 2.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()
