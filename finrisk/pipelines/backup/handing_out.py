"""After a restoration: each tenant gets its own champions' copies and specs, and no other's."""

from __future__ import annotations

from pathlib import Path

from finrisk.atomic import write_whole
from finrisk.config import Settings
from finrisk.data.spec_archive import SPECS as SPEC_ARCHIVE
from finrisk.ledger.store import Ledger
from finrisk.pipelines.backup.contents import CHAMPIONS, SPECS, BackupManifest
from finrisk.tenants import tenants_of
from finrisk.tracking.kept_copies import FOLDER, KeptCopies
from finrisk.tracking.signing import Verifier
from finrisk.tracking.verification import signed_artifact


def hand_out(
    settings: Settings, manifest: BackupManifest, content: Path, verifier: Verifier
) -> None:
    """Put into each tenant's store what its rows of the ledger name; safe to repeat.

    The first lender's store has all of it already.
    """
    for one in tenants_of(settings):
        if not one.name:
            continue
        artifacts, specs = _named_by(one.settings)
        kept = KeptCopies(one.settings.store / FOLDER, verifier)
        for sha256 in artifacts.intersection(manifest.copies):
            folder = content / CHAMPIONS / sha256
            kept.keep(signed_artifact(folder, verifier, expected_artifact_sha256=sha256))
        archive = one.settings.store / SPEC_ARCHIVE
        archive.mkdir(parents=True, exist_ok=True)
        for sha256 in specs.intersection(manifest.specs):
            name = f"{sha256}.json"
            write_whole(archive / name, (content / SPECS / name).read_bytes())


def _named_by(settings: Settings) -> tuple[set[str], set[str]]:
    """Return the artifacts and specs that a tenant's rows name, in each of its scopes."""
    artifacts: set[str] = set()
    specs: set[str] = set()
    with Ledger.open(settings) as ledger:
        scopes = [scope for scope in ledger.scopes() if settings.owns_scope(scope)]
    for scope in scopes:
        with Ledger.open(settings.in_scope(scope)) as ledger:
            for model in ledger.models():
                artifacts |= {link.artifact_sha256 for link in ledger.history(model)}
                specs |= {night.spec_sha256 for night in ledger.stored_nights(model)}
    return artifacts, specs
