from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from finrisk.errors import ArtifactRejected, ConfigurationError
from finrisk.tracking.signing import PRIVATE_KEY, PUBLIC_KEY, Signer, Verifier, create_keys


def test_what_was_signed_verifies(tmp_path: Path) -> None:
    create_keys(tmp_path)

    Verifier.load(tmp_path).check(b"words", Signer.load(tmp_path).sign(b"words"))


@pytest.mark.parametrize(
    ("message", "cut"), [(b"other words", 64), (b"words", 63), (b"words", 0)], ids=str
)
def test_anything_else_is_refused(tmp_path: Path, message: bytes, cut: int) -> None:
    create_keys(tmp_path)
    signature = Signer.load(tmp_path).sign(b"words")

    with pytest.raises(ArtifactRejected, match=r"signature does not verify; expected .*; remedy"):
        Verifier.load(tmp_path).check(message, signature[:cut])


def test_another_installations_signature_is_refused(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    create_keys(ours)
    create_keys(theirs)

    with pytest.raises(ArtifactRejected):
        Verifier.load(ours).check(b"words", Signer.load(theirs).sign(b"words"))


def test_keys_are_made_once_and_the_private_one_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create_keys(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    create_keys(folder)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert set(before) == {PRIVATE_KEY, PUBLIC_KEY}
    assert stat.S_IMODE((folder / PRIVATE_KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_public_key_alone_stays_alone_since_a_new_private_one_would_be_no_pair(
    tmp_path: Path,
) -> None:
    create_keys(tmp_path)
    (tmp_path / PRIVATE_KEY).unlink()

    create_keys(tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == [PUBLIC_KEY]


def test_a_lost_public_key_is_made_again_from_the_private_one(tmp_path: Path) -> None:
    create_keys(tmp_path)
    before = (tmp_path / PUBLIC_KEY).read_bytes()
    (tmp_path / PUBLIC_KEY).unlink()

    create_keys(tmp_path)

    assert (tmp_path / PUBLIC_KEY).read_bytes() == before


def test_racing_makers_end_with_one_matching_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create_keys, [tmp_path] * 8))

    Verifier.load(tmp_path).check(b"words", Signer.load(tmp_path).sign(b"words"))


@pytest.mark.parametrize("loader", [Signer, Verifier])
def test_a_missing_key_says_how_to_make_it(
    tmp_path: Path, loader: type[Signer] | type[Verifier]
) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read.*remedy: run `finrisk init`"):
        loader.load(tmp_path)


@pytest.mark.parametrize("loader", [Signer, Verifier])
@pytest.mark.parametrize("content", ["nonsense", "rsa"])
def test_a_file_without_an_ed25519_key_is_named(
    tmp_path: Path, loader: type[Signer] | type[Verifier], content: str
) -> None:
    rsa = generate_private_key(65537, 2048)
    private = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / PRIVATE_KEY).write_bytes(private if content == "rsa" else b"nonsense")
    (tmp_path / PUBLIC_KEY).write_bytes(public if content == "rsa" else b"nonsense")

    with pytest.raises(ConfigurationError, match="holds no signing key; expected an Ed25519 key"):
        loader.load(tmp_path)
