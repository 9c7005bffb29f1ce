"""Checks of the machine: room on its disks, its clock against others', its libraries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from platform import python_version
from tempfile import TemporaryFile

from packaging.requirements import Requirement
from sqlalchemy import func, select

from finrisk.ledger.engine import open_engine, reading
from finrisk.pipelines.doctor.findings import Finding, fail, ok, warn

MIB = 1024**2
GIB = 1024**3
LITTLE_BYTES = 5 * GIB
TOO_LITTLE_BYTES = 500 * MIB
SLOW_SECONDS = 5
WRONG_SECONDS = 60
SAME_MODULE = {"xgboost-cpu": "xgboost"}  # the GPU build is a distribution of another name

Clock = Callable[[], datetime]


def free_bytes(folder: Path) -> int:
    """Return the room left for this user where the folder is, or would be made."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def disk_finding(name: str, folder: Path, free: Callable[[Path], int] = free_bytes) -> Finding:
    """Say how much room a folder has, and whether it may be written to.

    Parameters
    ----------
    name : str
        Which folder of the settings it is.
    folder : Path
        It need not be there yet.
    free : callable
        Bytes left at a folder.
    """
    check, left = f"disk of {name}", free(folder)
    found = f"{left / GIB:.1f} GiB free at {folder}"
    if not os.access(_existing(folder), os.W_OK):
        return fail(check, f"{folder} is not writable", "give this user the right to write there")
    if left < TOO_LITTLE_BYTES:
        return fail(check, found, f"make room: a night needs {TOO_LITTLE_BYTES // MIB} MiB")
    if left < LITTLE_BYTES:
        return warn(check, found, f"make room: below {LITTLE_BYTES // GIB} GiB it ends some night")
    return ok(check, found)


def clock_finding(against: str, ask: Callable[[], datetime | None], clock: Clock) -> list[Finding]:
    """Compare this machine's clock with another's; none where the other has none to show.

    Parameters
    ----------
    against : str
        Whose clock it is.
    ask : callable
        Gives the other's time, with its zone; the way there and back is not held against it.
    clock : callable
        This machine's time, with its zone.
    """
    before = clock()
    theirs = ask()
    after = clock()
    if theirs is None:
        return []
    apart = theirs - (before + (after - before) / 2)
    off = max(abs(apart) - (after - before) / 2, timedelta()).total_seconds()
    check = f"clock against {against}"
    found = f"this machine is {off:.0f} s {'behind' if apart > timedelta() else 'ahead'}"
    remedy = "set both by NTP: as_of, the order of runs and certificates depend on the time"
    if off > WRONG_SECONDS:
        return [fail(check, found, remedy)]
    return [warn(check, found, remedy) if off > SLOW_SECONDS else ok(check, f"within {off:.0f} s")]


def folder_time(folder: Path) -> datetime:
    """Return the time that the folder's file system stamps; the file it takes never has a name."""
    with TemporaryFile(dir=folder) as file:
        file.write(b"\0")
        file.flush()
        return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)


def database_time(url: str) -> datetime | None:
    """Return PostgreSQL's time; None for SQLite, which has none of its own.

    Raises
    ------
    Unreachable
        The database does not answer.
    """
    engine = open_engine(url)
    try:
        if engine.dialect.name != "postgresql":
            return None
        with reading(engine) as session:
            return session.scalar(select(func.now()))
    finally:
        engine.dispose()


def installed(distribution: str) -> str | None:
    """Return the version that is installed, of this distribution or of its other build."""
    for name in (distribution, SAME_MODULE.get(distribution)):
        try:
            if name is not None:
                return version(name)
        except PackageNotFoundError:
            continue
    return None


def required() -> list[str]:
    """Return what the installed ``finrisk`` says it needs: the lines of requirements.txt."""
    return requires("finrisk") or []


def library_findings(
    needed: Iterable[str], version_of: Callable[[str], str | None] = installed
) -> Iterator[Finding]:
    """Compare what is installed with the ranges that FinRisk is tested in.

    Parameters
    ----------
    needed : iterable of str
        Requirements as pip reads them.
    version_of : callable
        The installed version of a distribution, or None.
    """
    requirements = [Requirement(line) for line in needed]
    faults = [fault for each in requirements if (fault := _fault(each, version_of)) is not None]
    if faults:
        yield from faults
        return
    yield ok(
        "libraries",
        f"{len(requirements)} within their ranges: mlflow {version_of('mlflow')}, scikit-learn "
        f"{version_of('scikit-learn')}, python {python_version()}",
    )


def _fault(needed: Requirement, version_of: Callable[[str], str | None]) -> Finding | None:
    found = version_of(needed.name)
    remedy = f"pip install '{needed.name}{needed.specifier}'"
    if found is None:
        return fail("libraries", f"{needed.name} is not installed", remedy)
    if not needed.specifier.contains(found, prereleases=True):
        return warn("libraries", f"{needed.name} {found} is outside {needed.specifier}", remedy)
    return None
