"""Commands about the ledger's database: its schema, and bringing that up to date."""

from __future__ import annotations

import typer

from finrisk.commands.answering import Json, answering, console, print_json
from finrisk.errors import ConfigurationError


@answering
def upgrade(as_json: Json = False) -> None:
    """Bring the ledger to this release's schema, in one transaction. Safe to repeat."""
    from finrisk.config import load_settings
    from finrisk.setting_up import upgrade_ledger

    found = upgrade_ledger(load_settings())
    if as_json:
        print_json({"from": found.now, "to": found.expected, "changed": not found.fits})
    elif found.fits:
        console().print(f"the ledger has schema {found.expected} already", markup=False)
    elif found.now is None:
        console().print(f"a new ledger was made, schema {found.expected}", markup=False)
    else:
        told = f"the ledger was upgraded from schema {found.now} to {found.expected}"
        console().print(told, markup=False)


@answering
def status(as_json: Json = False) -> None:
    """Say which schema the ledger has, which this release expects, and whether it fits.

    Exit status: 0 if it fits, 2 if not, 6 if the database does not answer.
    """
    from finrisk.config import load_settings
    from finrisk.ledger.schema import remedy_of_schema
    from finrisk.setting_up import schema_state

    found = schema_state(load_settings())
    if as_json:
        print_json({**found.to_json(), "fits": found.fits})
    else:
        now = "no schema" if found.now is None else f"schema {found.now}"
        fits = "it fits" if found.fits else f"it does not fit: {remedy_of_schema(found.now)}"
        console().print(f"{now}, expected {found.expected}: {fits}", markup=False)
    if not found.fits:
        raise typer.Exit(ConfigurationError.exit_status)
