from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from finrisk.ledger.engine import open_engine
from finrisk.ledger.store import Ledger
from tests.ledger.factories import MODEL, force, version
from tests.ledger.promoters import PATIENCE_SECONDS, compete, compete_in_process


def check(ledger: Ledger, rounds: int) -> None:
    assert [link.epoch for link in ledger.history(MODEL)] == list(range(1, rounds + 1))
    assert ledger.verify(MODEL) == rounds


def test_of_eight_threads_exactly_one_wins_each_round(url: str) -> None:
    rivals, rounds = 8, 10
    with Ledger(url, "live") as ledger:
        barrier = threading.Barrier(rivals)
        with ThreadPoolExecutor(rivals) as pool:
            wins = pool.map(lambda rival: compete(ledger, barrier, rival, rounds), range(rivals))

        assert sum(wins) == rounds
        check(ledger, rounds)


def test_of_four_processes_exactly_one_wins_each_round(url: str) -> None:
    rivals, rounds = 4, 25
    spawn = multiprocessing.get_context("spawn")
    barrier, wins = spawn.Barrier(rivals), spawn.Queue()
    processes = [
        spawn.Process(target=compete_in_process, args=(url, barrier, rival, rounds, wins))
        for rival in range(rivals)
    ]
    for process in processes:
        process.start()
    counted = [wins.get(timeout=PATIENCE_SECONDS) for _ in processes]
    for process in processes:
        process.join(PATIENCE_SECONDS)

    assert sum(counted) == rounds
    with Ledger(url, "live") as ledger:
        check(ledger, rounds)


def test_of_threads_with_one_key_all_get_the_one_promotion(url: str) -> None:
    with Ledger(url, "live") as ledger:
        barrier = threading.Barrier(8)

        def press(_: int) -> str:
            barrier.wait(PATIENCE_SECONDS)
            return force(
                ledger, version(1), idem_key="once", expected_version=None, expected_epoch=0
            ).hash

        with ThreadPoolExecutor(8) as pool:
            hashes = set(pool.map(press, range(8)))

        assert len(hashes) == 1
        check(ledger, 1)


def test_a_reader_never_sees_none_or_two_champions(url: str) -> None:
    counts: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        engine = open_engine(url)
        while not done.is_set():
            with engine.connect() as connection:
                rows = connection.execute(text("SELECT count(*) FROM champions")).scalar_one()
            counts.add(rows)
        engine.dispose()

    with Ledger(url, "live") as ledger:
        force(ledger, version(1))
        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(2, 30):
            force(ledger, version(number))
        done.set()
        watcher.join(PATIENCE_SECONDS)

    assert counts == {1}
