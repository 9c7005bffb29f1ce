"""Is this folder an artifact we signed? Answered on bytes, before any parser sees a model file.

What was verified is handed on as bytes, so that nothing can be swapped between check and use.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from finrisk.errors import ArtifactRejected
from finrisk.tracking.manifest import (
    REGISTRATION_NOTE,
    Manifest,
    contents_sha256,
    digest_of,
    library_versions,
)
from finrisk.tracking.signing import Verifier

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
PREPROCESSOR = "prep.skops"
BOOSTER = "model.ubj"
LINEAR = "model.skops"
CALIBRATOR = "calibrator.json"
MLMODEL = "MLmodel"
REQUIREMENTS = "requirements.txt"
PYTHON_ENV = "python_env.yaml"

KIB = 1024
MIB = 1024 * KIB
LARGEST_BYTES = {
    MANIFEST: MIB,
    SIGNATURE: 64,
    PREPROCESSOR: 50 * MIB,
    BOOSTER: 200 * MIB,
    LINEAR: 200 * MIB,
    CALIBRATOR: 4 * MIB,
    MLMODEL: MIB,
    REQUIREMENTS: 64 * KIB,
    PYTHON_ENV: 64 * KIB,
    REGISTRATION_NOTE: 64 * KIB,  # never read, but downloaded with the rest
}
RETRAIN = "train again, or roll back to a version that verifies"


@dataclass(frozen=True)
class VerifiedArtifact:
    """An artifact's bytes, every one of them as signed."""

    manifest: Manifest
    contents: dict[str, bytes]
    artifact_sha256: str

    @property
    def manifest_sha256(self) -> str:
        """Digest of the manifest's own bytes."""
        return hashlib.sha256(self.contents[MANIFEST]).hexdigest()


def verify_artifact(
    folder: Path, verifier: Verifier, *, expected_artifact_sha256: str | None = None
) -> VerifiedArtifact:
    """Read a folder and return it only if it is whole, signed and loadable here.

    In this order: file names and sizes, the signature, every file's digest, the digest of the
    whole (against a replayed older artifact), the libraries.

    Parameters
    ----------
    folder : Path
        The artifact.
    verifier : Verifier
        Holds the public key.
    expected_artifact_sha256 : str, optional
        What the ledger recorded.

    Raises
    ------
    ArtifactRejected
        Anything is not as signed or as recorded.
    """
    artifact = signed_artifact(folder, verifier, expected_artifact_sha256=expected_artifact_sha256)
    _check_libraries(artifact.manifest)
    return artifact


def signed_artifact(
    folder: Path, verifier: Verifier, *, expected_artifact_sha256: str | None = None
) -> VerifiedArtifact:
    """Do the same, but for the libraries: bytes outlive the release that can load them.

    Raises
    ------
    ArtifactRejected
        Anything is not as signed or as recorded.
    """
    contents = _read(folder)
    verifier.check(contents[MANIFEST], contents[SIGNATURE])
    manifest = _manifest(contents[MANIFEST])
    _check_files(manifest, contents)
    artifact_sha256 = contents_sha256(contents)
    if expected_artifact_sha256 not in (None, artifact_sha256):
        raise ArtifactRejected(
            "another artifact stands in this one's place",
            expected=f"sha256 {expected_artifact_sha256}",
            got=f"{artifact_sha256} ({manifest.provenance.model} {manifest.provenance.as_of})",
            remedy=RETRAIN,
        )
    return VerifiedArtifact(manifest, contents, artifact_sha256)


def check_listing(sizes: dict[str, int | None], *, folders: Collection[str] = ()) -> None:
    """Return if a listing of names and sizes may be an artifact's; a guard before a download.

    Parameters
    ----------
    sizes : dict of str to int or None
        Bytes by name; None where the store does not say.
    folders : collection of str
        Those names that are folders: they have no size, and are downloaded with all they hold.

    Raises
    ------
    ArtifactRejected
        A name is not allowed, is a folder's, a file is too large, or the manifest is not there.
    """
    for name, size in sizes.items():
        if name not in LARGEST_BYTES:
            raise ArtifactRejected(
                f"the artifact holds {name!r}",
                expected=f"only {', '.join(sorted(LARGEST_BYTES))}",
                remedy=RETRAIN,
            )
        if name in folders:
            raise _not_regular(name, "a folder")
        _check_size(name, size)
    for name in (MANIFEST, SIGNATURE):
        if name not in sizes:
            raise ArtifactRejected(f"the artifact has no {name}", remedy=RETRAIN)


def _check_size(name: str, size: int | None) -> None:
    if size is not None and size > LARGEST_BYTES[name]:
        raise ArtifactRejected(
            f"{name} is too large",
            expected=f"at most {LARGEST_BYTES[name]} bytes",
            got=f"{size}",
            remedy=RETRAIN,
        )


def _read(folder: Path) -> dict[str, bytes]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name != REGISTRATION_NOTE)
    except OSError as exc:
        raise ArtifactRejected(
            f"the artifact's folder cannot be read ({exc.strerror})",
            expected="a folder with a signed manifest",
            remedy=RETRAIN,
        ) from exc
    check_listing(dict.fromkeys(names))
    return {name: _read_file(folder / name) for name in names}


def _read_file(path: Path) -> bytes:
    """Read a regular file within its limit; no link is followed, no pipe is waited for."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except OSError as exc:
        raise _not_regular(path.name, exc.strerror) from exc
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _not_regular(path.name, stat.filemode(found.st_mode))
        _check_size(path.name, found.st_size)
        return file.read(found.st_size)  # no more, should it grow meanwhile


def _not_regular(name: str, got: str | None) -> ArtifactRejected:
    return ArtifactRejected(
        f"{name} is no regular file", expected="a file, no link", got=got, remedy=RETRAIN
    )


def _manifest(content: bytes) -> Manifest:
    try:
        return Manifest.from_json(json.loads(content))
    except (ValueError, RecursionError) as exc:  # pydantic's and JSON's errors are values'
        raise ArtifactRejected(
            "the manifest is of another format",
            expected="one this version of FinRisk writes",
            remedy="load it with the FinRisk version that signed it, or train again",
        ) from exc


def _check_files(manifest: Manifest, contents: dict[str, bytes]) -> None:
    found = set(contents) - {MANIFEST, SIGNATURE}
    if found != set(manifest.files):
        raise ArtifactRejected(
            "the artifact's files are not those of its manifest",
            expected=", ".join(sorted(manifest.files)),
            got=", ".join(sorted(found)) or "none",
            remedy=RETRAIN,
        )
    for name, expected in manifest.files.items():
        got = digest_of(contents[name])
        if got != expected:
            raise ArtifactRejected(
                f"{name} was changed after it was signed",
                expected=f"sha256 {expected.sha256}, {expected.bytes} bytes",
                got=f"{got.sha256}, {got.bytes} bytes",
                remedy=RETRAIN,
            )


def _check_libraries(manifest: Manifest) -> None:
    """Refuse another major.minor of a library whose files these are: scores may differ silently."""
    needed = {"scikit-learn"} if {PREPROCESSOR, LINEAR} & set(manifest.files) else set()
    if BOOSTER in manifest.files:
        needed.add("xgboost")
    here = library_versions()
    for name in sorted(needed):
        signed = manifest.libraries.get(name, "unknown")
        if _minor(signed) != _minor(here[name]):
            raise ArtifactRejected(
                f"the artifact was made with another {name}",
                expected=f"{name} {_minor(signed)}",
                got=here[name],
                remedy=f"install {name} {signed}, or train again",
            )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
