"""Of those who promote at once one wins, the others are told, and readers see one champion."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import Engine

from finrisk.errors import StaleChallenger, Unreachable
from finrisk.ledger import engine as engine_module
from finrisk.ledger.engine import open_engine
from finrisk.ledger.store import Ledger
from tests.faults.processes import SPAWN, Child
from tests.faults.rivals import (
    compete,
    promote,
    promote_each_round,
    roll_back,
    roll_back_each_round,
    watch,
)
from tests.ledger.databases import on_postgresql
from tests.ledger.factories import MODEL, force, version

log = logging.getLogger(__name__)
RIVALS, ROUNDS = 8, 1000
POLLS_PER_SECOND = 200
PAUSED_BEFORE = ("promote:before", signal.SIGSTOP)
PAUSED_DURING = ("promote:during", signal.SIGSTOP)


@pytest.fixture
def second(ledger: Ledger) -> Ledger:
    """A ledger whose champion is version 2 at epoch 2, after version 1."""
    force(ledger, version(1))
    force(ledger, version(2))
    return ledger


def champion(ledger: Ledger) -> tuple[int, int]:
    """Return who serves as (version, epoch); the chain must lead there without a gap."""
    history = ledger.history(MODEL)
    assert ledger.verify(MODEL) == len(history)
    assert [link.epoch for link in history] == list(range(1, len(history) + 1))
    return history[-1].version, history[-1].epoch


def test_one_of_eight_processes_wins_each_round_and_a_reader_always_sees_one_champion(
    url: str,
) -> None:
    start, champions = SPAWN.Barrier(RIVALS), SPAWN.RawArray("q", ROUNDS + 1)
    with ExitStack() as running:
        reader = running.enter_context(Child(watch, url, ROUNDS))
        rivals = [
            running.enter_context(Child(compete, url, start, champions, rival))
            for rival in range(RIVALS)
        ]
        wins = sum(rival.result() for rival in rivals)
        seen = reader.result()

    log.info("%.0f polls a second for %.1f s", seen.polls_per_second, seen.seconds)
    with Ledger(url, "live") as ledger:
        assert champion(ledger) == (champions[ROUNDS], ROUNDS)
    assert wins == ROUNDS
    assert seen.rows == {1}
    assert seen.champions == sorted(seen.champions)
    assert set(seen.champions) <= {(epoch, champions[epoch]) for epoch in range(1, ROUNDS + 1)}
    assert seen.polls_per_second >= POLLS_PER_SECOND


def test_a_challenger_that_two_processes_promote_is_one_promotion_and_both_get_it(
    url: str, second: Ledger
) -> None:
    start = SPAWN.Barrier(2)
    with (
        Child(promote, url, 3, (2, 2), "once", start=start) as one,
        Child(promote, url, 3, (2, 2), "once", start=start) as other,
    ):
        both = {one.result().hash, other.result().hash}

    assert both == {second.history(MODEL)[-1].hash}
    assert champion(second) == (3, 3)


def test_of_two_challengers_of_one_champion_one_wins_and_the_other_is_stale(
    url: str, second: Ledger
) -> None:
    start = SPAWN.Barrier(2)
    won, stale = [], []
    with (
        Child(promote, url, 3, (2, 2), start=start) as one,
        Child(promote, url, 4, (2, 2), start=start) as other,
    ):
        for rival in (one, other):
            try:
                won.append(rival.result().version)
            except StaleChallenger as exc:
                stale.append(str(exc))

    assert champion(second) == (won[0], 3)
    assert len(won) == len(stale) == 1
    assert f"got version {won[0]} at epoch 3" in stale[0]


def test_the_swap_itself_refuses_a_champion_that_changed_after_it_was_read(second: Ledger) -> None:
    """Somebody without our lock, as a person with an SQL prompt, writes in between."""

    def meddle(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO versions"):
            connection.connection.cursor().execute("UPDATE champions SET epoch = 9, version = 1")

    event.listen(Engine, "after_cursor_execute", meddle)
    try:
        with pytest.raises(StaleChallenger, match="got version 1 at epoch 9"):
            force(second, version(3))
    finally:
        event.remove(Engine, "after_cursor_execute", meddle)

    assert champion(second) == (2, 2)


@pytest.mark.parametrize(
    ("work", "arguments"),
    [
        pytest.param(promote, (3, (2, 2)), id="promotes"),
        pytest.param(roll_back, (), id="rolls back"),
    ],
)
def test_one_that_was_paused_before_its_promotion_wakes_up_stale(
    url: str, second: Ledger, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    with Child(work, url, *arguments, at=PAUSED_BEFORE) as paused:
        paused.wait_until_paused()
        force(second, version(4))
        paused.resume()
        with pytest.raises(StaleChallenger, match="got version 4 at epoch 3"):
            paused.result()

    assert champion(second) == (4, 3)


def test_one_that_is_paused_in_its_transaction_keeps_others_out_no_longer_than_they_wait(
    url: str, second: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "WAIT_SECONDS", 1)
    with Child(promote, url, 3, (2, 2), at=PAUSED_DURING) as paused, Ledger(url, "live") as other:
        paused.wait_until_paused()
        began = time.monotonic()
        with pytest.raises(Unreachable):
            force(other, version(4))
        waited = time.monotonic() - began
        assert champion(second) == (2, 2)  # readers go on meanwhile
        paused.resume()
        assert paused.result().epoch == 3
        with pytest.raises(StaleChallenger, match="got version 3 at epoch 3"):
            force(other, version(4), expected_version=2, expected_epoch=2)

    assert 0.9 < waited < 5
    assert champion(second) == (3, 3)


def test_one_that_wakes_up_in_its_transaction_wins_over_those_that_waited_for_it(
    url: str, second: Ledger
) -> None:
    with (
        Child(promote, url, 3, (2, 2), at=PAUSED_DURING) as paused,
        Child(promote, url, 4, (2, 2), at=PAUSED_BEFORE) as waiting,
    ):
        waiting.wait_until_paused()
        paused.wait_until_paused()
        waiting.resume()
        paused.resume()
        assert paused.result().epoch == 3
        with pytest.raises(StaleChallenger, match="got version 3 at epoch 3"):
            waiting.result()

    assert champion(second) == (3, 3)


@on_postgresql
def test_one_that_stands_still_in_its_transaction_loses_it_on_postgresql(
    url: str, second: Ledger
) -> None:
    """SQLite's lock is the process's: there others give up until it goes on or dies."""
    with Child(promote, url, 3, (2, 2), at=PAUSED_DURING, silent_seconds=1) as paused:
        paused.wait_until_paused()
        won = force(second, version(4))
        paused.resume()
        with pytest.raises(Unreachable, match="idle-in-transaction"):
            paused.result()

    assert champion(second) == (4, 3) == (won.version, won.epoch)


def test_of_a_promotion_and_a_rollback_at_once_one_wins_or_both_in_order(
    url: str, ledger: Ledger
) -> None:
    rounds, start = 25, SPAWN.Barrier(2)
    for number in range(1, rounds + 2):  # so many that each round may go one back
        force(ledger, version(number))
    with (
        Child(promote_each_round, url, start, rounds) as one,
        Child(roll_back_each_round, url, start, rounds) as other,
    ):
        promoted, rolled_back = one.result(), other.result()

    made = sorted([*promoted, *rolled_back])
    assert made == list(range(rounds + 2, rounds + 2 + len(made)))
    assert rounds <= len(made) <= 2 * rounds
    assert champion(ledger)[1] == made[-1]


def test_a_reader_sees_the_champion_before_or_after_a_promotion_and_nothing_between(
    url: str, second: Ledger
) -> None:
    engine = open_engine(url)
    with Child(promote, url, 3, (2, 2), at=PAUSED_DURING) as paused:
        paused.wait_until_paused()
        with engine.connect() as connection:
            between = connection.execute(text("SELECT version, epoch FROM champions")).all()
        paused.resume()
        paused.result()
        with engine.connect() as connection:
            after = connection.execute(text("SELECT version, epoch FROM champions")).all()
    engine.dispose()

    assert (between, after) == ([(2, 2)], [(3, 3)])
