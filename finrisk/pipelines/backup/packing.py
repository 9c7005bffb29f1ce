"""A folder into one ``.tar.gz``; the same content gives the same bytes."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

ARCHIVES = (".tar.gz", ".tgz")
COMPRESSION = 6


def is_archive(path: Path) -> bool:
    """Say whether a name asks for one file rather than for a folder.

    Examples
    --------
    >>> is_archive(Path("finrisk.tar.gz")), is_archive(Path("finrisk"))
    (True, False)
    """
    return path.name.endswith(ARCHIVES)


def pack(folder: Path, names: Iterable[str], archive: Path, at: datetime) -> None:
    """Write files of a folder into a new archive, in this order, and wait until the disk has it.

    Parameters
    ----------
    names : iterable of str
        Relative to the folder, 100 bytes at most: no header but the oldest kind is written.
    at : datetime
        The time that every member bears.
    """
    moment = int(at.timestamp())
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with (
            gzip.GzipFile("", "wb", COMPRESSION, file, mtime=moment) as zipped,
            tarfile.open(fileobj=zipped, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
        ):
            for name in names:
                _add(tar, folder / name, name, moment)
        file.flush()
        os.fsync(file.fileno())


def _add(tar: tarfile.TarFile, path: Path, name: str, moment: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = path.stat().st_size, moment, 0o600
    with path.open("rb") as file:
        tar.addfile(member, file)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has every file and folder."""
    for path in (*folder.rglob("*"), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
