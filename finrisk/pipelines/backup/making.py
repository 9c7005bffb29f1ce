"""Take a backup: the ledger of one moment, every champion's verified copy, specs, the public key.

Never a private key, nor a customer's row: those of keys/ are kept apart from what they sign.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from finrisk.atomic import move_whole, room_for
from finrisk.config import Settings
from finrisk.data.spec_archive import SPECS as SPEC_ARCHIVE
from finrisk.data.stored_files import plain_file
from finrisk.errors import ArtifactRejected, ConfigurationError
from finrisk.keys import code_version
from finrisk.ledger.dump import LedgerDump, dump
from finrisk.pipelines.backup.contents import (
    CHAMPIONS,
    FORMAT,
    HEX,
    LARGEST_SPEC,
    LEDGER,
    MANIFEST,
    SPECS,
    BackupManifest,
)
from finrisk.pipelines.backup.packing import is_archive, pack, sync_tree
from finrisk.records import Record
from finrisk.tenants import demand_no_tenant, tenants_of
from finrisk.tracking.kept_copies import FOLDER, KeptCopies, write_folder
from finrisk.tracking.manifest import FileDigest
from finrisk.tracking.signing import PUBLIC_KEY, Verifier
from finrisk.tracking.verification import signed_artifact

SPEC_FILE = re.compile(rf"{HEX}\.json")
AT_ONCE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BackupReport(Record):
    """What was written, and what should be in it and is not.

    Parameters
    ----------
    path : str
    bytes : int
        On the disk.
    rows : dict of str to int
        By table of the ledger.
    copies, specs : int
        How many are in it.
    absent : dict of str to str
        Copies that are not, by sha256, and why: retention keeps a model's newest five.
    serving_absent : dict of str to str
        Those of them that are champion now, and of which model. Until each is in a backup, losing
        this machine and MLflow's store loses the model that decides.
    """

    path: str
    bytes: int
    schema: str
    code_version: str
    at: datetime
    scopes: tuple[str, ...]
    rows: dict[str, int]
    copies: int
    specs: int
    absent: dict[str, str]
    serving_absent: dict[str, str]
    seconds: float


def back_up(settings: Settings, target: Path, at: datetime) -> BackupReport:
    """Write a backup whole or not at all; nights and promotions go on meanwhile.

    Parameters
    ----------
    target : Path
        A new file, ``….tar.gz``, or a new folder; the folder it lies in must be there.
    at : datetime
        With its zone; told in the manifest.

    Raises
    ------
    ConfigurationError
        Something is there already, the folder around it is not, there is no public key, or the
        ledger is newer than this release.
    Unreachable
        The ledger does not answer.
    DiskFull
        There is no room for it.
    """
    began = perf_counter()
    demand_no_tenant(settings)
    _check_target(target)
    verifier = Verifier.load(settings.keys)
    with _beside(target) as scratch, room_for(target):
        content = scratch / "content"
        ledger, manifest = _gather(settings, verifier, content, at)
        if is_archive(target):
            packed = scratch / "packed"
            pack(content, [MANIFEST, *sorted(manifest.members)], packed, at)
            move_whole(packed, target)
        else:
            sync_tree(content)
            move_whole(content, target)
    return _report(target, ledger, manifest, perf_counter() - began)


def _check_target(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise ConfigurationError(
            f"{target} is there already",
            expected="a name for a new file (….tar.gz) or a new folder",
            remedy="put the day into the name; a backup replaces nothing",
        )
    if not target.parent.is_dir():
        raise ConfigurationError(
            f"no folder {target.parent}",
            expected="the backup disk, mounted",
            remedy="mount it, or make that folder",
        )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a folder on the target's disk, gone afterwards whatever happened."""
    with room_for(target):
        scratch = tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        yield Path(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _gather(
    settings: Settings, verifier: Verifier, content: Path, at: datetime
) -> tuple[LedgerDump, BackupManifest]:
    """Write every member, the ledger first: a champion's copy is there before it is champion."""
    for folder in (content, *(content / name for name in (LEDGER, CHAMPIONS, SPECS))):
        folder.mkdir(mode=0o700)
    ledger = dump(settings.ledger_url.get_secret_value(), content / LEDGER)
    absent = dict.fromkeys(ledger.artifacts, "no copy on this machine")
    for one in tenants_of(settings):  # the ledger is everybody's; the copies are each lender's own
        kept = KeptCopies(one.settings.store / FOLDER, verifier)
        absent = _copy_champions(kept, verifier, absent, content)
        _copy_specs(one.settings.store / SPEC_ARCHIVE, content / SPECS)
    (content / PUBLIC_KEY).write_bytes((settings.keys / PUBLIC_KEY).read_bytes())
    manifest = BackupManifest(
        format=FORMAT,
        schema=ledger.schema,
        code_version=code_version(),
        at=at,
        scopes=ledger.scopes,
        tables=ledger.tables,
        chains=ledger.chains,
        absent=absent,
        members=_members(content),
    )
    (content / MANIFEST).write_text(json.dumps(manifest.to_json(), indent=1), encoding="utf-8")
    return ledger, manifest


def _copy_champions(
    kept: KeptCopies, verifier: Verifier, wanted: dict[str, str], content: Path
) -> dict[str, str]:
    """Copy those that are here and verify; return what is wrong with the others."""
    absent = {}
    for sha256, before in wanted.items():
        folder = kept.folder(sha256)
        try:
            artifact = signed_artifact(folder, verifier, expected_artifact_sha256=sha256)
        except ArtifactRejected as exc:
            absent[sha256] = exc.what if folder.exists() else before
            continue
        written = content / CHAMPIONS / sha256
        written.mkdir(mode=0o700)
        write_folder(written, artifact)
    return absent


def _copy_specs(archive: Path, into: Path) -> None:
    """Copy every spec whose bytes give its name; another is damaged, and a night keeps it anew."""
    for path in sorted(archive.glob("*.json")):
        found = plain_file(path)
        if found is None or found.st_size > LARGEST_SPEC or not SPEC_FILE.fullmatch(path.name):
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == path.stem:
            (into / path.name).write_bytes(content)


def _members(content: Path) -> dict[str, FileDigest]:
    files = sorted(path for path in content.rglob("*") if path.is_file())
    return {path.relative_to(content).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> FileDigest:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(AT_ONCE):
            digest.update(part)
            size += len(part)
    return FileDigest(digest.hexdigest(), size)


def _report(
    target: Path, ledger: LedgerDump, manifest: BackupManifest, seconds: float
) -> BackupReport:
    packed = target.stat().st_size if target.is_file() else manifest.bytes
    return BackupReport(
        path=str(target),
        bytes=packed,
        schema=manifest.schema,
        code_version=manifest.code_version,
        at=manifest.at,
        scopes=manifest.scopes,
        rows={name: table.rows for name, table in manifest.tables.items()},
        copies=len(manifest.copies),
        specs=len(manifest.specs),
        absent=manifest.absent,
        serving_absent={
            sha256: model for sha256, model in ledger.serving.items() if sha256 in manifest.absent
        },
        seconds=round(seconds, 2),
    )
