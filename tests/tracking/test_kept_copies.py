from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finrisk import faults
from finrisk.errors import ArtifactRejected
from finrisk.tracking.kept_copies import KeptCopies
from finrisk.tracking.signing import Signer, Verifier
from finrisk.tracking.verification import VerifiedArtifact, verify_artifact
from tests.tracking.factories import artifact

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def made(tmp_path: Path, signer: Signer, verifier: Verifier) -> VerifiedArtifact:
    return verify_artifact(artifact(tmp_path / "original", signer), verifier)


@pytest.fixture
def copies(tmp_path: Path, verifier: Verifier) -> KeptCopies:
    return KeptCopies(tmp_path / "champions", verifier)


def names(copies: KeptCopies) -> list[str]:
    return sorted(path.name for path in copies.root.glob("??/*"))


def test_a_copy_is_the_artifact_byte_for_byte(copies: KeptCopies, made: VerifiedArtifact) -> None:
    copies.keep(made)

    assert copies.verified(made.artifact_sha256) == made
    assert copies.problem(made.artifact_sha256) is None


def test_keeping_it_again_changes_nothing(copies: KeptCopies, made: VerifiedArtifact) -> None:
    copies.keep(made)
    inode = copies.folder(made.artifact_sha256).stat().st_ino

    copies.keep(made)

    assert copies.folder(made.artifact_sha256).stat().st_ino == inode
    assert names(copies) == [made.artifact_sha256]


def spoil_a_byte(folder: Path) -> None:
    content = bytearray((folder / "model.ubj").read_bytes())
    content[-1] ^= 1
    (folder / "model.ubj").write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_a_byte,
        lambda folder: (folder / "model.ubj").unlink(),
        lambda folder: (folder / "more.py").write_text("x = 1"),
    ],
    ids=["a bit flipped", "a file lost", "a file more"],
)
def test_a_spoilt_copy_is_refused_and_replaced(
    copies: KeptCopies, made: VerifiedArtifact, spoil: Callable[[Path], None]
) -> None:
    copies.keep(made)
    spoil(copies.folder(made.artifact_sha256))

    assert copies.problem(made.artifact_sha256) is not None
    with pytest.raises(ArtifactRejected):
        copies.verified(made.artifact_sha256)
    copies.keep(made)

    assert copies.verified(made.artifact_sha256) == made
    assert names(copies) == [made.artifact_sha256]


def test_a_copy_that_was_not_finished_is_none(copies: KeptCopies, made: VerifiedArtifact) -> None:
    def stop(point: str) -> None:
        if point == faults.KEPT_COPY:
            raise KeyboardInterrupt

    with faults.armed(stop), pytest.raises(KeyboardInterrupt):
        copies.keep(made)

    assert copies.problem(made.artifact_sha256) == "there is none"
    assert names(copies) == []


def test_what_is_no_digest_is_no_copy(copies: KeptCopies) -> None:
    with pytest.raises(ArtifactRejected, match="64 hexadecimal digits"):
        copies.folder("../../etc")


def test_a_copy_is_removed_unless_it_was_kept_again_since(
    copies: KeptCopies, made: VerifiedArtifact
) -> None:
    copies.keep(made)
    (stored,) = copies.stored()

    assert not copies.remove(made.artifact_sha256, older_than=stored.modified)
    assert copies.remove(made.artifact_sha256, older_than=LATER)

    assert list(copies.stored()) == []
    assert not copies.remove(made.artifact_sha256, older_than=LATER)


def test_a_folder_of_another_name_is_not_ours(copies: KeptCopies, made: VerifiedArtifact) -> None:
    copies.keep(made)
    (copies.root / "ab" / "somebodys").mkdir(parents=True)
    (copies.root / "ab" / ("ab" + "0" * 62)).symlink_to(copies.folder(made.artifact_sha256))

    assert [copy.artifact_sha256 for copy in copies.stored()] == [made.artifact_sha256]
