"""The command that looks an installation over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from finrisk.commands.answering import Json, answering, console, print_json, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from finrisk.pipelines.doctor.findings import Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@answering
def doctor(
    model: Annotated[
        str | None, typer.Argument(help="look at this model alone; default: at every one")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check everything that can be wrong with this installation; changes nothing.

    Exit status: 0 without a failure, else 6 if something does not answer, 4 if bytes are not what
    was signed or recorded, 2 if something is set up wrong: the first of these that fits.
    """
    from finrisk.pipelines.doctor.examination import examine
    from finrisk.pipelines.doctor.findings import exit_status, summary

    findings: list[Finding] = []
    with progress("doctor", quiet=as_json or not sys.stderr.isatty()) as tell:
        for finding in examine(model):
            findings.append(finding)
            tell(finding.check)
    status = exit_status(findings)
    if as_json:
        told = [finding.to_json() for finding in findings]
        print_json({"summary": summary(findings), "exit_status": status, "findings": told})
    else:
        console().print(_table(findings))
        console().print(summary(findings))
    raise typer.Exit(status)


def _table(findings: Sequence[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("check", "result", "found", "remedy"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        outcome = Text(finding.outcome.value, style=STYLES[finding.outcome])
        table.add_row(Text(finding.check), outcome, Text(finding.found), Text(finding.remedy or ""))
    return table
