"""Ed25519 signatures of manifests; the keys live outside every store.

A store can be written by whoever may log a run, so a digest kept in it proves nothing. The private
key stays with the trainer; a scorer holds the public one only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from finrisk.atomic import write_once
from finrisk.errors import ArtifactRejected, ConfigurationError

PRIVATE_KEY = "signing.pem"
PUBLIC_KEY = "signing.pub.pem"
CONTEXT = b"finrisk manifest v1\0"  # a signature made for anything else does not fit here


def create_keys(folder: Path, signing: Path | None = None) -> None:
    """Make the key pair unless it is there already; an existing key is never replaced.

    A public key alone stays alone: a machine that only scores has it, or one that was restored
    from a backup, and a new private key would be no pair with it.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``; made with mode 0700.
    signing : Path, optional
        ``Settings.signing_keys``: where the private key goes, with mode 0600; the same folder
        unless it is given.
    """
    signing = signing or folder
    for one in (folder, signing):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    private, public_key = signing / PRIVATE_KEY, folder / PUBLIC_KEY
    if not private.exists():
        if public_key.exists():
            return
        made = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        write_once(private, made, mode=0o600)
    if not public_key.exists():
        public = _private_key(private).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_once(public_key, pem, mode=0o644)


@dataclass(frozen=True)
class Signer:
    """Signs manifests."""

    key: Ed25519PrivateKey

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the key of ``Settings.signing_keys``; ``ConfigurationError`` if it is not there."""
        return cls(_private_key(folder / PRIVATE_KEY))

    def sign(self, message: bytes) -> bytes:
        """Return the detached signature, 64 bytes."""
        return self.key.sign(CONTEXT + message)


@dataclass(frozen=True)
class Verifier:
    """Checks signatures."""

    key: Ed25519PublicKey

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the public key of ``Settings.keys``; ``ConfigurationError`` if it is not there."""
        path = folder / PUBLIC_KEY
        try:
            key = load_pem_public_key(_read_key(path))
        except ValueError as exc:
            raise _no_key(path, "something else") from exc
        if not isinstance(key, Ed25519PublicKey):
            raise _no_key(path, type(key).__name__)
        return cls(key)

    def check(self, message: bytes, signature: bytes) -> None:
        """Return if the signature is ours over exactly these bytes.

        Raises
        ------
        ArtifactRejected
            It is not.
        """
        try:
            self.key.verify(signature, CONTEXT + message)
        except InvalidSignature as exc:
            raise ArtifactRejected(
                "the manifest's signature does not verify",
                expected="the signature of this installation's key",
                got="another key's, or a changed manifest",
                remedy="train again; never copy artifacts between installations by hand",
            ) from exc


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(_read_key(path), password=None)
    except (ValueError, TypeError) as exc:
        raise _no_key(path, "something else") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, type(key).__name__)
    return key


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigurationError(
            f"the signing key {path} cannot be read ({exc.strerror})",
            expected="a key made once for this installation",
            remedy="run `finrisk init`, or set FINRISK_KEYS, and for the private key "
            "FINRISK_SIGNING_KEYS, to the folder that holds it",
        ) from exc


def _no_key(path: Path, got: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} holds no signing key",
        expected="an Ed25519 key in PEM",
        got=got,
        remedy="restore it from your backup; a new key cannot verify models signed so far",
    )
