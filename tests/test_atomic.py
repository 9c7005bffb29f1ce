from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.atomic import write_whole


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
