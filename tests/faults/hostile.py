"""Hostile artifacts: what somebody may put in the place of a model, and a mark that their code ran.

``UNSIGNED`` is what anybody can do who may write into the artifact store; ``SIGNED`` is for who has
our key as well. Each has one name, one change and the words in which it is refused.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
import xgboost as xgb
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from finrisk.tracking.calibrator import PlattCalibrator
from finrisk.tracking.manifest import GoldenRows, Manifest, digest_of
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer
from finrisk.tracking.soundness import MOST_MEMBERS
from finrisk.tracking.verification import (
    BOOSTER,
    CALIBRATOR,
    LARGEST_BYTES,
    LINEAR,
    MANIFEST,
    MIB,
    MLMODEL,
    PREPROCESSOR,
    SIGNATURE,
)
from tests.tracking.factories import (
    CATEGORICAL,
    FEATURES,
    boosted_classifier,
    boosted_model,
    features,
    golden_rows,
    labels,
    model_of,
)

MODULE = "hostile_loader"
FLAVOR = "finrisk.tracking.flavor"
SCHEMA = "schema.json"
CODE = """
from pathlib import Path

Path({mark!r}).touch()


def run(*_):
    raise RuntimeError("hostile code ran")


_load_pyfunc = run
"""
BOMB_BYTES = 256 * MIB  # more than any file of an artifact may hold


@dataclass(frozen=True)
class Attacker:
    """Whose code leaves a mark, with a key of their own and an older artifact that we signed."""

    mark: Path
    signer: Signer
    older: Path

    @property
    def pickled(self) -> bytes:
        """What leaves the mark when it is unpickled."""
        return pickle.dumps(_Payload(self.mark))

    @property
    def code(self) -> str:
        """What leaves the mark when it is imported, or loads, or is called."""
        return CODE.format(mark=str(self.mark))


@dataclass(frozen=True)
class _Payload:
    mark: Path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@cache
def forest_model() -> ScoringModel:
    preprocessor, _ = boosted_classifier()
    frame = features()
    matrix = preprocessor.transform(aligned_features(frame, FEATURES, CATEGORICAL))
    forest = RandomForestClassifier(n_estimators=3, max_depth=3, random_state=1)
    forest.fit(matrix, labels(frame))
    return model_of(preprocessor, forest, PlattCalibrator(1.0, 0.0), "random_forest")


def sign_again(folder: Path, signer: Signer, **changes: Any) -> None:
    """Sign the folder as it is now, so that only what comes after verification can refuse it."""
    files = {
        path.name: digest_of(path.read_bytes())
        for path in folder.iterdir()
        if path.name not in (MANIFEST, SIGNATURE)
    }
    sign_bytes(folder, signer, manifest_of(folder).replace(files=files, **changes).canonical())


def manifest_of(folder: Path) -> Manifest:
    return Manifest.from_json(json.loads((folder / MANIFEST).read_bytes()))


def sign_bytes(folder: Path, signer: Signer, manifest: bytes) -> None:
    (folder / MANIFEST).write_bytes(manifest)
    (folder / SIGNATURE).write_bytes(signer.sign(manifest))


# --- who may write into the store


def pickle_for_the_booster(folder: Path, attacker: Attacker) -> None:
    (folder / BOOSTER).write_bytes(attacker.pickled)


def pickle_for_the_preprocessing(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(attacker.pickled)


def loader_module_of_hostile_code(folder: Path, attacker: Attacker) -> None:
    mlmodel = (folder / MLMODEL).read_text()
    (folder / MLMODEL).write_text(mlmodel.replace(FLAVOR, MODULE))


def code_path_with_a_module(folder: Path, attacker: Attacker) -> None:
    loader_module_of_hostile_code(folder, attacker)
    mlmodel = (folder / MLMODEL).read_text()
    named = f"loader_module: {MODULE}"
    (folder / MLMODEL).write_text(mlmodel.replace(named, f"code: code\n    {named}"))
    (folder / "code").mkdir()
    (folder / "code" / f"{MODULE}.py").write_text(attacker.code)


def symlink(folder: Path, attacker: Attacker) -> None:
    elsewhere = attacker.mark.with_name("elsewhere")
    elsewhere.write_bytes(attacker.pickled)
    (folder / PREPROCESSOR).unlink()
    (folder / PREPROCESSOR).symlink_to(elsewhere)


def zip_slip(folder: Path, attacker: Attacker) -> None:
    with zipfile.ZipFile(folder / PREPROCESSOR, "a") as archive:
        archive.writestr(f"../../{attacker.mark.name}", b"it was written")


def zip_bomb(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(deflated_bomb())


def extra_file(folder: Path, attacker: Attacker) -> None:
    (folder / f"{MODULE}.py").write_text(attacker.code)


def edited_mlmodel(folder: Path, attacker: Attacker) -> None:
    mlmodel = (folder / MLMODEL).read_text()
    (folder / MLMODEL).write_text(mlmodel.replace("algorithm: xgboost", "algorithm: forest"))


def signature_of_another_key(folder: Path, attacker: Attacker) -> None:
    (folder / BOOSTER).write_bytes(attacker.pickled)
    sign_again(folder, attacker.signer)


def older_artifact_replayed(folder: Path, attacker: Attacker) -> None:
    shutil.rmtree(folder)
    shutil.copytree(attacker.older, folder)


def huge_tree(folder: Path, attacker: Attacker) -> None:
    with (folder / BOOSTER).open("ab") as booster:
        booster.truncate(LARGEST_BYTES[BOOSTER] + 1)  # a hole: it takes no room on the disk


def deep_tree(folder: Path, attacker: Attacker) -> None:
    # XGBoost reads what is nested by recursion: this many levels end the process
    (folder / BOOSTER).write_bytes(b"{L\0\0\0\0\0\0\0\1a" + b"[" * (8 * MIB))


def nan_leaf(folder: Path, attacker: Attacker) -> None:
    (folder / BOOSTER).write_bytes(booster_with_nan(unvisited_leaf()))


Tampering = Callable[[Path, Attacker], None]

UNSIGNED: dict[Tampering, str] = {
    pickle_for_the_booster: "model.ubj was changed after it was signed",
    pickle_for_the_preprocessing: "prep.skops was changed after it was signed",
    loader_module_of_hostile_code: "MLmodel was changed after it was signed",
    code_path_with_a_module: "the artifact holds 'code'",
    symlink: "prep.skops is no regular file|a file of the artifact is a link",
    zip_slip: "prep.skops was changed after it was signed",
    zip_bomb: "prep.skops was changed after it was signed",
    extra_file: "the artifact holds 'hostile_loader.py'",
    edited_mlmodel: "MLmodel was changed after it was signed",
    signature_of_another_key: "signature does not verify",
    older_artifact_replayed: "another artifact stands in this one's place",
    huge_tree: "model.ubj is too large",
    deep_tree: "model.ubj was changed after it was signed",
    nan_leaf: "model.ubj was changed after it was signed",
}


# --- who has our key as well: what they write is signed again afterwards


def nan_leaf_in_golden_scores_too(folder: Path, attacker: Attacker) -> None:
    (folder / BOOSTER).write_bytes(booster_with_nan(visited_leaf()))
    manifest = manifest_of(folder)
    golden = GoldenRows(manifest.golden.rows, (float("nan"),) * len(manifest.golden.scores))
    (folder / MANIFEST).write_bytes(manifest.replace(golden=golden).canonical())


def nan_leaf_of_a_forest(folder: Path, attacker: Attacker) -> None:
    forest = copy.deepcopy(forest_model().estimator)
    forest.estimators_[0].tree_.value[-1] = np.nan  # the last node is a leaf
    as_the_estimator(folder, skops.io.dumps(forest))


def zip_bomb_that_says_it_is_small(folder: Path, attacker: Attacker) -> None:
    before, said, after = deflated_bomb().rpartition(BOMB_BYTES.to_bytes(4, "little"))
    small = (1000).to_bytes(len(said), "little")  # in the archive's directory, at its end
    (folder / PREPROCESSOR).write_bytes(before + small + after)


def zip_bomb_of_one_member_listed_again_and_again(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(listed_again(BOMB_BYTES // MIB, content=bytes(MIB)))


def zip_bomb_of_members_without_number(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(listed_again(MOST_MEMBERS, content=b""))


def array_that_says_it_is_huge(folder: Path, attacker: Attacker) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, header)
    as_the_estimator(folder, forest_with(array.getvalue()))


def pickle_in_an_array(folder: Path, attacker: Attacker) -> None:
    array = io.BytesIO()
    np.save(array, np.array([_Payload(attacker.mark)], dtype=object), allow_pickle=True)
    as_the_estimator(folder, forest_with(array.getvalue()))


def pickle_for_a_forest(folder: Path, attacker: Attacker) -> None:
    as_the_estimator(folder, attacker.pickled)


def function_of_hostile_code(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(calling_hostile_code())


def calibrator_nested_without_end(folder: Path, attacker: Attacker) -> None:
    (folder / CALIBRATOR).write_bytes(b"[" * MIB)


def list_for_the_preprocessing(folder: Path, attacker: Attacker) -> None:
    (folder / PREPROCESSOR).write_bytes(skops.io.dumps([1, 2, 3]))


SIGNED: dict[Tampering, str] = {
    nan_leaf: "a tree is signed, but unsound; expected a number in every leaf",
    nan_leaf_in_golden_scores_too: "expected a number in every leaf",
    nan_leaf_of_a_forest: "expected a number in every leaf",
    zip_bomb: "prep.skops is signed, but unsound; expected members stored uncompressed",
    zip_bomb_that_says_it_is_small: "expected members stored uncompressed",
    zip_bomb_of_one_member_listed_again_and_again: r"expected at most its own \d+ bytes unpacked",
    zip_bomb_of_members_without_number: "expected at most 100000 members; got 100001",
    array_that_says_it_is_huge: "a part of the artifact cannot be read: .*Memory",
    zip_slip: "expected schema.json and arrays; got '../../mark'",
    function_of_hostile_code: "cannot be read: UntrustedTypes.*hostile_loader.run",
    pickle_for_a_forest: "cannot be read: BadZipFile",
    pickle_for_the_preprocessing: "cannot be read: BadZipFile",
    pickle_in_an_array: "cannot be read: ValueError.*allow_pickle=False",
    calibrator_nested_without_end: "cannot be read: RecursionError",
    list_for_the_preprocessing: "the golden rows cannot be scored: AttributeError",
}
BOMBS = [
    zip_bomb,
    zip_bomb_that_says_it_is_small,
    zip_bomb_of_one_member_listed_again_and_again,
    zip_bomb_of_members_without_number,
    calibrator_nested_without_end,
]


# --- their tools


@cache
def deflated_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        member = zipfile.ZipInfo(SCHEMA)
        member.compress_type = zipfile.ZIP_DEFLATED
        member.file_size = BOMB_BYTES
        with archive.open(member, "w") as unpacked:
            for _ in range(BOMB_BYTES // MIB):
                unpacked.write(bytes(MIB))
    return content.getvalue()


def listed_again(times: int, *, content: bytes) -> bytes:
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(SCHEMA, content)
        archive.filelist += archive.filelist * times
    return archived.getvalue()


def rewritten(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return a skops file with its members changed one by one."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return made.getvalue()


@cache
def calling_hostile_code() -> bytes:
    """Return a transformer that calls a function of the hostile module, which nobody imports."""
    honest = skops.io.dumps(FunctionTransformer(shutil.copytree))
    names = ((b'"copytree"', b'"run"'), (b'"shutil"', f'"{MODULE}"'.encode()))

    def renamed(_: str, member: bytes) -> bytes:
        for name, other in names:
            member = member.replace(name, other)
        return member

    return rewritten(honest, renamed)


def forest_with(array: bytes) -> bytes:
    """Return a stored forest with this in the place of each of its arrays."""

    def replaced(name: str, member: bytes) -> bytes:
        return array if name.endswith(".npy") else member

    return rewritten(skops.io.dumps(forest_model().estimator), replaced)


def as_the_estimator(folder: Path, content: bytes) -> None:
    (folder / BOOSTER).unlink()
    (folder / LINEAR).write_bytes(content)


Leaf = tuple[int, int]  # tree, node


def booster_with_nan(leaf: Leaf) -> bytes:
    whole = json.loads(bytes(boosted_model().estimator.save_raw("json")))
    tree = whole["learner"]["gradient_booster"]["model"]["trees"][leaf[0]]
    tree["split_conditions"][leaf[1]] = float("nan")  # of a leaf, this is its value
    booster = xgb.Booster()
    booster.load_model(bytearray(json.dumps(whole).encode()))
    return bytes(booster.save_raw("ubj"))


def visited_leaf() -> Leaf:
    return 0, int(_leaves_of_golden_rows()[0, 0])


def unvisited_leaf() -> Leaf:
    """Return a leaf that no golden row comes by, so that their scores cannot tell."""
    whole = json.loads(bytes(boosted_model().estimator.save_raw("json")))
    visited = _leaves_of_golden_rows()
    for number, tree in enumerate(whole["learner"]["gradient_booster"]["model"]["trees"]):
        leaves = {node for node, left in enumerate(tree["left_children"]) if left == -1}
        rest = leaves - set(visited[:, number])
        if rest:
            return number, min(rest)
    raise AssertionError("the golden rows come by every leaf")


def _leaves_of_golden_rows() -> Any:
    model = boosted_model()
    aligned = aligned_features(golden_rows(), FEATURES, CATEGORICAL)
    matrix = xgb.DMatrix(model.preprocessor.transform(aligned))
    return model.estimator.predict(matrix, pred_leaf=True).astype(int)
