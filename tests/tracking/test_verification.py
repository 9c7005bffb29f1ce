"""Hostile artifacts: each is refused before a parser sees a model file, and no code of it runs."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import skops.io
import xgboost as xgb

from finrisk.errors import ArtifactRejected
from finrisk.tracking import verification
from finrisk.tracking.flavor import load
from finrisk.tracking.manifest import REGISTRATION_NOTE, Manifest, tree_sha256
from finrisk.tracking.signing import Signer, Verifier, create_keys
from finrisk.tracking.verification import MANIFEST, SIGNATURE, check_listing, verify_artifact
from tests.tracking.factories import artifact, boosted_model, logistic_model, provenance

FILES = [
    "MLmodel",
    "calibrator.json",
    "manifest.json",
    "manifest.sig",
    "model.ubj",
    "prep.skops",
    "python_env.yaml",
    "requirements.txt",
]


@dataclasses.dataclass
class Bomb:
    """Unpickling it leaves a mark."""

    mark: str

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (self.mark, 0o700)


@pytest.fixture(scope="session")
def signed_artifact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("signed")
    create_keys(home / "keys")
    return artifact(home / "artifact", Signer.load(home / "keys")), home / "keys"


@pytest.fixture
def folder(signed_artifact: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed_artifact[0], tmp_path / "artifact"))


@pytest.fixture
def own_verifier(signed_artifact: tuple[Path, Path]) -> Verifier:
    return Verifier.load(signed_artifact[1])


@pytest.fixture
def own_signer(signed_artifact: tuple[Path, Path]) -> Signer:
    return Signer.load(signed_artifact[1])


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a model file reaches a parser."""

    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("a parser saw a file that does not verify")

    monkeypatch.setattr(skops.io, "loads", parsed)
    monkeypatch.setattr(xgb.Booster, "load_model", parsed)


def rejected(folder: Path, verifier: Verifier) -> str:
    with pytest.raises(ArtifactRejected) as raised:
        load(folder, verifier)
    return str(raised.value)


def sign_again(folder: Path, signer: Signer, manifest: Manifest) -> None:
    signed = manifest.canonical()
    (folder / MANIFEST).write_bytes(signed)
    (folder / SIGNATURE).write_bytes(signer.sign(signed))


def manifest_of(folder: Path) -> Manifest:
    return Manifest.from_json(json.loads((folder / MANIFEST).read_bytes()))


def test_an_untouched_artifact_verifies(folder: Path, own_verifier: Verifier) -> None:
    verified = verify_artifact(folder, own_verifier, expected_artifact_sha256=tree_sha256(folder))

    assert sorted(verified.contents) == FILES
    assert verified.artifact_sha256 == tree_sha256(folder)
    assert len(verified.manifest_sha256) == 64


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
@pytest.mark.usefixtures("no_parser")
def test_one_flipped_bit_is_refused(
    folder: Path, own_verifier: Verifier, name: str, where: float
) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    (folder / name).write_bytes(content)

    message = rejected(folder, own_verifier)

    assert "signature does not verify" in message or f"{name} was changed after" in message


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("no_parser")
def test_a_missing_file_is_refused(folder: Path, own_verifier: Verifier, name: str) -> None:
    (folder / name).unlink()

    message = rejected(folder, own_verifier)

    assert f"no {name}" in message or ("files are not those of its manifest" in message)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("no_parser")
def test_an_empty_or_longer_file_is_refused(
    folder: Path, own_verifier: Verifier, name: str
) -> None:
    whole = (folder / name).read_bytes()
    for content in (b"", whole + b"\n"):
        (folder / name).write_bytes(content)
        assert rejected(folder, own_verifier)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("no_parser")
def test_a_link_is_refused_even_to_the_very_same_bytes(
    folder: Path, own_verifier: Verifier, tmp_path: Path, name: str
) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    assert f"{name} is no regular file" in rejected(folder, own_verifier)


@pytest.mark.parametrize("name", ["model.pkl", "code.py", "model.skops.bak", ".hidden"])
@pytest.mark.usefixtures("no_parser")
def test_an_extra_file_is_refused(folder: Path, own_verifier: Verifier, name: str) -> None:
    (folder / name).write_text("print('hello')")

    assert f"the artifact holds '{name}'" in rejected(folder, own_verifier)


@pytest.mark.usefixtures("no_parser")
def test_an_extra_file_of_an_allowed_name_is_refused(folder: Path, own_verifier: Verifier) -> None:
    (folder / "model.skops").write_bytes(b"")

    assert "files are not those of its manifest" in rejected(folder, own_verifier)


@pytest.mark.usefixtures("no_parser")
def test_a_folder_and_a_pipe_in_a_files_place_are_refused(
    folder: Path, own_verifier: Verifier
) -> None:
    (folder / "code").mkdir()
    assert "the artifact holds 'code'" in rejected(folder, own_verifier)
    (folder / "code").rmdir()
    (folder / "model.ubj").unlink()
    os.mkfifo(folder / "model.ubj")
    assert "model.ubj is no regular file" in rejected(folder, own_verifier)


@pytest.mark.parametrize("name", ["model.ubj", "prep.skops", "calibrator.json"])
@pytest.mark.usefixtures("no_parser")
def test_a_pickle_swapped_in_never_runs(
    folder: Path, own_verifier: Verifier, tmp_path: Path, name: str
) -> None:
    mark = tmp_path / "it-ran"
    (folder / name).write_bytes(pickle.dumps(Bomb(str(mark))))

    rejected(folder, own_verifier)

    assert not mark.exists()


@pytest.mark.usefixtures("no_parser")
def test_an_edited_mlmodel_that_names_other_code_is_refused(
    folder: Path, own_verifier: Verifier
) -> None:
    mlmodel = folder / "MLmodel"
    mlmodel.write_text(mlmodel.read_text().replace("finrisk.tracking.flavor", "evil.loader"))

    assert "MLmodel was changed after it was signed" in rejected(folder, own_verifier)


@pytest.mark.usefixtures("no_parser")
def test_another_keys_artifact_is_refused(
    folder: Path, own_verifier: Verifier, tmp_path: Path
) -> None:
    create_keys(tmp_path / "stranger")
    sign_again(folder, Signer.load(tmp_path / "stranger"), manifest_of(folder))

    assert "signature does not verify" in rejected(folder, own_verifier)


@pytest.mark.parametrize("names", [[SIGNATURE], [MANIFEST, SIGNATURE], ["model.ubj"]], ids=str)
@pytest.mark.usefixtures("no_parser")
def test_another_models_files_do_not_fit_in(
    folder: Path, own_verifier: Verifier, own_signer: Signer, tmp_path: Path, names: list[str]
) -> None:
    other = dataclasses.replace(boosted_model(), estimator=boosted_model().estimator[:10])
    stranger = artifact(
        tmp_path / "other", own_signer, model=other, provenance=provenance(model="fraud")
    )
    for name in names:
        shutil.copy(stranger / name, folder / name)

    assert rejected(folder, own_verifier)


@pytest.mark.usefixtures("no_parser")
def test_a_whole_older_artifact_replayed_is_refused_by_its_digest(
    folder: Path, own_verifier: Verifier, own_signer: Signer, tmp_path: Path
) -> None:
    recorded = tree_sha256(folder)
    older = artifact(tmp_path / "older", own_signer, model=logistic_model())

    with pytest.raises(ArtifactRejected, match=f"another artifact.*expected sha256 {recorded}"):
        load(older, own_verifier, expected_artifact_sha256=recorded)


@pytest.mark.usefixtures("no_parser")
def test_a_file_beyond_its_limit_is_refused_unread(
    folder: Path, own_verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verification.LARGEST_BYTES, "model.ubj", 100)

    assert "model.ubj is too large; expected at most 100" in rejected(folder, own_verifier)


@pytest.mark.usefixtures("no_parser")
def test_a_zip_bomb_in_the_preprocessing_is_never_opened(
    folder: Path, own_verifier: Verifier
) -> None:
    with zipfile.ZipFile(folder / "prep.skops", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("../../schema.json", b"0" * 10_000_000)

    assert "prep.skops was changed after" in rejected(folder, own_verifier)


@pytest.mark.parametrize("library", ["xgboost", "scikit-learn"])
@pytest.mark.usefixtures("no_parser")
def test_another_minor_version_of_a_library_is_refused_with_a_remedy(
    folder: Path, own_verifier: Verifier, own_signer: Signer, library: str
) -> None:
    manifest = manifest_of(folder)
    libraries = {**manifest.libraries, library: "0.9.3"}
    sign_again(folder, own_signer, manifest.replace(libraries=libraries))

    message = rejected(folder, own_verifier)

    assert f"made with another {library}; expected {library} 0.9" in message
    assert f"remedy: install {library} 0.9.3" in message


def test_another_patch_version_is_accepted(
    folder: Path, own_verifier: Verifier, own_signer: Signer
) -> None:
    manifest = manifest_of(folder)
    minor = ".".join(manifest.libraries["xgboost"].split(".")[:2])
    libraries = {**manifest.libraries, "xgboost": f"{minor}.99"}
    sign_again(folder, own_signer, manifest.replace(libraries=libraries))

    load(folder, own_verifier)


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{", b'{"format": "finrisk-model-9"}', pytest.param(b"[" * 100_000, id="nested")],
    ids=str,
)
@pytest.mark.usefixtures("no_parser")
def test_a_signed_manifest_of_another_format_is_refused(
    folder: Path, own_verifier: Verifier, own_signer: Signer, content: bytes
) -> None:
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(own_signer.sign(content))

    assert "the manifest is of another format" in rejected(folder, own_verifier)


def test_no_folder_is_refused(tmp_path: Path, own_verifier: Verifier) -> None:
    assert "folder cannot be read (No such file" in rejected(tmp_path / "nowhere", own_verifier)


def test_the_note_mlflow_leaves_behind_does_no_harm(folder: Path, own_verifier: Verifier) -> None:
    (folder / REGISTRATION_NOTE).write_text("model_name: credit-risk")

    load(folder, own_verifier, expected_artifact_sha256=tree_sha256(folder))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({MANIFEST: 1, SIGNATURE: 64, "code": None}, "the artifact holds 'code'"),
        ({MANIFEST: 1, SIGNATURE: 65}, "manifest.sig is too large"),
        ({MANIFEST: 1, SIGNATURE: 64, REGISTRATION_NOTE: 10**9}, "too large"),
        ({MANIFEST: 1}, "no manifest.sig"),
        ({SIGNATURE: 64}, "no manifest.json"),
    ],
)
def test_a_listing_is_judged_before_anything_is_downloaded(
    sizes: dict[str, int | None], message: str
) -> None:
    with pytest.raises(ArtifactRejected, match=message):
        check_listing(sizes)


def test_a_folder_in_a_files_place_is_refused_with_all_it_holds() -> None:
    with pytest.raises(ArtifactRejected, match=r"prep.skops is no regular.*got a folder"):
        check_listing({MANIFEST: 1, SIGNATURE: 64, "prep.skops": None}, folders={"prep.skops"})
