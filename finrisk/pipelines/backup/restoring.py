"""Restore a backup into an empty ledger: everything is checked before anything is put in place."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from finrisk.atomic import room_for, write_once, write_whole
from finrisk.config import Settings
from finrisk.data.spec_archive import SPECS as SPEC_ARCHIVE
from finrisk.errors import BackupRejected, ConfigurationError
from finrisk.ledger.dump import LedgerDump
from finrisk.ledger.load import load, stage
from finrisk.ledger.migrate import migrate, revisions
from finrisk.ledger.schema import HEAD, is_newer
from finrisk.pipelines.backup.contents import ANOTHER, CHAMPIONS, LEDGER, SPECS, BackupManifest
from finrisk.pipelines.backup.handing_out import hand_out
from finrisk.pipelines.backup.unpacking import unpack
from finrisk.records import Record
from finrisk.setting_up import alone, schema_state
from finrisk.tenants import demand_no_tenant
from finrisk.tracking.kept_copies import FOLDER, KeptCopies
from finrisk.tracking.signing import PRIVATE_KEY, PUBLIC_KEY, Verifier
from finrisk.tracking.verification import signed_artifact


@dataclass(frozen=True, slots=True)
class RestoreReport(Record):
    """What was restored.

    Parameters
    ----------
    source : str
    schema, schema_now : str
        As the backup has it, and as the ledger has it now.
    at : datetime
        When the backup was taken.
    rows : dict of str to int
        By table, as backed up.
    loaded : bool
        False: the ledger held exactly these rows already.
    links : int
        Promotions whose chains verified.
    copies, specs : int
        How many are in place.
    absent : dict of str to str
        Copies that the backup does not have, by sha256, and why.
    models : tuple of str
        Those that have a champion, each as ``MODEL`` or ``MODEL in scope SCOPE``.
    public_key_sha256 : str
    key_from_backup : bool
        This machine had no key: the backup vouched for itself.
    can_sign : bool
        The private key is here.
    """

    source: str
    schema: str
    schema_now: str
    at: datetime
    scopes: tuple[str, ...]
    rows: dict[str, int]
    loaded: bool
    links: int
    copies: int
    specs: int
    absent: dict[str, str]
    models: tuple[str, ...]
    public_key_sha256: str
    key_from_backup: bool
    can_sign: bool


def restore(settings: Settings, source: Path) -> RestoreReport:
    """Put a backup in place, whole or not at all; asked twice, the second time changes nothing.

    Parameters
    ----------
    source : Path
        What ``finrisk backup`` wrote, of this release's schema or an earlier one.

    Raises
    ------
    ConfigurationError
        There is no such backup, it or the ledger is newer than this release, the ledger has to be
        upgraded first, or this machine's key is another one.
    BackupRejected
        It is not what was written.
    IntegrityError
        A chain or a copy in it does not verify.
    PromotionError
        The ledger holds other rows.
    Unreachable
        The ledger does not answer, or another process is writing.
    """
    demand_no_tenant(settings)
    settings.store.mkdir(parents=True, exist_ok=True)
    with _scratch(settings.store) as scratch:
        content, upgraded = scratch / "content", scratch / "upgraded"
        content.mkdir()
        upgraded.mkdir()
        manifest = unpack(source, content)
        _check_schema(manifest)
        key_here = _check_key(settings, content)
        verifier = Verifier.load(content)
        staged = stage(content / LEDGER, manifest.schema, manifest.tables, upgraded)
        _check_ledger(manifest, staged)
        _check_copies(manifest, staged, verifier, content)
        with alone(settings):
            loaded = _put_in_place(settings, content, upgraded, manifest, staged, verifier)
            hand_out(settings, manifest, content, verifier)
    return _report(settings, source, manifest, staged, loaded=loaded, key_here=key_here)


@contextmanager
def _scratch(store: Path) -> Iterator[Path]:
    """Give a folder in the store; should this process be killed, `finrisk gc` removes it."""
    with room_for(store):
        scratch = tempfile.mkdtemp(dir=store, prefix=".restore-", suffix=".tmp")
    try:
        yield Path(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_schema(manifest: BackupManifest) -> None:
    if is_newer(manifest.schema):
        raise ConfigurationError(
            "the backup is newer than this release",
            expected=f"schema {HEAD} at most",
            got=f"schema {manifest.schema}, of finrisk {manifest.code_version}",
            remedy="restore it with the release that took it, or a later one",
        )
    if manifest.schema not in revisions():
        raise BackupRejected(
            "the backup is of no schema that ever was",
            expected=f"one of {', '.join(revisions())}",
            got=repr(manifest.schema[:16]),
            remedy=ANOTHER,
        )


def _check_key(settings: Settings, content: Path) -> bool:
    """Say whether this machine has the backup's key, and refuse if it has another."""
    ours = settings.keys / PUBLIC_KEY
    if not ours.exists() and not (settings.signing_keys / PRIVATE_KEY).exists():
        return False
    if Verifier.load(settings.keys).key != Verifier.load(content).key:
        raise ConfigurationError(
            "the backup is of another installation's key",
            expected=f"the key in {settings.keys}, sha256 {_sha256(ours)}",
            got=f"sha256 {_sha256(content / PUBLIC_KEY)}",
            remedy="put the keys of the installation that was backed up into that folder; what "
            "`finrisk init` made there has signed nothing yet on a new machine",
        )
    return True


def _check_ledger(manifest: BackupManifest, staged: LedgerDump) -> None:
    if (manifest.scopes, manifest.chains) != (staged.scopes, staged.chains):
        raise BackupRejected(
            "the manifest tells of another ledger than the backup's rows",
            expected="their scopes and the newest promotion of each model",
            remedy=ANOTHER,
        )


def _check_copies(
    manifest: BackupManifest, staged: LedgerDump, verifier: Verifier, content: Path
) -> None:
    """Check every copy's signature and digest, and that none is missing which ought to be there."""
    if set(staged.artifacts) != {*manifest.copies, *manifest.absent}:
        raise BackupRejected(
            "the backup's copies are not those of its ledger's champions", remedy=ANOTHER
        )
    for sha256 in manifest.copies:
        signed_artifact(content / CHAMPIONS / sha256, verifier, expected_artifact_sha256=sha256)
    for sha256 in manifest.specs:
        if _sha256(content / SPECS / f"{sha256}.json") != sha256:
            raise BackupRejected(f"spec {sha256[:12]}… is not what a night used", remedy=ANOTHER)


def _put_in_place(
    settings: Settings,
    content: Path,
    upgraded: Path,
    manifest: BackupManifest,
    staged: LedgerDump,
    verifier: Verifier,
) -> bool:
    """Put copies in place, then the rows that name them; take the copies back if that fails."""
    url = settings.ledger_url.get_secret_value()
    _prepare_ledger(settings)
    kept = KeptCopies(settings.store / FOLDER, verifier)
    new = [sha256 for sha256 in manifest.copies if not kept.folder(sha256).exists()]
    try:
        for sha256 in manifest.copies:
            folder = content / CHAMPIONS / sha256
            kept.keep(signed_artifact(folder, verifier, expected_artifact_sha256=sha256))
        loaded = load(url, upgraded, staged.tables)
    except BaseException:
        for sha256 in new:
            shutil.rmtree(kept.folder(sha256), ignore_errors=True)
        raise
    _put_specs(settings.store / SPEC_ARCHIVE, manifest, content)
    settings.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_once(settings.keys / PUBLIC_KEY, (content / PUBLIC_KEY).read_bytes(), mode=0o644)
    return loaded


def _prepare_ledger(settings: Settings) -> None:
    """Make an empty ledger where there is none; one of an earlier release is not touched."""
    state = schema_state(settings)
    if state.now is not None and not state.fits and not is_newer(state.now):
        raise ConfigurationError(
            "the ledger to restore into is of an earlier release",
            expected=f"schema {state.expected}",
            got=f"schema {state.now}",
            remedy="finrisk db upgrade, then restore again",
        )
    migrate(settings.ledger_url.get_secret_value())


def _put_specs(archive: Path, manifest: BackupManifest, content: Path) -> None:
    archive.mkdir(parents=True, exist_ok=True)
    for sha256 in manifest.specs:
        name = f"{sha256}.json"
        write_whole(archive / name, (content / SPECS / name).read_bytes())


def _report(
    settings: Settings,
    source: Path,
    manifest: BackupManifest,
    staged: LedgerDump,
    *,
    loaded: bool,
    key_here: bool,
) -> RestoreReport:
    return RestoreReport(
        source=str(source),
        schema=manifest.schema,
        schema_now=staged.schema,
        at=manifest.at,
        scopes=manifest.scopes,
        rows={table: dumped.rows for table, dumped in manifest.tables.items()},
        loaded=loaded,
        links=staged.tables["promotions"].rows,
        copies=len(manifest.copies),
        specs=len(manifest.specs),
        absent=manifest.absent,
        models=tuple(
            head.model if head.scope == settings.scope else f"{head.model} in scope {head.scope}"
            for head in manifest.chains
        ),
        public_key_sha256=_sha256(settings.keys / PUBLIC_KEY),
        key_from_backup=not key_here,
        can_sign=(settings.signing_keys / PRIVATE_KEY).exists(),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
