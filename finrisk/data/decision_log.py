"""The decision log: every scored row, by scope, model and day, in files that are only added.

``<scope>/<model>/<day>/<part>.parquet``. A part is named by what it holds, so that rows scored
again by the same version are the part that is there already, and it stays as it was: the first time
is the one that counted. Several parts a day are as good as one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from finrisk.atomic import alone_in, move_whole, write_whole
from finrisk.config import Settings
from finrisk.data.decision_reading import StoredPart, batches_of, frame_of, part_header
from finrisk.data.decision_rows import DecidedBy, Part, ScoredRows, parts_of
from finrisk.data.row_hashing import RowHasher
from finrisk.data.stored_files import DECISIONS, moment, plain_file
from finrisk.errors import ConfigurationError, DataError
from finrisk.specs.base import NAME_PATTERN
from finrisk.specs.model_spec import ModelSpec

PRIVATE = 0o700


@dataclass(frozen=True)
class DecisionLog:
    """The decisions of one scope.

    Parameters
    ----------
    root : Path
        ``store/decisions``; made on first use, its owner's only.
    scope : str
        Whose decisions.
    hasher : RowHasher, optional
        Hashes what identifies somebody; without it decisions can be read and removed, not added.
    """

    root: Path
    scope: str
    hasher: RowHasher | None = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the log that the settings name, with the installation's key.

        Raises
        ------
        ConfigurationError
            There is no key: ``finrisk init`` makes it.
        """
        return cls(
            settings.store / DECISIONS, settings.scope, RowHasher.load(settings.row_hash_keys)
        )

    def append(
        self, spec: ModelSpec, by: DecidedBy, rows: ScoredRows, *, scored_at: datetime
    ) -> tuple[Path, ...]:
        """Add scored rows: all of them or, if anything is in the way, none.

        Parameters
        ----------
        spec : ModelSpec
            Says which columns identify somebody, and which are slices and clusters.
        by : DecidedBy
            The version that scored.
        rows : ScoredRows
            Of any days.
        scored_at : datetime
            With its zone.

        Returns
        -------
        tuple of Path
            The parts that hold them now, one a day.

        Raises
        ------
        DiskFull
            There is no room for them.
        """
        with self.batch(spec, by) as batch:
            batch.add(rows, scored_at=scored_at)
        return tuple(batch.parts)

    @contextmanager
    def batch(self, spec: ModelSpec, by: DecidedBy) -> Iterator[Batch]:
        """Gather scored rows in pieces; they appear when the block ends, not if it raises.

        Of a landed day the last piece appears last: a day that has it is there whole, whenever the
        process was killed.
        """
        folder = self._private(self.folder(spec.name))
        # named as what retention clears away if the process is killed
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".", suffix=".tmp"))
        batch = Batch(self, spec, by, staging)
        try:
            yield batch
            with alone_in(folder):
                for part in batch.staged:
                    move_whole(staging / part.name, self._private(part.parent) / part.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def folder(self, model: str) -> Path:
        """Return where a model's decisions are.

        Raises
        ------
        ConfigurationError
            No model is called so.
        """
        if not re.fullmatch(NAME_PATTERN, model):
            raise ConfigurationError(
                "no name of a model", expected="small letters, digits and _", got=repr(model[:80])
            )
        return self.root / self.scope / model

    def days(self, model: str) -> tuple[date, ...]:
        """Return the days that decisions count for, ascending."""
        found = {day: path for path in self.folder(model).glob("*") if (day := _day_of(path))}
        return tuple(sorted(day for day, path in found.items() if any(path.glob("*.parquet"))))

    def parts(self, model: str, first: date, last: date) -> Iterator[StoredPart]:
        """Give the files of some days, both ends included, by day and name.

        Raises
        ------
        DataError
            One cannot be read, or is written in a form that this reader does not know.
        """
        for day in self.days(model):
            if first <= day <= last:
                for path in sorted((self.folder(model) / str(day)).glob("*.parquet")):
                    if plain_file(path) is not None:
                        yield StoredPart(path, part_header(path))

    def decided_days(self, model: str, first: date, last: date) -> frozenset[date]:
        """Return the landed days that a champion of the time has decided whole."""
        parts = self.parts(model, first, last)
        headers = (part.header for part in parts)
        return frozenset(h.as_of for h in headers if h.ends_day and h.epoch is not None)

    def batches(
        self, model: str, first: date, last: date, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Stream the decisions of some days, both ends included, by day.

        A row that one artifact scored more than once, as after a correction, is there once: as it
        was scored last. Versions that are not champion are among them, with no epoch.

        Parameters
        ----------
        columns : sequence of str, optional
            Those wanted, in this order; default: all that any of these days has. One that a part
            lacks, since another version has other features, is null there.

        Raises
        ------
        DataError
            A part cannot be read, or is written in a form that this reader does not know.
        ConfigurationError
            A column begins with ``_`` and is none of the log's.
        """
        return batches_of(list(self.parts(model, first, last)), columns)

    def read(
        self, model: str, first: date, last: date, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return the same as one frame, for days that fit into memory.

        Returns
        -------
        DataFrame
            ``_as_of`` as datetime64 at midnight, ``_scored_at`` in UTC; text as str.
        """
        return frame_of(list(self.parts(model, first, last)), columns)

    def remove(self, model: str, day: date, *, older_than: datetime) -> bool:
        """Delete a day's decisions unless something was added since; say whether they are gone."""
        folder = self.folder(model) / str(day)
        if _day_of(folder) is None:
            return False
        with alone_in(folder.parent):
            written = (moment(path.lstat().st_mtime) for path in (folder, *folder.iterdir()))
            if max(written) >= older_than:
                return False
            shutil.rmtree(folder)
        return True

    def _private(self, folder: Path) -> Path:
        """Make a folder, and those above it, readable by the owner only."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        above = [folder, *folder.parents]
        for path in reversed(above[: above.index(self.root) + 1]):
            path.mkdir(mode=PRIVATE, exist_ok=True)
        return folder


@dataclass
class Batch:
    """Scored rows on their way into the log."""

    log: DecisionLog
    spec: ModelSpec
    by: DecidedBy
    staging: Path
    parts: list[Path] = field(default_factory=list)
    staged: list[Path] = field(default_factory=list)
    rows: int = 0

    def add(self, rows: ScoredRows, *, scored_at: datetime, ends_day: bool = False) -> None:
        """Add a piece.

        Parameters
        ----------
        rows : ScoredRows
            Each row once.
        scored_at : datetime
            With its zone.
        ends_day : bool
            The piece is the last of a landed day, all of which is in this batch.
        """
        if (hasher := self.log.hasher) is None:
            raise ConfigurationError(
                "the decision log was opened to be read",
                expected="the key that hashes row keys",
                remedy="open it with DecisionLog.open",
            )
        scope = self.log.scope
        made = parts_of(
            rows, self.by, self.spec, scope, hasher, scored_at=scored_at, ends_day=ends_day
        )
        for part in made:
            self._stage(part)
        self.rows += len(rows.ids)

    def _stage(self, part: Part) -> None:
        day = self.log.folder(self.spec.name) / str(part.header.as_of)
        path = day / f"{part.name}.parquet"
        self.parts.append(path)
        if not _is_there(path):
            write_whole(self.staging / path.name, part.content)
            self.staged.append(path)


def _is_there(path: Path) -> bool:
    """Whether a part is in its place already; one that cannot be read is written again."""
    try:
        part_header(path)
    except DataError:
        return False
    return True


def _day_of(folder: Path) -> date | None:
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        day = date.fromisoformat(folder.name)
    except ValueError:
        return None
    return day if folder.name == day.isoformat() else None  # not 20240301, which is ISO as well
