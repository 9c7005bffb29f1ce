"""What nights leave in the store besides snapshots: pages and rows named by their day.

Only what carries the name FinRisk gives is seen: an ISO day, an expected ending, no link. Anything
else in these folders is somebody's own.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from finrisk.names import TENANTS_FOLDER

UNFINISHED = ".*.tmp"  # what atomic.write_whole, or Data Docs in the making, leave if killed
QUALITY = "data_quality"
FEATURES = "features"
DECISIONS = "decisions"
DATED_FILES = {"quarantine": (".parquet",), QUALITY: (".json", ".html"), "evidence": (".html",)}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, or a folder of Data Docs, and the night it is of.

    Parameters
    ----------
    kind : str
        ``data_docs``, ``quarantine``, ``data_quality``, ``evidence``, ``features``,
        ``decisions`` or ``unfinished``.
    as_of : date or None
        The night, or the event day of served features and of decisions; None for what is
        unfinished.
    modified : datetime
        Of a folder: when the newest thing in it was written.
    newest : bool
        No later night of the same kind is there.
    """

    kind: str
    path: Path
    as_of: date | None
    modified: datetime
    bytes: int
    newest: bool = False


def of_nights(store: Path, model: str) -> list[StoredFile]:
    """Return what the nights of one model left, in every scope, by path.

    Data Docs are not kept apart by scope: ``data_docs/<model>/<as_of>/``; quarantined rows and
    quality and evidence pages are: ``<kind>/<scope>/<model>/<as_of>.<ending>``, and served
    features lie one folder deeper, by what their windows mean. Decisions are a folder a day.
    """
    found = _dated("data_docs", store / "data_docs" / model, ("",))
    for kind, endings in DATED_FILES.items():
        for scope in sorted((store / kind).glob("*")):
            if not scope.is_symlink():
                found += _dated(kind, scope / model, endings)
    for definitions in sorted((store / FEATURES).glob(f"*/{model}/*")):
        if not any(part.is_symlink() for part in (definitions.parent.parent, definitions.parent)):
            found += _dated(FEATURES, definitions, (".parquet",))
    for scope in sorted((store / DECISIONS).glob("*")):
        if not scope.is_symlink():
            found += _dated(DECISIONS, scope / model, ("",))
    return found


def unfinished(store: Path) -> list[StoredFile]:
    """Return the files and folders that a killed process was writing, wherever in the store.

    A tenant's store lies in the first lender's, and is not looked into.
    """
    others = store / TENANTS_FOLDER
    return [
        StoredFile("unfinished", path, None, _newest_write(path), _size(path))
        for path in sorted(store.rglob(UNFINISHED))
        if others not in path.parents
        if plain_file(path) is not None or (path.is_dir() and not path.is_symlink())
    ]


def remove(file: StoredFile) -> None:
    """Delete a file, or a folder whole; one that is gone already is fine.

    Raises
    ------
    OSError
        The system does not allow it.
    """
    if file.path.is_dir():
        shutil.rmtree(file.path)
    else:
        file.path.unlink(missing_ok=True)


def plain_file(path: Path) -> os.stat_result | None:
    """Return what the system says of a regular file; None for a link, a folder or nothing.

    A night that runs meanwhile replaces its own files, so what was listed may be gone.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def moment(timestamp: float) -> datetime:
    """Return a file's time with its zone."""
    return datetime.fromtimestamp(timestamp, tz=UTC)


def bytes_in(folder: Path) -> int:
    """Return what the files of a folder hold together; links are not followed."""
    return sum(found.st_size for found in _plain_files(folder))


def _plain_files(folder: Path) -> list[os.stat_result]:
    files = (plain_file(path) for path in folder.rglob("*"))
    return [found for found in files if found is not None]


def _dated(kind: str, folder: Path, endings: tuple[str, ...]) -> list[StoredFile]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    days = {path: _day(path, endings) for path in sorted(folder.iterdir())}
    newest = max((day for day in days.values() if day is not None), default=None)
    return [
        StoredFile(kind, path, day, _newest_write(path), _size(path), newest=day == newest)
        for path, day in days.items()
        if day is not None
    ]


def _day(path: Path, endings: tuple[str, ...]) -> date | None:
    """Return the night a name says; None where it is no name of ours."""
    folders = endings == ("",)
    ours = path.is_dir() and not path.is_symlink() if folders else plain_file(path) is not None
    if not ours or path.suffix not in endings:
        return None
    try:
        day = date.fromisoformat(path.stem)
    except ValueError:
        return None
    return day if path.stem == day.isoformat() else None  # not 20240805, which is ISO as well


def _newest_write(path: Path) -> datetime:
    """Return when a file, or anything in a folder, was last written; now if that cannot be told."""
    try:
        times = [part.lstat().st_mtime for part in (path, *path.rglob("*"))]
    except FileNotFoundError:  # a night is at it
        return datetime.now(UTC)
    return moment(max(times))


def _size(path: Path) -> int:
    found = plain_file(path)
    return bytes_in(path) if found is None else found.st_size
