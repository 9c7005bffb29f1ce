"""A backup from a stranger's hands: nothing of it is written before its name and size are known.

No library unpacks it: a header is 512 bytes, and any kind of member but a plain file is refused, so
that no link is made, no long name is read and no path leaves the folder.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from finrisk.atomic import room_for
from finrisk.errors import BackupRejected, ConfigurationError, DiskFull
from finrisk.pipelines.backup.contents import (
    ANOTHER,
    FORMAT,
    LARGEST_MANIFEST,
    MANIFEST,
    BackupManifest,
    check_members,
)
from finrisk.tracking.manifest import FileDigest

BLOCK = tarfile.BLOCKSIZE
AT_ONCE = 1024 * 1024
MOST_EXPANSION = 200  # a ledger's rows become a twentieth; a bomb of zeros a thousandth


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class _Member:
    """A plain file of a backup; ``read`` gives so many of its bytes, or fewer at its end."""

    name: str
    size: int
    read: Callable[[int], bytes]


def unpack(source: Path, into: Path) -> BackupManifest:
    """Copy a backup's members into an empty folder, each as its manifest has it.

    Parameters
    ----------
    source : Path
        A ``.tar.gz``, or a folder.

    Raises
    ------
    ConfigurationError
        There is no such file.
    BackupRejected
        It is cut short, edited, or holds something that no backup does.
    DiskFull
        There is no room for what it says it holds.
    """
    with _readable(source):
        members = _of_folder(source) if source.is_dir() else _of_archive(source)
        manifest = _manifest(next(members, None))
        check_members(manifest)
        _check_room(source, manifest, into)
        left = dict(manifest.members)
        for member in members:
            expected = left.pop(member.name, None)
            if expected is None or member.size != expected.bytes:
                raise _unlike(member.name, expected, member.size)
            with room_for(into):
                _copy(member, into / member.name, expected)
        if left:
            raise BackupRejected(
                f"the backup has no {min(left)}",
                expected=f"{len(manifest.members)} members",
                got=f"{len(left)} fewer",
                remedy=ANOTHER,
            )
        return manifest


def _manifest(first: _Member | None) -> BackupManifest:
    if first is None or first.name != MANIFEST or first.size > LARGEST_MANIFEST:
        raise BackupRejected(
            "this is no backup of FinRisk",
            expected=f"{MANIFEST} first, of {LARGEST_MANIFEST:,} bytes at most",
            got="nothing" if first is None else f"{first.name[:200]!r} of {first.size:,} bytes",
            remedy="name what `finrisk backup` wrote",
        )
    try:
        return BackupManifest.from_json(json.loads(_whole(first)))
    except (ValueError, RecursionError) as exc:  # pydantic's and JSON's errors are values'
        raise BackupRejected(
            f"{MANIFEST} is of another format",
            expected=FORMAT,
            remedy="restore it with the release that took it, or a later one",
        ) from exc


def _check_room(source: Path, manifest: BackupManifest, into: Path) -> None:
    packed = source.stat().st_size
    if not source.is_dir() and manifest.bytes > MOST_EXPANSION * packed + AT_ONCE:
        raise BackupRejected(
            "the backup says it holds more than its bytes can",
            expected=f"at most {MOST_EXPANSION} times {packed:,} bytes",
            got=f"{manifest.bytes:,}",
            remedy=ANOTHER,
        )
    free = shutil.disk_usage(into).free
    if manifest.bytes > free:
        raise DiskFull(
            f"no room to unpack {source}",
            expected=f"{manifest.bytes:,} bytes in {into.parent}",
            got=f"{free:,}",
            remedy="make room on that disk, then run again: nothing was half-done",
        )


def _copy(member: _Member, path: Path, expected: FileDigest) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), member.size
    with path.open("xb") as file:
        while left:
            part = member.read(min(left, AT_ONCE))
            if not part:
                raise EOFError
            digest.update(part)
            file.write(part)
            left -= len(part)
    if digest.hexdigest() != expected.sha256:
        raise BackupRejected(
            f"{member.name} was changed after the backup was taken",
            expected=f"sha256 {expected.sha256}",
            got=digest.hexdigest(),
            remedy=ANOTHER,
        )


def _whole(member: _Member) -> bytes:
    parts = []
    left = member.size
    while left:
        part = member.read(left)
        if not part:
            raise EOFError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _of_archive(path: Path) -> Iterator[_Member]:
    with gzip.open(path) as stream:
        while (header := _exactly(stream, BLOCK)).strip(b"\0"):
            found = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
            if found.type != tarfile.REGTYPE or found.size < 0:
                raise _no_file(found.name, f"a member of type {found.type!r}")
            yield _Member(found.name, found.size, stream.read)
            _exactly(stream, -found.size % BLOCK)  # what fills its last block
        _check_end(stream)


def _check_end(stream: _Stream) -> None:
    """Read to the end, which checks gzip's own sum; what fills the last record is left."""
    rest = stream.read(tarfile.RECORDSIZE + 1)
    if len(rest) > tarfile.RECORDSIZE or rest.strip(b"\0"):
        raise BackupRejected(
            "something follows the backup's last member", expected="nothing", remedy=ANOTHER
        )


def _of_folder(folder: Path) -> Iterator[_Member]:
    paths = sorted(folder.rglob("*"), key=lambda path: (path != folder / MANIFEST, path))
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as exc:
            raise _no_file(name, exc.strerror or "a link") from exc
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _no_file(name, stat.filemode(found.st_mode))
            yield _Member(name, found.st_size, file.read)


def _exactly(stream: _Stream, count: int) -> bytes:
    """Read so many bytes, a few blocks at the most."""
    found = b""
    while len(found) < count:
        part = stream.read(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError) as exc:
        raise ConfigurationError(
            f"the backup {source} cannot be read",
            got=exc.strerror,
            remedy="name what `finrisk backup` wrote",
        ) from exc
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.HeaderError, UnicodeDecodeError) as exc:
        raise BackupRejected(
            f"{source} is cut short or damaged",
            expected="a whole .tar.gz of `finrisk backup`",
            got=str(exc) or "its end too early",
            remedy=ANOTHER,
        ) from exc


def _no_file(name: str, got: str) -> BackupRejected:
    return BackupRejected(
        f"{name[:200]!r} is no plain file", expected="files, no link", got=got, remedy=ANOTHER
    )


def _unlike(name: str, expected: FileDigest | None, size: int) -> BackupRejected:
    if expected is None:
        return BackupRejected(
            f"the backup holds {name[:200]!r}, which its manifest does not name, or twice",
            remedy=ANOTHER,
        )
    return BackupRejected(
        f"{name} is of another size",
        expected=f"{expected.bytes:,} bytes",
        got=f"{size:,}",
        remedy=ANOTHER,
    )
