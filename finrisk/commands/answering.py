"""What every command shares: its options, how it answers, and how it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from finrisk.errors import FinRiskError

if TYPE_CHECKING:
    from finrisk.records import Record

P = ParamSpec("P")
R = TypeVar("R")

Model = Annotated[str, typer.Argument(help="a model's name in conf/, for example credit_risk")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document instead of text")]
Actor = Annotated[str, typer.Option(help="who decides this; recorded")]
Reason = Annotated[str, typer.Option(help="why; recorded")]
Scope = Annotated[str | None, typer.Option(help="whose ledger rows: 'live', or a replay's name")]


def day_of(text: str) -> date:
    """Read a day from the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter("expected a date such as 2024-03-31") from exc


def when_of(text: str) -> date | datetime:
    """Read a day, or a moment with its zone, from the command line."""
    if "T" not in text:
        return day_of(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        expected = "expected a day such as 2024-03-31, or a moment such as 2024-03-31T06:00Z"
        raise typer.BadParameter(expected) from exc
    if moment.tzinfo is None:
        raise typer.BadParameter("a moment needs its zone: 2024-03-31T06:00Z, or …+02:00")
    return moment


AsOf = Annotated[
    date, typer.Option(parser=day_of, metavar="DATE", help="the day it pretends to be")
]


def answering(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a FinRiskError into one line on stderr (and JSON on stdout) and its exit status."""

    @wraps(command)
    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except FinRiskError as exc:
            if kwargs.get("as_json"):
                print_json({"error": str(exc), "kind": type(exc).__name__})
            Console(stderr=True).print(f"error: {exc}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(exc.exit_status) from exc

    return answered


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, sort_keys=False, default=str) + "\n")


def print_holders(holders: Iterable[Record]) -> None:
    """Print who holds a key or a token as one JSON document: all but the digests."""
    told = (holder.to_json() for holder in holders)
    print_json([{k: v for k, v in one.items() if k != "sha256"} for one in told])


def tell_revoked(name: str, at: datetime | None, *, as_json: bool) -> None:
    """Say that a key or a token is revoked."""
    if as_json:
        print_json({"name": name, "revoked": str(at)})
        return
    console().print(f"{name} is revoked", markup=False)


def console() -> Console:
    """Return the console of answers; wide where nobody watches."""
    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what a long command is doing, on stderr, so that stdout stays the answer."""
    console = Console(stderr=True, quiet=quiet)
    if not console.is_terminal:
        yield lambda text: console.print(f"{label}: {text}", markup=False, soft_wrap=True)
        return
    with console.status(label) as status:
        yield lambda text: status.update(f"{label}: {text}")
