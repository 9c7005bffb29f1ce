"""Which scopes and models there are, and whether anything of them has changed."""

from __future__ import annotations

from dataclasses import dataclass

from finrisk.dashboard.sources import remembered, sources


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
    """Return the scopes that hold anything, this installation's own first."""
    own = sources().settings.scope
    others = [scope for scope in sources().ledger(own).scopes() if scope != own]
    return [own, *others]


@remembered
def models(scope: str) -> list[ShownModel]:
    """Return the models of a scope, those of the specs and those of the ledger, by name."""
    specs = sources().specs()
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
