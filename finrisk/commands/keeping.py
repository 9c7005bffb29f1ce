"""Commands about what is kept: remove what nobody needs, and fit a kept version again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from finrisk.commands.answering import Json, Model, Scope, answering, console, print_json, progress

if TYPE_CHECKING:
    from finrisk.pipelines.reproducing import Reproduction
    from finrisk.pipelines.retention_report import RetentionReport

KEEP_DAYS = 90
MIB = 1024 * 1024


@answering
def gc(
    model: Annotated[str | None, typer.Argument(help="a model's name in conf/")] = None,
    all_models: Annotated[
        bool, typer.Option("--all", help="every model, and snapshots of no known night")
    ] = False,
    keep: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="what is younger stays")
    ] = KEEP_DAYS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell, and remove nothing")] = False,
    as_json: Json = False,
) -> None:
    """Remove old candidates, snapshots and pages that no champion, evidence or rollback needs."""
    from finrisk.config import load_settings
    from finrisk.pipelines.retention import collect
    from finrisk.specs.loader import load_specs

    if (model is None) is not all_models:
        raise typer.BadParameter(
            f"expected one MODEL, or --all: `finrisk gc credit_risk --keep {keep}`, or "
            f"`finrisk gc --all --keep {keep}`"
        )
    settings = load_settings()
    models = [model] if model is not None else sorted(load_specs(settings.conf_locations))
    report = collect(
        settings,
        models,
        keep_days=keep,
        dry_run=dry_run,
        now=datetime.now(UTC),
        take_nobodys=all_models,
    )
    if as_json:
        print_json(report.to_json())
        return
    _show_report(report)


@answering
def reproduce(
    model: Model,
    version: Annotated[int, typer.Argument(help="the registered version")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Fit a registered version again from its snapshot, and compare every score."""
    from finrisk.config import load_settings
    from finrisk.pipelines.reproducing import reproduce as reproduced
    from finrisk.pipelines.rooms import Rooms

    settings = load_settings()
    rooms = Rooms.open(model, settings if scope is None else settings.in_scope(scope))
    with progress(f"{model} v{version}", quiet=as_json) as tell:
        tell("fitting it again")
        outcome = reproduced(rooms, version)
    if as_json:
        print_json(outcome.to_json())
        return
    _show_reproduction(outcome)


def _show_report(report: RetentionReport) -> None:
    from finrisk.wording import counted

    done = "would go" if report.dry_run else "removed"
    told = console()
    told.print(
        f"{', '.join(report.models)}: older than {counted(report.keep_days, 'day')} "
        f"(before {report.older_than:%Y-%m-%d %H:%M} UTC)",
        markup=False,
    )
    for kind in sorted({*report.removed, *report.kept}):
        gone = report.removed.get(kind)
        size = f"{gone.count} {done}, {gone.bytes / MIB:.1f} MiB" if gone else f"0 {done}"
        whose = " (counted over the whole store, every model's)" if kind == "snapshots" else ""
        told.print(f"  {kind:<13} {size}{whose}", markup=False)
        for reason, count in sorted(report.kept.get(kind, {}).items()):
            told.print(f"  {'':<13} {count} kept: {reason}", markup=False)
    for sentence in report.left:
        told.print(f"  left: {sentence}", markup=False)


def _show_reproduction(outcome: Reproduction) -> None:
    found = (
        "identical, bit for bit"
        if outcome.identical
        else f"within {outcome.tolerance:g}: the largest difference is "
        f"{outcome.largest_difference:.3g}"
    )
    told = console()
    told.print(f"{outcome.model} v{outcome.version} ({outcome.candidate}): {found}", markup=False)
    told.print(
        f"  scores compared: {outcome.development_rows} development rows, "
        f"{outcome.holdout_rows} hold-out rows; fitted in {outcome.seconds:.1f} s",
        markup=False,
    )
    for reason in outcome.reasons:
        told.print(f"  {reason}", markup=False)
