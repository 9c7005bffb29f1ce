"""Which scopes and models there are, and whether anything of them has changed."""

from __future__ import annotations

from dataclasses import dataclass

from finrisk.dashboard.sources import remembered, sources
from finrisk.tenants import tenant


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model as it is named on a page.

    Parameters
    ----------
    title : str
        What people call it; the name where no spec declares it.
    zone : str
        The time zone of its nights.
    declared : bool
        Whether a spec declares it; one that was registered by hand has no nights.
    """

    name: str
    title: str
    zone: str
    declared: bool


@remembered
def scopes() -> list[str]:
    """Return this installation's own scope, its tenants', and what else holds anything."""
    settings = sources().settings
    known = [settings.in_scope(name).scope for name in settings.tenant_names]
    found = sources().ledger(settings.scope).scopes()
    if settings.tenant:  # a dashboard of one tenant's own knows of no other
        found = list(filter(settings.owns_scope, found))
    return list(dict.fromkeys([settings.scope, *known, *found]))


def title_of(scope: str) -> str:
    """Return how a scope is called where people choose: a tenant's by its title."""
    settings = sources().settings.in_scope(scope)
    if not settings.tenant:
        return scope
    title = tenant(settings).title
    return title if settings.is_live else f"{title}, {scope}"


@remembered
def models(scope: str) -> list[ShownModel]:
    """Return the models of a scope, those of the specs and those of the ledger, by name."""
    specs = sources().specs(scope)
    names = sorted({*specs, *sources().ledger(scope).models()})
    return [
        ShownModel(
            name=name,
            title=specs[name].title if name in specs else name,
            zone=specs[name].schedule.timezone if name in specs else "UTC",
            declared=name in specs,
        )
        for name in names
    ]


def pulse(scope: str) -> str:
    """Return a text that changes whenever the ledger does; never remembered."""
    sources().let_go()
    return sources().ledger(scope).pulse()
