"""What rival processes do; a plain module, so that a process started anew imports it."""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass, field
from threading import Barrier, Event
from time import monotonic
from typing import Any

from sqlalchemy import text

from finrisk.errors import StaleChallenger
from finrisk.ledger import engine as engine_module
from finrisk.ledger.engine import open_engine
from finrisk.ledger.store import Ledger
from finrisk.promotion import rollback, swap
from finrisk.records import ModelVersion, PromotionKind, PromotionRecord
from tests.ledger.factories import AT, MODEL, NIGHT, version

PATIENCE_SECONDS = 120  # until the slowest of nine processes has started
POLLS_PER_SECOND = 400  # as often as a reader asks; the rivals need the processors, too
CHAMPIONS = text("SELECT epoch, version FROM champions WHERE scope = 'live' AND model = :model")


class Aliases:
    """A registry in which every version verifies; the tests' own one takes seconds to import."""

    def __init__(self) -> None:
        self.shown: dict[str, int] = {}

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        self.shown[alias] = version

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        return self.shown.get(alias)

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        pass

    def verify_copy(self, version: ModelVersion) -> None:
        pass


@dataclass
class Watched:
    """What a reader saw, from the first champion on."""

    polls: int = 0
    seconds: float = 0.0
    rows: set[int] = field(default_factory=set)
    champions: list[tuple[int, int]] = field(default_factory=list)  # (epoch, version), as they came

    @property
    def polls_per_second(self) -> float:
        return self.polls / self.seconds


def compete(url: str, start: Barrier, champions: MutableSequence[int], rival: int) -> int:
    """Promote one version of this rival's own a round, all rivals at once; return the wins.

    ``champions`` is shared: who wins a round writes the version of its epoch there, so that nobody
    has to read the ledger before the next one. Only ``StaleChallenger`` is a loss.
    """
    wins = 0
    with Ledger(url, "live") as ledger:
        for epoch in range(len(champions) - 1):
            challenger = version(len(champions) * (rival + 1) + epoch)
            start.wait(PATIENCE_SECONDS)
            try:
                won = force(ledger, challenger, champions[epoch], epoch, f"rival {rival}, {epoch}")
            except StaleChallenger:
                continue
            champions[won.epoch] = won.version
            wins += 1
    return wins


def watch(url: str, until_epoch: int) -> Watched:
    """Ask who is champion, each time in a transaction of its own, until that epoch."""
    engine, seen, pause = open_engine(url), Watched(), Event()
    if engine.dialect.name == "postgresql":  # one statement is a transaction, without two more
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    began = due = monotonic()
    with engine.connect() as connection:
        while not seen.champions or seen.champions[-1][0] < until_epoch:
            due += 1 / POLLS_PER_SECOND  # a poll that comes late is made up for
            pause.wait(max(0.0, due - monotonic()))
            with connection.begin():
                rows = connection.execute(CHAMPIONS, {"model": MODEL}).all()
            if not rows and not seen.polls:
                began = due = monotonic()
                continue
            seen.polls += 1
            seen.rows.add(len(rows))
            seen.champions += [tuple(row) for row in rows if tuple(row) not in seen.champions[-1:]]
    engine.dispose()
    seen.seconds = monotonic() - began
    return seen


def promote(
    url: str,
    number: int,
    over: tuple[int, int],
    idem_key: str | None = None,
    *,
    start: Barrier | None = None,
    silent_seconds: int | None = None,
) -> PromotionRecord:
    """Promote a version over a champion (version, epoch), as a night does: then the aliases."""
    if silent_seconds is not None:
        engine_module.SILENT_SECONDS = silent_seconds
    with Ledger(url, "live") as ledger:
        if start is not None:
            start.wait(PATIENCE_SECONDS)
        return swap.promote(
            ledger,
            Aliases(),
            MODEL,
            version(number),
            over[0] or None,
            over[1],
            idem_key or f"version {number} after {over[1]}",
            **FORCED,
        )


def roll_back(url: str) -> PromotionRecord:
    """Bring back the champion's predecessor."""
    with Ledger(url, "live") as ledger:
        return _roll_back(ledger)


def promote_each_round(url: str, start: Barrier, rounds: int) -> list[int]:
    """Promote a new version over the champion of then, each round; return the epochs it made."""
    epochs = []
    with Ledger(url, "live") as ledger:
        for number in range(1000, 1000 + rounds):
            start.wait(PATIENCE_SECONDS)
            now = ledger.history(MODEL)[-1]
            try:
                won = force(ledger, version(number), now.version, now.epoch, f"round {number}")
            except StaleChallenger:
                continue
            epochs.append(won.epoch)
    return epochs


def roll_back_each_round(url: str, start: Barrier, rounds: int) -> list[int]:
    """Roll back from the champion of then, each round; return the epochs it made."""
    epochs = []
    with Ledger(url, "live") as ledger:
        for _ in range(rounds):
            start.wait(PATIENCE_SECONDS)
            try:
                epochs.append(_roll_back(ledger).epoch)
            except StaleChallenger:
                continue
    return epochs


FORCED: dict[str, Any] = {
    "kind": PromotionKind.FORCED,
    "evidence_sha256": None,
    "actor": "ada",
    "reason": "a drill",
    "as_of": NIGHT,
    "at": AT,
}


def force(
    ledger: Ledger, new: ModelVersion, over_version: int, over_epoch: int, idem_key: str
) -> PromotionRecord:
    """Promote by force in the ledger alone; version 0 is nobody."""
    return ledger.promote(MODEL, new, over_version or None, over_epoch, idem_key, **FORCED)


def _roll_back(ledger: Ledger) -> PromotionRecord:
    return rollback.roll_back(
        ledger,
        Aliases(),
        MODEL,
        MODEL,
        to_version=None,
        actor="bo",
        reason="complaints",
        as_of=NIGHT,
        at=AT,
    )
