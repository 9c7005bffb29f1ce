"""What a signature does not say: that a part can be read in bounded memory and answers numbers.

Whoever signed it may have erred, or may be somebody else who has the key by now.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import xgboost as xgb

from finrisk.errors import ArtifactRejected

MEMBER = re.compile(r"schema\.json|[0-9a-f-]+\.(npy|npz|bin)")
MEMBER_HEADER = b"PK\x01\x02"  # one in the archive's directory for each member
MOST_MEMBERS = 100_000  # a forest has five a tree; opening the archive takes half a KiB for each
LEAF_WITHOUT_NUMBER = re.compile(r"^\s*\d+:leaf=.*(nan|inf)", re.MULTILINE)


def check_archive(name: str, content: bytes) -> None:
    """Return if a skops file unpacks to no more than its own bytes; nothing is unpacked for it.

    skops stores members uncompressed. A compressed one may grow ten thousandfold, whatever size it
    declares; one listed again and again grows too; one named like a path is none of skops'.

    Parameters
    ----------
    name : str
        The file's, for the message.
    content : bytes
        All of it.

    Raises
    ------
    ArtifactRejected
        A member is compressed or named otherwise, there are too many, or they declare too much.
    zipfile.BadZipFile
        It is no archive.
    """
    listed = content.count(MEMBER_HEADER)
    if listed > MOST_MEMBERS:
        raise _unsound(name, f"at most {MOST_MEMBERS} members", listed)
    with ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    for member in members:
        if not MEMBER.fullmatch(member.filename):
            raise _unsound(name, "schema.json and arrays", repr(member.filename[:80]))
        if member.compress_type != ZIP_STORED:
            raise _unsound(name, "members stored uncompressed", f"{member.filename} compressed")
    unpacked = sum(member.file_size for member in members)
    if unpacked > len(content):
        raise _unsound(name, f"at most its own {len(content)} bytes unpacked", unpacked)


def check_leaves(estimator: Any) -> None:
    """Return if every leaf of an estimator's trees holds a number.

    The golden rows come by some leaves only, and a customer may come by another.

    Raises
    ------
    ArtifactRejected
        A leaf holds NaN or infinity.
    """
    if isinstance(estimator, xgb.Booster):
        sound = not any(LEAF_WITHOUT_NUMBER.search(tree) for tree in estimator.get_dump())
    else:
        sound = all(np.isfinite(tree.value).all() for tree in _trees(estimator))
    if not sound:
        raise ArtifactRejected(
            "a tree is signed, but unsound",
            expected="a number in every leaf",
            got="NaN or infinity",
            remedy="train again, on finite labels and weights",
        )


def _trees(estimator: Any) -> Iterator[Any]:
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    inner = getattr(estimator, "estimators_", ())  # boosting keeps them in an array
    for one in inner.ravel() if isinstance(inner, np.ndarray) else inner:
        yield from _trees(one)


def _unsound(name: str, expected: str, got: object) -> ArtifactRejected:
    return ArtifactRejected(
        f"{name} is signed, but unsound",
        expected=expected,
        got=got,
        remedy="train again, and see who can read the signing key",
    )
