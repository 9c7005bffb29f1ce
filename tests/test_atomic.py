from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.atomic import move_whole, write_once, write_whole


def test_a_file_appears_whole_in_place_of_an_older_one(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"old")
    write_whole(tmp_path / "a", b"new")

    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"new")]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()  # in the way of the rename
    (tmp_path / "a" / "x").touch()

    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "a", b"new")

    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_that_is_written_once_stays_as_it_was(tmp_path: Path) -> None:
    write_once(tmp_path / "key", b"first", mode=0o600)
    write_once(tmp_path / "key", b"second", mode=0o600)

    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("key", b"first")]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_file_moves_whole_into_its_place(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    write_whole(tmp_path / "a", b"new")

    move_whole(tmp_path / "a", tmp_path / "there" / "b")

    assert (tmp_path / "there" / "b").read_bytes() == b"new"
    assert not (tmp_path / "a").exists()
