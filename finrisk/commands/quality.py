"""The command about the quality of what landed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from finrisk.commands.answering import Json, Model, Scope, answering, console, print_json

if TYPE_CHECKING:
    from finrisk.data.quality import QualityLine

STYLES = {"pass": "green", "warn": "yellow", "block": "bold red"}
LEFT = ("as of", "data")


@answering
def quality(
    model: Model,
    scope: Scope = None,
    limit: Annotated[int, typer.Option(min=1, help="how many of the newest nights")] = 30,
    as_json: Json = False,
) -> None:
    """List how good the deliveries were, newest first, and where the pages are."""
    from finrisk.config import load_settings
    from finrisk.data.quality_store import QualityStore
    from finrisk.specs.loader import find_spec

    settings = load_settings()
    spec = find_spec(settings.conf_locations, model)
    if scope is not None:
        settings = settings.in_scope(scope)
    store = QualityStore(settings.store / "data_quality", settings.scope, spec.name, spec.title)
    nights = store.history(limit)[::-1]
    pages = store.index if nights else None
    if as_json:
        told = [night.to_json() for night in nights]
        print_json({"model": model, "scope": settings.scope, "pages": pages, "nights": told})
        return
    if pages is None:
        console().print(f"no report of {model} in scope {settings.scope}; a night makes one")
        return
    _print(nights, f"data quality of {model}, scope {settings.scope}")
    console().print(f"pages: {pages}", markup=False, soft_wrap=True)


def _print(nights: list[QualityLine], title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from finrisk.data.quality import shown_score

    table = Table(title=title, title_justify="left")
    for heading in (*LEFT, "rows", "set aside", "missing", "failed checks", "score"):
        table.add_column(heading, justify="left" if heading in LEFT else "right")
    for night in nights:
        missing = "–" if night.missing_share is None else f"{night.missing_share:.2%}"
        table.add_row(
            night.as_of.isoformat(),
            Text(night.result, style=STYLES[night.result]),
            f"{night.rows:,}",
            f"{night.quarantined:,}",
            missing,
            night.failures,
            shown_score(night.score),
        )
    console().print(table)
