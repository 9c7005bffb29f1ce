from __future__ import annotations

import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from finrisk.data.row_hashing import ROW_HASH_KEY, RowHasher, create_row_hash_key
from finrisk.errors import ConfigurationError

IDS = pd.Series(["A-1", "A-2", "A-1"], dtype="str")


@pytest.mark.parametrize("length", [32, 64, 65])
def test_a_hash_is_hmac_sha256_of_model_column_and_value(length: int) -> None:
    key = bytes(range(length))

    told = RowHasher(key).hashes("loans", "branch", IDS).to_pylist()

    expected = hmac.new(key, b"loans\x1fbranch\x1fA-1", "sha256").hexdigest()
    assert told == [expected, RowHasher(key).hashes("loans", "branch", IDS)[1].as_py(), expected]


def test_the_same_value_has_another_hash_in_another_column_model_or_installation() -> None:
    one = RowHasher(bytes(32))
    told = [
        one.rows("loans", IDS)[0].as_py(),
        one.rows("cards", IDS)[0].as_py(),
        one.hashes("loans", "branch", IDS)[0].as_py(),
        RowHasher(b"1" * 32).rows("loans", IDS)[0].as_py(),
    ]

    assert len(set(told)) == len(told)


def test_what_is_missing_stays_missing() -> None:
    cells = pd.Series([None, "x"], dtype="str")

    assert RowHasher(bytes(32)).hashes("loans", "branch", cells).is_null().to_pylist() == [
        True,
        False,
    ]


def test_a_key_is_made_once_and_is_its_owner_s(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create_row_hash_key, [folder] * 8))
    before = (folder / ROW_HASH_KEY).read_bytes()

    create_row_hash_key(folder)

    assert (folder / ROW_HASH_KEY).read_bytes() == before
    assert stat.S_IMODE((folder / ROW_HASH_KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(RowHasher.load(folder).key) == 32


def test_nobody_sees_the_key(tmp_path: Path) -> None:
    create_row_hash_key(tmp_path)
    hasher = RowHasher.load(tmp_path)

    assert hasher.key.hex() not in f"{hasher!r} {hasher.key_id}"
    assert repr(hasher.key) not in repr(hasher)


def test_a_missing_key_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read.*remedy: run `finrisk init`"):
        RowHasher.load(tmp_path)


@pytest.mark.parametrize("content", ["", "no hex", "ab" * 31, "é"])
def test_what_is_no_key_is_refused_unquoted(tmp_path: Path, content: str) -> None:
    (tmp_path / ROW_HASH_KEY).write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="holds no key of row hashes") as raised:
        RowHasher.load(tmp_path)

    assert raised.value.__cause__ is None
