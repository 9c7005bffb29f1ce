"""Which earlier champion a rollback brings back. Pure: a history in, a version out."""

from __future__ import annotations

from collections.abc import Sequence

from finrisk.errors import RollbackRefused
from finrisk.records import PromotionKind, PromotionRecord


def predecessors(history: Sequence[PromotionRecord]) -> list[int]:
    """Return the versions that led to the champion, newest first, without those undone.

    Version 3 replaced 2 and was rolled back: the champion is 2, and before it came 1, not 3.
    A restored version stands where the deleted one stood, whose bytes it has.

    Parameters
    ----------
    history : sequence of PromotionRecord
        One model's promotions, oldest first.
    """
    line: list[int] = []
    for link in history:
        if link.kind is PromotionKind.RESTORED:
            line = line[:-1]
        if link.version in line:
            at = line.index(link.version)
            undone = link.kind is PromotionKind.ROLLBACK
            line = line[:at] if undone else line[:at] + line[at + 1 :]
        line.append(link.version)
    return line[-2::-1]


def previous(history: Sequence[PromotionRecord]) -> int | None:
    """Return the version that served before the champion's artifact did.

    A restored champion has the deleted one's artifact: what came before that is meant.
    """
    for link in reversed(history):
        if link.kind is not PromotionKind.RESTORED:
            return link.previous_version
    return None


def rollback_target(model: str, history: Sequence[PromotionRecord], asked: int | None) -> int:
    """Return the version to bring back: the one asked for, or the champion's predecessor.

    Raises
    ------
    RollbackRefused
        The version is champion now, or never was; or there is no predecessor.
    """
    if not history:
        raise RollbackRefused(f"{model} has no champion yet", remedy="promote one first")
    now = history[-1]
    if asked is None:
        older = predecessors(history)
        if not older:
            raise RollbackRefused(
                f"{model} version {now.version} has no predecessor to go back to",
                remedy="name an earlier champion, or promote another version",
            )
        return older[0]
    if asked == now.version:
        raise RollbackRefused(
            f"{model} version {asked} is champion already", remedy="name an earlier champion"
        )
    champions = sorted({link.version for link in history})
    if asked not in champions:
        raise RollbackRefused(
            f"{model} version {asked} was never champion",
            expected=f"one of {', '.join(map(str, champions))}",
            got=asked,
            remedy="a version that never served is promoted, not rolled back to",
        )
    return asked
