"""Commands about what must outlive a machine: back it up, restore it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finrisk.commands.answering import Json, answering, console, print_json
from finrisk.errors import IntegrityError

if TYPE_CHECKING:
    from finrisk.pipelines.backup.making import BackupReport
    from finrisk.pipelines.backup.restoring import RestoreReport

MIB = 1024 * 1024
NEXT = (
    "finrisk doctor",
    "finrisk history MODEL --verify",
    "finrisk reconcile MODEL (registers the champion in a new MLflow again)",
)


@answering
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="a new ….tar.gz, or a new folder")
    ],
    as_json: Json = False,
) -> None:
    """Back up the ledger, champions' copies, specs and the public key; nights may go on.

    No private key is in it: keep a copy of keys/ elsewhere. Exit status 4 if the copy of a model
    that serves could not be put in; the backup is written all the same.
    """
    from finrisk.config import load_settings
    from finrisk.pipelines.backup.making import back_up

    report = back_up(load_settings(), target, datetime.now(UTC))
    if as_json:
        print_json(report.to_json())
    else:
        _show_backup(report)
    if report.serving_absent:
        raise typer.Exit(IntegrityError.exit_status)


@answering
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="what `finrisk backup` wrote")
    ],
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty ledger, of this release or an earlier one.

    Everything is verified before anything is put in place. Put keys/ back first.
    """
    from finrisk.config import load_settings
    from finrisk.pipelines.backup.restoring import restore as restored

    report = restored(load_settings(), source)
    if as_json:
        print_json(report.to_json())
        return
    _show_restored(report)


def _show_backup(report: BackupReport) -> None:
    from finrisk.wording import counted

    told = console()
    told.print(
        f"{report.path}: {report.bytes / MIB:.1f} MiB, schema {report.schema}, "
        f"{report.at:%Y-%m-%d %H:%M} UTC, in {report.seconds:.1f} s",
        markup=False,
    )
    told.print(
        f"  {counted(sum(report.rows.values()), 'row')} of scopes {', '.join(report.scopes)}; "
        f"champions' copies: {report.copies}; specs: {report.specs}",
        markup=False,
    )
    for sha256, why in report.absent.items():
        told.print(f"  not in it: copy {sha256[:12]}…: {why}", markup=False)
    for sha256, model in report.serving_absent.items():
        told.print(
            f"  {sha256[:12]}… is the champion of {model}: `finrisk reconcile` makes its copy, "
            "then back up again",
            markup=False,
        )
    told.print("  not in it: keys/ (keep a copy elsewhere), rows, MLflow", markup=False)


def _show_restored(report: RestoreReport) -> None:
    from finrisk.wording import counted

    told = console()
    upgraded = "" if report.schema == report.schema_now else f", upgraded to {report.schema_now}"
    what = "restored" if report.loaded else "there already"
    told.print(
        f"{what}: {counted(sum(report.rows.values()), 'row')} of scopes "
        f"{', '.join(report.scopes)}, as of {report.at:%Y-%m-%d %H:%M} UTC, "
        f"schema {report.schema}{upgraded}",
        markup=False,
    )
    told.print(
        f"  verified: {counted(report.links, 'promotion')}, champions' copies: {report.copies}; "
        f"specs: {report.specs}",
        markup=False,
    )
    for sha256, why in report.absent.items():
        told.print(f"  not in the backup: copy {sha256[:12]}…: {why}", markup=False)
    _show_keys(report)
    told.print(f"  models: {', '.join(report.models) or 'none'}; next:", markup=False)
    for step in NEXT:
        told.print(f"    {step}", markup=False)


def _show_keys(report: RestoreReport) -> None:
    if report.key_from_backup:
        console().print(
            f"  the public key is the backup's own, sha256 {report.public_key_sha256}: compare it "
            "with what you know of it",
            markup=False,
        )
    if not report.can_sign:
        console().print(
            "  no private key here: models serve, none can be trained; put keys/ back from where "
            "you keep it",
            markup=False,
        )
