"""Files that appear whole or not at all, also after a crash, on a full disk, or in a race."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finrisk.errors import DiskFull
from finrisk.faults import WHOLE_FILE, reach

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # a disk, a quota, a limit of files


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place in one step; the folder must be there.

    Parameters
    ----------
    path : Path
        Where it appears; a file already there is replaced.
    content : bytes
        All of it.

    Raises
    ------
    DiskFull
        There is no room for it; what was there before stays.
    """
    with room_for(path):
        _write_whole(path, content)


@contextmanager
def room_for(what: object) -> Iterator[None]:
    """Turn a full disk into ``DiskFull``, which says for what; other errors pass."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in NO_ROOM:
            raise
        raise DiskFull(
            f"no room to write {what}",
            got=os.strerror(exc.errno),
            remedy="make room on that disk, then run again: nothing was half-done",
        ) from exc


def _write_whole(path: Path, content: bytes) -> None:
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        reach(WHOLE_FILE)
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(unfinished).unlink()
        raise
    _sync(path.parent)


def move_whole(written: Path, path: Path) -> None:
    """Put a file that was written whole in its place, on the same disk, and see that it stays."""
    with room_for(path):
        written.replace(path)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_once(path: Path, content: bytes, mode: int) -> None:
    """Write a whole file or none, unless it is there; the first of two racing processes wins."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(content)  # the draft is made with 0600
        draft.flush()
        os.fchmod(draft.fileno(), mode)
        os.fsync(draft.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft.name)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder, which must be there."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
