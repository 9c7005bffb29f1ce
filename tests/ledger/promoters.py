"""Rivals that promote against each other; a plain module, so that spawned processes import it."""

from __future__ import annotations

from threading import Barrier

from finrisk.errors import StaleChallenger
from finrisk.ledger.store import Ledger
from tests.ledger.factories import MODEL, force, version

PATIENCE_SECONDS = 60


def compete(ledger: Ledger, barrier: Barrier, rival: int, rounds: int) -> int:
    """Promote one version of this rival's own a round, all rivals at once; return the wins."""
    wins = 0
    for round_number in range(rounds):
        now = ledger.champion(MODEL)
        barrier.wait(PATIENCE_SECONDS)
        try:
            force(
                ledger,
                version(1000 * (rival + 1) + round_number),
                expected_version=now and now.version,
                expected_epoch=now.epoch if now else 0,
                idem_key=f"rival {rival} round {round_number}",
            )
            wins += 1
        except StaleChallenger:
            pass
        barrier.wait(PATIENCE_SECONDS)
    return wins


def compete_in_process(url: str, barrier: Barrier, rival: int, rounds: int, wins: object) -> None:
    with Ledger(url, "live") as ledger:
        wins.put(compete(ledger, barrier, rival, rounds))  # type: ignore[attr-defined]
