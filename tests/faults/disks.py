"""What a process does on a disk that is full; a plain module, so that a new process imports it.

A disk is full where a limit lets no file grow beyond some bytes: the write fails as it would for
want of room, wherever the test runs and without a disk of its own.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from finrisk.atomic import write_whole
from finrisk.config import Settings
from finrisk.errors import FinRiskError
from finrisk.records import PromotionRecord, SnapshotRef
from tests.faults import rivals

AS_OF = date(2024, 7, 15)


@contextmanager
def room(most_bytes: int | None) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes; None: as the machine has it."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def write(path: Path, content: bytes, most_bytes: int | None) -> None:
    with room(most_bytes):
        write_whole(path, content)


def promote(url: str, number: int, over: tuple[int, int], most_bytes: int) -> PromotionRecord:
    with room(most_bytes):
        return rivals.promote(url, number, over, "once")


def freeze(home: Path, most_bytes: int | None) -> SnapshotRef:
    """Freeze the rows of a small lender."""
    from finrisk.data.snapshots import SnapshotStore
    from finrisk.data.split import split_vintages
    from tests.data.factories import a_spec, deliver, labelled, rows

    spec = a_spec()
    deliver(home, rows(months=7))
    _, found = labelled(home, spec, AS_OF)
    split = split_vintages(found.counts, spec.gate.holdout, spec.training)
    with room(most_bytes):
        return SnapshotStore(home / "snapshots").freeze(found, spec, split)


def save(settings: Settings, folder: Path, most_bytes: int | None) -> str:
    """Save a signed artifact; return its digest."""
    from finrisk.tracking.manifest import tree_sha256
    from finrisk.tracking.signing import Signer
    from tests.tracking.factories import artifact

    with room(most_bytes):
        return tree_sha256(artifact(folder, Signer.load(settings.keys)))


def log(settings: Settings, most_bytes: int | None, picture: bytes = b"a picture") -> Any:
    """Log a candidate as a night does."""
    from finrisk.tracking.night_tracker import NightTracker
    from finrisk.tracking.run_writer import RunContents
    from tests.tracking.factories import candidate_log, prepared_night

    tracker = NightTracker(settings)
    night = tracker.start_night(prepared_night(), "the-night")
    candidate = candidate_log(contents=RunContents(pictures={"roc": picture}))
    with room(most_bytes):
        return tracker.log_candidate(night, candidate)


def save_and_log(settings: Settings, folder: Path, most_bytes: int) -> list[Exception | None]:
    """Return what each way to write an artifact raises: one process, MLflow takes long to import.

    The last has room for the artifact and for MLflow's rows, and none for a picture of the run.
    """
    database = Path(settings.tracking_uri.removeprefix("sqlite:///")).stat().st_size
    large = 4 * database
    return [
        _raised(save, settings, folder, most_bytes),
        _raised(log, settings, most_bytes),
        _raised(log, settings, 2 * database, b"x" * large),
    ]


def _raised(work: Any, *arguments: Any) -> Exception | None:
    try:
        work(*arguments)
    except FinRiskError as exc:
        return exc
    return None
