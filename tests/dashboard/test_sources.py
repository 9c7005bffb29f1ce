"""One ledger for everybody who looks: readers in threads, and a file that is restored meanwhile."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from finrisk.config import Settings
from finrisk.dashboard.sources import Sources
from tests.ledger.databases import migrated_file, postgres_database, sqlite_url, url
from tests.ledger.factories import AT, MODEL

__all__ = ["migrated_file", "postgres_database", "sqlite_url", "url"]


@pytest.fixture
def own(url: str, tmp_path: Path) -> Sources:
    return Sources(Settings(home=tmp_path, ledger_url=url))


def test_letting_go_disturbs_nobody_who_reads_or_writes(own: Sources) -> None:
    until = time.monotonic() + 2

    def reads() -> int:
        times = 0
        while time.monotonic() < until:
            own.ledger("live").history(MODEL)
            times += 1
        return times

    def lets_go() -> int:
        times = 0
        while time.monotonic() < until:
            own.let_go()
            times += 1
        return times

    def writes() -> int:
        for number in range(20):
            day = date(2199, 1, 1) + timedelta(days=number)
            own.ledger("live").freeze(MODEL, day, reason="year-end", actor="ana", at=AT)
        return 20

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(what) for what in (reads, reads, reads, lets_go, lets_go, writes)]
        assert all(one.result() for one in done)

    assert len(own.ledger("live").freezes(MODEL)) == 20


def test_connections_stay_while_nothing_changes(own: Sources) -> None:
    """A page that is looked at asks every half minute, and so does everybody else's."""
    connected = []
    engine = own.ledger("live")._engine
    event.listen(engine, "connect", lambda *_: connected.append(1))

    for _ in range(20):
        own.let_go()
        own.ledger("live").pulse()

    assert len(connected) <= 2, "its first connection writes how SQLite keeps the file"


def test_a_file_that_was_restored_is_read_at_the_next_look(sqlite_url: str, tmp_path: Path) -> None:
    own = Sources(Settings(home=tmp_path, ledger_url=sqlite_url))
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    shutil.copy(file, tmp_path / "backup.db")
    own.ledger("live").freeze(MODEL, date(2199, 1, 1), reason="year-end", actor="ana", at=AT)
    assert own.ledger("live").freezes(MODEL)

    for beside in ("-wal", "-shm"):  # of what is thrown away
        Path(f"{file}{beside}").unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(file)
    own.let_go()

    assert not own.ledger("live").freezes(MODEL)
