"""Commands about the gate: why a night was decided as it was, and by which policy."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from finrisk.commands.answering import Json, Model, Scope, answering, console, day_of, print_json


@answering
def explain(
    model: Model,
    night: Annotated[
        date | None,
        typer.Option(parser=day_of, metavar="DATE", help="default: the newest with evidence"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="also write it as a page, without pictures")
    ] = None,
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Explain a night's decision from the ledger: every rule with its figure and its limit."""
    from finrisk.config import load_settings
    from finrisk.pipelines.evidence_pages import (
        markdown_of,
        night_to_explain,
        page_of,
        page_path,
        spec_of_then,
    )
    from finrisk.pipelines.named_model import NamedModel

    settings = load_settings()
    ledger = NamedModel.open(model, scope).ledger
    settings = settings.in_scope(ledger.scope)
    found = night_to_explain(ledger, model, night)
    decision, evidence = found.decision, found.evidence
    kept = page_path(settings, model, decision.as_of)
    page = kept if kept.exists() else None
    text, note = "", ""
    if evidence is not None:
        spec, note = spec_of_then(evidence, settings)
        text = markdown_of(evidence, decision, spec, ledger.scope)
        if html is not None:
            html.write_text(page_of(evidence, decision, spec, ledger.scope), encoding="utf-8")
    if as_json:
        told = {"night": decision.to_json(), "evidence": evidence and evidence.to_json()}
        print_json({"model": model, "scope": ledger.scope, **told, "page": page})
    elif evidence is None:
        _without_evidence(decision.as_of, decision.decision, decision.reasons)
    else:
        _show(text, note, f"Page with its pictures: {page}" if page else "")


@answering
def policy(model: Model) -> None:
    """Print a model's gate policy as it is in force: every figure with its unit and its reason."""
    from finrisk.config import load_settings
    from finrisk.specs.loader import find_spec
    from finrisk.specs.policy_text import policy_text

    found = find_spec(load_settings().conf_locations, model)
    sys.stdout.write(f"{policy_text(found.gate)}\n")


def _without_evidence(as_of: date, decision: str, reasons: tuple[str, ...]) -> None:
    console().print(
        f"{decision} as of {as_of}: the night did not come to the gate, so there is no evidence.",
        *(f"- {reason}" for reason in reasons),
        sep="\n",
        markup=False,
        soft_wrap=True,
    )


def _show(markdown: str, *lines: str) -> None:
    """Render for a person at a terminal; a pipe gets the Markdown itself."""
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        console().print(Markdown(markdown))
    else:
        sys.stdout.write(markdown)
    for line in filter(None, lines):
        console().print(line, markup=False, soft_wrap=True)
