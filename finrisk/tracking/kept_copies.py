"""Copies of champions' artifacts on this machine, named by the digest the ledger has of them.

Serving and rolling back must outlive the registry: MLflow may be away, its database reset, a file
edited. A copy is made of verified bytes before a version becomes champion, is verified again
whenever it is read, and so is as good as the original. It is signed, and holds no customer's row.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from finrisk.atomic import room_for
from finrisk.data.stored_files import bytes_in, moment
from finrisk.errors import ArtifactRejected
from finrisk.faults import KEPT_COPY, reach
from finrisk.tracking.signing import Verifier
from finrisk.tracking.verification import VerifiedArtifact, verify_artifact

FOLDER = "champions"
HEX = re.compile(r"[0-9a-f]{64}")
UNFINISHED = ".unfinished-"
MISSING = "there is none"


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy that lies in the store, and when it was last kept."""

    artifact_sha256: str
    modified: datetime
    bytes: int


class KeptCopies:
    """Copies in one folder, each a folder named by its artifact's sha256.

    Parameters
    ----------
    root : Path
        Made on first use.
    verifier : Verifier
        Holds the public key.
    """

    def __init__(self, root: Path, verifier: Verifier) -> None:
        self.root = root
        self._verifier = verifier

    def folder(self, artifact_sha256: str) -> Path:
        """Return where a copy is, or would be."""
        if not HEX.fullmatch(artifact_sha256):
            raise ArtifactRejected("no digest of an artifact", expected="64 hexadecimal digits")
        return self.root / artifact_sha256[:2] / artifact_sha256

    def verified(self, artifact_sha256: str) -> VerifiedArtifact:
        """Read a copy, if it is whole, signed and the one of this digest.

        Raises
        ------
        ArtifactRejected
            There is none, or it is not what was kept.
        """
        return verify_artifact(
            self.folder(artifact_sha256), self._verifier, expected_artifact_sha256=artifact_sha256
        )

    def problem(self, artifact_sha256: str) -> str | None:
        """Say what is wrong with a copy; None: it is as it was kept."""
        if not self.folder(artifact_sha256).exists():
            return MISSING
        try:
            self.verified(artifact_sha256)
        except ArtifactRejected as exc:
            return exc.what
        return None

    def keep(self, artifact: VerifiedArtifact) -> None:
        """Put verified bytes in place in one step; a copy that is no more as it was is replaced.

        Raises
        ------
        DiskFull
            There is no room for it.
        """
        final = self.folder(artifact.artifact_sha256)
        if self.problem(artifact.artifact_sha256) is None:
            os.utime(final)  # in use again: retention spares what was kept lately
            return
        with room_for(final):
            self._keep(artifact, final)

    def _keep(self, artifact: VerifiedArtifact, final: Path) -> None:
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = Path(tempfile.mkdtemp(dir=final.parent, prefix=UNFINISHED))
        try:
            write_folder(written, artifact)
            reach(KEPT_COPY)
            _move_into_place(written, final)
        finally:
            shutil.rmtree(written, ignore_errors=True)
        _sync_folder(final.parent)

    def stored(self) -> Iterator[StoredCopy]:
        """Give every copy there is; a folder or link that is none of ours is passed over."""
        for path in sorted(self.root.glob("??/*")):
            own = HEX.fullmatch(path.name) and path == self.folder(path.name)
            if own and path.is_dir() and not (path.is_symlink() or path.parent.is_symlink()):
                yield StoredCopy(path.name, moment(path.lstat().st_mtime), bytes_in(path))

    def remove(self, artifact_sha256: str, *, older_than: datetime) -> bool:
        """Delete a copy unless it was kept again since; say whether it is gone."""
        folder = self.folder(artifact_sha256)
        written = _written(folder)
        if written is None or written >= older_than:
            return False
        shutil.rmtree(folder)
        return True

    def remove_unfinished(self, *, older_than: datetime) -> None:
        """Delete what a killed process was writing."""
        for folder in self.root.glob(f"??/{UNFINISHED}*"):
            written = _written(folder)
            if written is not None and written < older_than:
                shutil.rmtree(folder, ignore_errors=True)


def _written(path: Path) -> datetime | None:
    """Return when a folder was last written into; None where it is gone, or is a link."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return moment(found.st_mtime) if stat.S_ISDIR(found.st_mode) else None


def write_folder(folder: Path, artifact: VerifiedArtifact) -> None:
    """Write an artifact's files into an empty folder, and wait until the disk has them."""
    for name, content in artifact.contents.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync_folder(folder)


def _move_into_place(written: Path, final: Path) -> None:
    """Rename; a spoilt copy goes aside first, and another process's good one stays."""
    with suppress(FileNotFoundError):
        final.rename(written.with_name(f"{written.name}.spoilt"))
    try:
        written.rename(final)
    except OSError:  # another process was quicker: its bytes are the same
        if not final.is_dir():
            raise
    finally:
        shutil.rmtree(written.with_name(f"{written.name}.spoilt"), ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
