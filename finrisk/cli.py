"""The ``finrisk`` command.

Exit status: 0 done (a HOLD is a normal night), 1 unexpected, 2 wrong usage or configuration,
3 data blocked the night, 4 bytes are not what was signed, 5 refused, the champion stays,
6 MLflow or the ledger does not answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from finrisk.errors import DataError, FinRiskError

if TYPE_CHECKING:
    from finrisk.pipelines.rooms import Rooms

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    help="Nightly retraining of risk models, promoted only on evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
spec_app = typer.Typer(help="Model specs: check one, or write their JSON Schema.")
app.add_typer(spec_app, name="spec", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="a model's name in conf/, for example credit_risk")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document instead of text")]
Actor = Annotated[str, typer.Option(help="who decides this; recorded")]
Reason = Annotated[str, typer.Option(help="why; recorded")]
Scope = Annotated[str | None, typer.Option(help="whose ledger rows: 'live', or a replay's name")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter("expected a date such as 2024-03-31") from exc


AsOf = Annotated[date, typer.Option(parser=_day, metavar="DATE", help="the day it pretends to be")]


def _answering(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a FinRiskError into one line on stderr (and JSON on stdout) and its exit status."""

    @wraps(command)
    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except FinRiskError as exc:
            if kwargs.get("as_json"):
                _print_json({"error": str(exc), "kind": type(exc).__name__})
            Console(stderr=True).print(f"error: {exc}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(exc.exit_status) from exc

    return answered


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, sort_keys=False, default=str) + "\n")


def _console() -> Console:
    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)


@contextmanager
def _progress(label: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what a long command is doing, on stderr, so that stdout stays the answer."""
    console = Console(stderr=True, quiet=quiet)
    if not console.is_terminal:
        yield lambda text: console.print(f"{label}: {text}", markup=False, soft_wrap=True)
        return
    with console.status(label) as status:
        yield lambda text: status.update(f"{label}: {text}")


@app.command()
@_answering
def init(as_json: Json = False) -> None:
    """Set up folders, signing keys, the ledger's schema and the MLflow store. Safe to repeat."""
    from finrisk.config import load_settings
    from finrisk.pipelines.setting_up import initialise

    done = initialise(load_settings())
    if as_json:
        _print_json(done)
        return
    for what, where in done.items():
        _console().print(f"{what:<12} {where}", markup=False)


@app.command()
@_answering
def simulate(
    to: AsOf,
    break_month: Annotated[str, typer.Option(help="deliver this month (YYYY-MM) broken")] = "",
    mend_month: Annotated[str, typer.Option(help="deliver this month (YYYY-MM) again")] = "",
    as_json: Json = False,
) -> None:
    """Land what the simulated lender would have delivered by a day."""
    from finrisk.config import load_settings
    from finrisk.pipelines.simulation import land_simulated

    landed = land_simulated(load_settings(), to, broken=break_month, mended=mend_month)
    if as_json:
        _print_json({"landed": landed})
        return
    _console().print(f"{len(landed)} files landed", *landed[-3:], sep="\n  ", markup=False)


@app.command()
@_answering
def retrain(
    model: Model,
    as_of: AsOf,
    candidate: Annotated[
        list[str] | None, typer.Option(help="train only this one; repeat for more")
    ] = None,
    reserve: Annotated[
        bool, typer.Option(help="pay the look from the reserve (alerts and manual reruns)")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="train and log, but look at no hold-out and promote nothing")
    ] = False,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Run one night in this process: validate, snapshot, train, compare, decide, promote."""
    from finrisk.pipelines.night_table import night_table
    from finrisk.pipelines.retrain import run_night
    from finrisk.pipelines.rooms import Rooms
    from finrisk.records import LookKind, NightRequest, NightStatus

    rooms = Rooms.open(model)
    request = NightRequest(
        model=model,
        as_of=as_of,
        look=LookKind.RESERVE if reserve else LookKind.SCHEDULED,
        dry_run=dry_run,
        candidates=tuple(candidate or ()),
        reason=reason,
        actor=actor or rooms.settings.actor,
    )
    with _progress(f"{model} as of {as_of}", quiet=as_json) as tell:
        night = run_night(request, rooms, tell=tell)
    if as_json:
        _print_json(night.to_json())
    else:
        _console().print(night_table([night], f"{model} as of {as_of}"))
    if night.status is NightStatus.BLOCKED:
        raise typer.Exit(DataError.exit_status)


@app.command()
@_answering
def replay(
    model: Model,
    start: Annotated[date, typer.Option("--from", parser=_day, metavar="DATE", help="first night")],
    to: Annotated[date, typer.Option(parser=_day, metavar="DATE", help="last night at the latest")],
    every: Annotated[str, typer.Option(help="month, week, day, or a number of days")] = "month",
    scope: Annotated[
        str, typer.Option(help="the replay's own champions and error budget")
    ] = "replay",
    markdown: Annotated[Path | None, typer.Option(help="also write the table here")] = None,
    as_json: Json = False,
) -> None:
    """Run past nights in their order, with champions and an error budget of their own."""
    from finrisk.config import LIVE, load_settings
    from finrisk.errors import ConfigurationError
    from finrisk.pipelines.night_table import night_markdown, night_table
    from finrisk.pipelines.retrain import nights_between, run_replay
    from finrisk.pipelines.rooms import Rooms

    dates = nights_between(start, to, every)
    if scope == LIVE:
        raise ConfigurationError(
            "a replay in scope live would promote and spend for real",
            remedy="`finrisk retrain` runs a live night; a replay takes another --scope",
        )
    rooms = Rooms.open(model, load_settings().in_scope(scope))
    with _progress(f"replay of {model}", quiet=as_json) as tell:
        nights = run_replay(rooms, dates, tell=tell)
    if markdown is not None:
        markdown.write_text(night_markdown(nights) + "\n", encoding="utf-8")
    if as_json:
        _print_json({"model": model, "scope": scope, "nights": [n.to_json() for n in nights]})
        return
    _console().print(night_table(nights, f"{model}, scope {scope}"))


@app.command()
@_answering
def promote(
    model: Model,
    version: Annotated[int, typer.Argument(help="the registered version")],
    reason: Reason,
    actor: Actor = "",
    force: Annotated[
        bool, typer.Option(help="without passing evidence; recorded as forced")
    ] = False,
    as_of: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DATE", help="the day it counts from; default: today"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a registered version champion: on its passing evidence, or by force, in your name."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import promote_by_hand

    rooms = Rooms.open(model)
    link = promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        model,
        version,
        force=force,
        **_by_hand(rooms, actor, reason, as_of),
    )
    _show_link(link.to_json(), as_json=as_json)


@app.command()
@_answering
def rollback(
    model: Model,
    reason: Reason,
    to: Annotated[int | None, typer.Option(help="the version; default: the predecessor")] = None,
    actor: Actor = "",
    as_of: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DATE", help="the day it counts from; default: today"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring back a version that was champion before. Needs no evidence, only a verified target."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import roll_back

    rooms = Rooms.open(model)
    link = roll_back(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        model,
        to_version=to,
        **_by_hand(rooms, actor, reason, as_of),
    )
    _show_link(link.to_json(), as_json=as_json)


def _by_hand(rooms: Rooms, actor: str, reason: str, as_of: date | None) -> dict[str, Any]:
    """Return who decides what by hand, when, and why."""
    at = rooms.now()
    return {
        "actor": actor or rooms.settings.actor,
        "reason": reason,
        "as_of": as_of or at.date(),
        "at": at,
    }


def _show_link(link: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(link)
        return
    before = f" after v{link['previous_version']}" if link["previous_version"] else ""
    _console().print(
        f"{link['model']}: v{link['version']} is champion{before} "
        f"(epoch {link['epoch']}, {link['kind']}, by {link['actor']})",
        markup=False,
    )


@app.command()
@_answering
def history(
    model: Model,
    scope: Scope = None,
    verify: Annotated[
        bool, typer.Option(help="check the chain of promotions link by link")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the nights and the promotions of a model, oldest first."""
    from finrisk.pipelines.audit import history_of
    from finrisk.pipelines.night_table import night_table
    from finrisk.pipelines.rooms import open_ledger
    from finrisk.records import NightDecision

    ledger = open_ledger(model, scope)
    document = history_of(ledger, model, verify=verify)
    if as_json:
        _print_json(document)
        return
    nights = [NightDecision.from_json(night) for night in document["nights"]]
    _console().print(night_table(nights, f"{model}, scope {ledger.scope}"))
    for link in document["promotions"]:
        _show_link(link, as_json=False)
    if not nights and not document["promotions"]:
        _console().print(f"nothing in scope {ledger.scope}; scopes: {ledger.scopes()}")
    if verify:
        _console().print(f"chain verified: {document['verified_links']} links")


@app.command("as-of")
@_answering
def as_of_command(
    model: Model,
    day: Annotated[date, typer.Argument(parser=_day, metavar="DATE")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Say what decided on a day: which version, trained on what, and why it was promoted."""
    from finrisk.pipelines.audit import deciding_on
    from finrisk.pipelines.rooms import open_ledger

    answer = deciding_on(open_ledger(model, scope), model, day)
    if as_json:
        _print_json(answer)
        return
    for line in answer["sentences"]:
        _console().print(line, markup=False)


@app.command()
@_answering
def reconcile(model: Model, as_json: Json = False) -> None:
    """Repair and report MLflow aliases that differ from the ledger."""
    from finrisk.pipelines.rooms import Rooms
    from finrisk.promotion import reconcile as reconcile_aliases

    rooms = Rooms.open(model)
    report = reconcile_aliases(rooms.ledger, rooms.registry, model, rooms.registered_name)
    if as_json:
        _print_json(asdict(report))
        return
    for difference in report.differences:
        ending = "repaired" if difference.repaired else f"left as it is: {difference.reason}"
        _console().print(
            f"alias {difference.alias}: ledger v{difference.ledger_version}, "
            f"MLflow v{difference.registry_version}: {ending}",
            markup=False,
        )
    _console().print(f"{model}: {len(report.differences)} differences at epoch {report.epoch}")


@spec_app.command("check")
@_answering
def spec_check(
    file: Annotated[Path, typer.Argument(help="a model's YAML")], as_json: Json = False
) -> None:
    """Check one model spec; says what is wrong, where, and what was expected."""
    from finrisk.specs.loader import load_spec

    spec = load_spec(file)
    candidates = [candidate.name for candidate in spec.candidates]
    if as_json:
        _print_json(
            {
                "file": str(file),
                "model": spec.name,
                "columns": len(spec.columns),
                "features": len(spec.feature_names),
                "candidates": candidates,
                "sha256": spec.sha256,
            }
        )
        return
    _console().print(
        f"{file}: {spec.name} is a good spec: {len(spec.columns)} columns, "
        f"{len(spec.feature_names)} features, candidates {', '.join(candidates)}",
        markup=False,
    )


@spec_app.command("schema")
@_answering
def spec_schema(
    out: Annotated[Path | None, typer.Option(help="write here instead of to the terminal")] = None,
) -> None:
    """Write the JSON Schema of model specs, for completion and checks in an editor."""
    from finrisk.specs.model_spec import ModelSpec

    schema = ModelSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if out is None:
        _print_json(schema)
        return
    out.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Run the command line."""
    # On busy cores, OpenMP threads that spin while they wait made 200 trees take 25 s instead of 2.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()
