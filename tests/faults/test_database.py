"""A database or a disk that fails: bounded waits, one clear error, nothing half-done, then once."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import Engine

from finrisk.config import Settings
from finrisk.data.snapshots import SnapshotStore
from finrisk.errors import DiskFull, Unreachable
from finrisk.faults import armed
from finrisk.ledger import engine as engine_module
from finrisk.ledger.engine import WAIT_SECONDS, lock_for_transaction, open_engine, writer
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionRecord
from finrisk.setting_up import initialise
from finrisk.tracking.signing import Verifier
from finrisk.tracking.verification import verify_artifact
from tests.faults import disks
from tests.faults.processes import Child
from tests.faults.rivals import promote
from tests.ledger.databases import on_postgresql
from tests.ledger.factories import MODEL, force, version

SLACK_SECONDS = 8  # what a busy machine adds
FROZEN = "frozen"
LONG = "x" * 2_000_000  # a reason that needs pages the database does not have yet


@pytest.fixture
def first(ledger: Ledger) -> Ledger:
    """A ledger whose champion is version 1 at epoch 1."""
    force(ledger, version(1))
    return ledger


@pytest.fixture
def sqlite_file(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


def promote_once(ledger: Ledger, number: int = 2, reason: str = "a drill") -> PromotionRecord:
    return force(
        ledger,
        version(number),
        expected_version=1,
        expected_epoch=1,
        idem_key="once",
        reason=reason,
    )


def assert_nothing_half_done(ledger: Ledger) -> None:
    assert [link.version for link in ledger.history(MODEL)] == [1]
    assert ledger.verify(MODEL) == 1
    assert [known.version for known in ledger.versions(MODEL)] == [1]
    assert [signed.version for signed in ledger.signatures(MODEL)] == [1]


def assert_done_once(ledger: Ledger, number: int = 2) -> None:
    """Ask twice more: the key finds the promotion, whoever made it."""
    assert promote_once(ledger, number) == promote_once(ledger, number)
    assert [link.version for link in ledger.history(MODEL)] == [1, number]
    assert ledger.verify(MODEL) == 2


# a lock that is held


@contextmanager
def lock_held(url: str) -> Iterator[None]:
    """Let another connection hold the lock that writers of the model need."""
    engine = open_engine(url)
    with writer(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            lock_for_transaction(connection, f"live/{MODEL}")
        yield
    engine.dispose()


def seconds_until_unreachable(ledger: Ledger) -> float:
    began = time.monotonic()
    with pytest.raises(Unreachable):
        promote_once(ledger)
    return time.monotonic() - began


def answers_until(done: Future[float], ledger: Ledger) -> list[int]:
    """Ask who is champion again and again; return the versions."""
    versions = []
    while not wait([done], timeout=0.05).done:
        now = ledger.champion(MODEL)
        assert now is not None
        versions.append(now.version)
    return versions


def test_a_writer_gives_up_on_a_lock_that_is_held_and_readers_go_on_meanwhile(
    url: str, first: Ledger
) -> None:
    with lock_held(url), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(seconds_until_unreachable, first)
        read = answers_until(waiting, first)

    assert WAIT_SECONDS * 0.9 < waiting.result() < WAIT_SECONDS + SLACK_SECONDS
    assert len(read) >= WAIT_SECONDS
    assert set(read) == {1}
    assert_nothing_half_done(first)
    assert_done_once(first)


# a connection that is cut, a process that is killed


def processes_of(url: str, condition: str) -> list[int]:
    """Return the server's processes for whom the condition holds."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT pid FROM pg_stat_activity WHERE {condition}"))  # noqa: S608
        pids = [int(pid) for pid in found.scalars()]
    engine.dispose()
    return pids


def holder_of_the_lock(url: str) -> int:
    locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    (pid,) = processes_of(url, f"datname = current_database() AND pid IN ({locks})")
    return pid


def cut(url: str, pid: int) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        gone = connection.execute(text(f"SELECT pg_terminate_backend({pid}, 10000)"))
        assert gone.scalar_one()
    engine.dispose()


@on_postgresql
def test_a_connection_cut_in_the_transaction_leaves_nothing_and_is_promoted_once_after(
    url: str, first: Ledger
) -> None:
    def cut_it(point: str) -> None:
        if point == "promote:during":
            cut(url, holder_of_the_lock(url))

    with armed(cut_it), pytest.raises(Unreachable, match="nothing was half-done"):
        promote_once(first)

    assert_nothing_half_done(first)
    assert_done_once(first)


@pytest.mark.parametrize(
    ("point", "done"), [("promote:before", 1), ("promote:during", 1), ("promote:after", 2)]
)
def test_a_promoter_that_is_killed_leaves_all_or_nothing_and_is_promoted_once_after(
    url: str, first: Ledger, point: str, done: int
) -> None:
    with Child(promote, url, 2, (1, 1), "once", at=(point, signal.SIGKILL)) as killed:
        killed.wait_until_killed()

    assert first.verify(MODEL) == len(first.history(MODEL)) == done
    assert_done_once(first)


# a server that does not answer


def test_a_server_that_accepts_and_never_answers_is_unreachable_not_a_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "WAIT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"postgresql+psycopg://ada@127.0.0.1:{mute.getsockname()[1]}/ledger"
        for use in (lambda: Ledger(address, "live"), lambda: migrate(address)):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="does not answer"):
                use()
            assert time.monotonic() - began < 2 + SLACK_SECONDS


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop one of the server's processes; its connection stays open, and its kernel answers."""
    try:
        process = psutil.Process(pid)
        if "postgres" not in process.name():  # a process of this machine with the same number
            raise psutil.NoSuchProcess(pid)
        process.suspend()
    except psutil.Error:
        pytest.skip("PostgreSQL runs elsewhere: its processes cannot be stopped from here")
    try:
        yield
    finally:
        process.resume()


@pytest.fixture
def impatient(url: str, first: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger that waits two seconds for an answer, on a connection that can be told apart."""
    monkeypatch.setattr(engine_module, "ANSWER_SECONDS", 2)
    own = make_url(url).update_query_dict({"application_name": FROZEN})
    with Ledger(own.render_as_string(hide_password=False), "live") as opened:
        opened.champion(MODEL)
        yield opened


@on_postgresql
def test_a_reader_whose_server_freezes_is_told_so_and_then_goes_on(
    url: str, impatient: Ledger
) -> None:
    (pid,) = processes_of(url, f"application_name = '{FROZEN}'")
    began = time.monotonic()
    with frozen(pid), pytest.raises(Unreachable, match="did not answer in time"):
        impatient.champion(MODEL)

    assert time.monotonic() - began < 2 + SLACK_SECONDS
    assert impatient.verify(MODEL) == 1


@on_postgresql
def test_a_writer_whose_server_freezes_is_told_so_and_is_promoted_once_after(
    url: str, impatient: Ledger
) -> None:
    began = time.monotonic()
    with ExitStack() as stopped:

        def freeze(point: str) -> None:
            if point == "promote:during":
                stopped.enter_context(frozen(holder_of_the_lock(url)))

        with armed(freeze), pytest.raises(Unreachable, match="did not answer in time"):
            promote_once(impatient)
        assert time.monotonic() - began < 2 + SLACK_SECONDS
        assert_nothing_half_done(impatient)  # on a new connection, while the old one stands still

    assert_done_once(impatient)


# a disk that is full


@contextmanager
def sqlite_cannot_grow() -> Iterator[None]:
    """Let no SQLite database opened here have more pages than it has."""

    def bound(connection: object, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(Engine, "connect", bound)
    try:
        yield
    finally:
        event.remove(Engine, "connect", bound)


def test_an_sqlite_ledger_without_room_says_so_and_is_promoted_once_after(
    sqlite_url: str,
) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        force(ledger, version(1))
    with (
        sqlite_cannot_grow(),
        Ledger(sqlite_url, "live") as full,
        pytest.raises(DiskFull, match=r"disk is full or fails; got database or disk is full"),
    ):
        promote_once(full, reason=LONG)

    with Ledger(sqlite_url, "live") as ledger:
        assert_nothing_half_done(ledger)
        assert_done_once(ledger)


def test_an_sqlite_ledger_whose_commit_finds_no_room_says_so_and_is_promoted_once_after(
    sqlite_url: str, sqlite_file: Path
) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        force(ledger, version(1))
        journal = sqlite_file.with_name(f"{sqlite_file.name}-wal").stat().st_size
        with (
            Child(disks.promote, sqlite_url, 2, (1, 1), journal) as full,
            pytest.raises(DiskFull, match="disk is full or fails; got disk I/O error"),
        ):
            full.result()

        assert_nothing_half_done(ledger)
        assert_done_once(ledger)


@on_postgresql
def test_a_postgresql_ledger_without_room_says_so_and_is_promoted_once_after(
    url: str, first: Ledger
) -> None:
    """The server's own code for it, raised where the promotion is written."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON promotions "
                "FOR EACH ROW EXECUTE FUNCTION full_disk()"
            )
        )
    with pytest.raises(DiskFull, match="disk is full or fails; got could not extend file"):
        promote_once(first)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full_disk ON promotions"))
    engine.dispose()

    assert_nothing_half_done(first)
    assert_done_once(first)


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_file_without_room_is_not_there_and_what_was_there_stays(
    tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "a"
    if before is not None:
        path.write_bytes(before)

    with (
        Child(disks.write, path, bytes(5000), 4096) as full,
        pytest.raises(DiskFull, match=rf"no room to write {path}; got File too large"),
    ):
        full.result()

    left = {} if before is None else {"a": before}
    assert {found.name: found.read_bytes() for found in tmp_path.iterdir()} == left


def test_a_snapshot_without_room_is_not_there_and_is_frozen_after(tmp_path: Path) -> None:
    with Child(disks.freeze, tmp_path, 1024) as full, pytest.raises(DiskFull, match="snapshots/"):
        full.result()
    store = SnapshotStore(tmp_path / "snapshots")
    assert [found for found in store.root.rglob("*") if found.is_file()] == []

    frozen_after = disks.freeze(tmp_path, None)

    assert len(store.open(frozen_after.sha256)) == frozen_after.rows


def test_an_artifact_without_room_is_not_there_and_is_logged_once_after(tmp_path: Path) -> None:
    settings, folder = Settings(home=tmp_path), tmp_path / "model"
    initialise(settings)
    with Child(disks.save_and_log, settings, folder, 4096) as full:
        saved, logged, uploaded = full.result()

    assert isinstance(saved, DiskFull)
    assert isinstance(logged, Unreachable)  # of MLflow's database, which says why
    assert "disk" in str(logged)
    assert isinstance(uploaded, DiskFull)
    assert not folder.exists()

    written = disks.save(settings, folder, None)
    verified = verify_artifact(folder, Verifier.load(settings.keys))
    assert verified.artifact_sha256 == written
    once = disks.log(settings, None)
    assert disks.log(settings, None) == once.replace(resumed=True)
