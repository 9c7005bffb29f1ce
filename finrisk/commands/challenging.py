"""The commands about challengers that run beside a champion: in the shadow, or with a share."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from finrisk.commands.answering import (
    Actor,
    Json,
    Model,
    Reason,
    answering,
    console,
    day_of,
    print_json,
    progress,
)

if TYPE_CHECKING:
    from finrisk.evaluation.arms import Difference
    from finrisk.evaluation.swap_set import Part, SwapSet
    from finrisk.ledger.challenges import Challenge

Version = Annotated[int, typer.Argument(min=1, help="a registered version, not the champion")]
AsOf = Annotated[
    date | None,
    typer.Option(parser=day_of, metavar="DATE", help="the day it pretends to be. Default: today"),
]
Number = Annotated[int | None, typer.Option(min=1, help="an earlier one. Default: the newest")]


@answering
def shadow_start(
    model: Model, version: Version, actor: Actor = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Let a version score each row that is asked for, silently, and log what it would decide."""
    from finrisk.pipelines.challenging import start_shadow
    from finrisk.pipelines.rooms import Rooms

    _tell(start_shadow(Rooms.open(model), version, actor=actor, reason=reason), as_json=as_json)


@answering
def shadow_status(
    model: Model, number: Number = None, as_of: AsOf = None, as_json: Json = False
) -> None:
    """Show who would be decided otherwise: how many, at which scores, and how they ended."""
    from finrisk.ledger.challenges import ChallengeKind
    from finrisk.pipelines.challenging import newest, shadow_report
    from finrisk.pipelines.rooms import Rooms

    rooms = Rooms.open(model)
    challenge = newest(rooms, ChallengeKind.SHADOW, number)
    with progress(f"shadow of {model}", quiet=as_json) as tell:
        report = shadow_report(rooms, challenge, as_of, tell)
    if as_json:
        print_json(report.to_json())
        return
    told = console()
    told.print(challenge.sentence, markup=False, soft_wrap=True)
    told.print(
        f"{report.scored} rows scored, {report.paired} of them decided by the champion, too",
        markup=False,
    )
    if report.swaps is None:
        told.print(report.why, markup=False)
        return
    _print_swaps(report.swaps, f"outcomes {report.outcomes}")


@answering
def shadow_stop(
    model: Model, actor: Actor = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Stop the version that runs in the shadow; its rows stay in the decision log."""
    _stop(model, "shadow", actor, reason, as_json=as_json)


@answering
def ab_start(
    model: Model,
    version: Version,
    share: Annotated[float, typer.Option(help="of the rows, that it decides: 0.1")],
    actor: Actor = "",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let a version decide a share of the rows that have a key: always the same rows.

    No gate has passed it, so the share has a bound in the spec (serving.most_ab_share), a name and
    a reason are kept in the ledger, and the next promotion or rollback of the model ends it.
    """
    from finrisk.pipelines.challenging import start_ab
    from finrisk.pipelines.rooms import Rooms

    begun = start_ab(Rooms.open(model), version, share, actor=actor, reason=reason)
    _tell(begun, as_json=as_json)


@answering
def ab_status(
    model: Model, number: Number = None, as_of: AsOf = None, as_json: Json = False
) -> None:
    """Compare both arms: what they decided and, once labels matured, how that ended."""
    from finrisk.ledger.challenges import ChallengeKind
    from finrisk.pipelines.challenging import ab_report, newest
    from finrisk.pipelines.rooms import Rooms

    rooms = Rooms.open(model)
    challenge = newest(rooms, ChallengeKind.AB, number)
    with progress(f"experiment of {model}", quiet=as_json) as tell:
        report = ab_report(rooms, challenge, as_of, tell)
    if as_json:
        print_json(report.to_json())
        return
    told, arms = console(), report.arms
    told.print(challenge.sentence, markup=False, soft_wrap=True)
    told.print(
        f"{arms.champion_rows} rows of the champion, {arms.challenger_rows} of the challenger; "
        f"outcomes {report.outcomes}",
        markup=False,
        soft_wrap=True,
    )
    if report.misplaced:
        told.print(
            f"{report.misplaced} rows are in the wrong arm: believe no figure",
            style="bold red",
            markup=False,
        )
    if not arms.sound:
        told.print(
            f"the arms are not {100.0 * arms.meant:.4g}% apart as they should be "
            f"(chance {arms.chance:.2g}): believe no figure before you know why",
            style="bold red",
            markup=False,
            soft_wrap=True,
        )
    _print_differences(report.differences)


@answering
def ab_stop(model: Model, actor: Actor = "", reason: Reason = "", as_json: Json = False) -> None:
    """End the experiment: the champion decides every row again."""
    _stop(model, "ab", actor, reason, as_json=as_json)


def _stop(
    model: str, kind: Literal["shadow", "ab"], actor: str, reason: str, *, as_json: bool
) -> None:
    from finrisk.ledger.challenges import ChallengeKind
    from finrisk.pipelines.challenging import stop
    from finrisk.pipelines.rooms import Rooms

    ended = stop(Rooms.open(model), ChallengeKind(kind), actor=actor, reason=reason)
    _tell(ended, as_json=as_json)


def _tell(challenge: Challenge, *, as_json: bool) -> None:
    if as_json:
        print_json(challenge.to_json())
        return
    console().print(challenge.sentence, markup=False, soft_wrap=True)


def _print_swaps(swaps: SwapSet, title: str) -> None:
    from rich.table import Table

    table = _table(title, "rows that", "rows", "share", "95 %", "champion's scores", "bad rate")
    for name, part in (
        ("both decide against", swaps.both_decline),
        ("it would decide against, the champion does not", swaps.would_be_declined),
        ("it would let through, the champion does not", swaps.would_be_let_through),
        ("neither decides against", swaps.neither_declines),
    ):
        table.add_row(name, *_cells(part))
    told = console()
    told.print(table)
    bands = Table(title="where they change sides", title_justify="left")
    for heading in ("champion's score", "rows", "would be decided against", "would be let through"):
        bands.add_column(heading, justify="right")
    for band in swaps.bands:
        counts = (band.rows, band.would_be_declined, band.would_be_let_through)
        bands.add_row(f"{band.low:.1f} to {band.high:.1f}", *map(str, counts))
    told.print(bands)
    rank = "–" if swaps.rank_correlation is None else f"{swaps.rank_correlation:.4f}"
    told.print(f"rank correlation {rank}, mean difference {swaps.mean_difference:+.4f}")


def _cells(part: Part) -> tuple[str, ...]:
    at = "–"
    if part.middle is not None:
        at = f"{part.lowest:.3f} to {part.highest:.3f}, half below {part.middle:.3f}"
    rate = "unknown"
    if part.bad_rate is not None:
        rate = f"{part.bad_rate:.4f} ({part.bad_rate_low:.4f} to {part.bad_rate_high:.4f})"
    between = f"{part.low:.4f} to {part.high:.4f}"
    return str(part.rows), f"{part.share:.4f}", between, at, rate


def _print_differences(differences: tuple[Difference, ...]) -> None:
    table = _table("", "figure", "champion", "challenger", "difference", "95 %", "rows", "why")
    for of in differences:
        between = "unknown" if of.low is None else f"{of.low:+.4f} to {of.high:+.4f}"
        shown = (_shown(of.champion), _shown(of.challenger), _shown(of.difference))
        table.add_row(of.figure, *shown, between, f"{of.rows[0]}, {of.rows[1]}", of.why)
    console().print(table)


def _table(title: str, *headings: str) -> Any:
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    left = {headings[0], "why"}
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
