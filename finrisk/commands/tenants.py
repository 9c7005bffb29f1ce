"""The command that shows who shares an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finrisk.commands.answering import Json, answering, console, print_json

if TYPE_CHECKING:
    from finrisk.tenants import Tenant


@answering
def tenants_list(as_json: Json = False) -> None:
    """List the lenders: their models, their pools in Airflow, and what is wrong with them."""
    from finrisk.config import load_settings
    from finrisk.tenants import strangers, tenants_of

    settings = load_settings()
    told = [_told(one) for one in tenants_of(settings)]
    wrong = [str(one) for one in strangers(settings)]
    if as_json:
        print_json({"tenants": told, "strangers": wrong})
        return
    for one in told:
        models = ", ".join(one["models"]) or "no model"
        pool = f", pool {one['pool']} of {one['pool_slots']}" if one["pool"] else ""
        _print(f"{one['tenant'] or '(first)'}: {one['title']}: {models}{pool}")
        for trouble in one["troubles"]:
            _print(f"  wrong: {trouble}")
    for trouble in wrong:
        _print(f"wrong: {trouble}")


def _told(tenant: Tenant) -> dict[str, Any]:
    specs, wrong = tenant.specs()
    troubles = [tenant.trouble, *wrong] if tenant.trouble is not None else wrong
    return {
        "tenant": tenant.name,
        "title": tenant.title,
        "owner": tenant.file.owner,
        "scope": tenant.settings.scope,
        "models": sorted(specs),
        "pool": tenant.file.pool,
        "pool_slots": tenant.file.pool_slots,
        "home": str(tenant.settings.home),
        "troubles": [str(one) for one in troubles],
    }


def _print(line: str) -> None:
    console().print(line, markup=False, highlight=False, soft_wrap=True)
