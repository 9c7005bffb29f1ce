from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from finrisk.data.stored_files import StoredFile, bytes_in, of_nights, remove, unfinished

OLD, NEW = date(2026, 1, 1), date(2026, 1, 2)


def put(path: Path, content: bytes = b"page") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def seen(store: Path) -> set[tuple[str, str, bool]]:
    return {(f.kind, str(f.as_of), f.newest) for f in of_nights(store, "loans")}


def test_pages_and_rows_are_found_by_their_nights_in_every_scope(tmp_path: Path) -> None:
    for day in (OLD, NEW):
        put(tmp_path / "data_docs" / "loans" / str(day) / "deep" / "index.html")
        put(tmp_path / "quarantine" / "live" / "loans" / f"{day}.parquet")
    put(tmp_path / "data_quality" / "replay" / "loans" / f"{OLD}.json")
    put(tmp_path / "data_quality" / "replay" / "loans" / f"{OLD}.html")
    put(tmp_path / "evidence" / "live" / "loans" / f"{OLD}.html")
    put(tmp_path / "features" / "live" / "loans" / "0123" / f"{OLD}.parquet")
    put(tmp_path / "features" / "live" / "cards" / "0123" / f"{OLD}.parquet")
    put(tmp_path / "decisions" / "live" / "loans" / str(OLD) / "ab.parquet")
    put(tmp_path / "decisions" / "live" / "loans" / ".lock")

    assert seen(tmp_path) == {
        ("data_docs", "2026-01-01", False),
        ("data_docs", "2026-01-02", True),
        ("quarantine", "2026-01-01", False),
        ("quarantine", "2026-01-02", True),
        ("data_quality", "2026-01-01", True),  # the newest of its scope
        ("evidence", "2026-01-01", True),
        ("features", "2026-01-01", True),
        ("decisions", "2026-01-01", True),
    }
    assert sum(file.bytes for file in of_nights(tmp_path, "loans")) == 9 * 4


@pytest.mark.parametrize(
    "name",
    [
        "data_docs/cards/2026-01-01/index.html",
        "data_docs/loans/latest/index.html",
        "data_docs/loans/20260101/index.html",
        "data_docs/loans/2026-01-01.html",
        "data_docs/loans/2026-02-30/index.html",
        "quarantine/live/loans/2026-01-01.csv",
        "quarantine/live/loans/2026-01-01-copy.parquet",
        "data_quality/live/loans/index.html",
        "data_quality/live/cards/2026-01-01.json",
        "evidence/live/loans/2026-01-01.json",
        "landing/live/loans.json",
    ],
)
def test_what_has_another_name_is_somebody_elses(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)

    assert of_nights(tmp_path, "loans") == []


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere" / "2026-01-01" / "index.html").parent
    put(tmp_path / "elsewhere" / "2026-01-01.parquet")
    store = tmp_path / "store"
    for folder in ("data_docs/loans", "quarantine/live/loans", "data_quality"):
        (store / folder).mkdir(parents=True)
    (store / "data_docs" / "loans" / "2026-01-01").symlink_to(elsewhere)
    (store / "quarantine" / "live" / "loans" / "2026-01-01.parquet").symlink_to(
        tmp_path / "elsewhere" / "2026-01-01.parquet"
    )
    (store / "quarantine" / "replay").symlink_to(store / "quarantine" / "live")
    (store / ".draft.tmp").symlink_to(elsewhere / "index.html")

    assert of_nights(store, "loans") == []
    assert unfinished(store) == []


def test_a_folder_counts_by_the_newest_thing_in_it(tmp_path: Path) -> None:
    page = put(tmp_path / "data_docs" / "loans" / str(OLD) / "deep" / "index.html")
    for path in (page.parent, page.parent.parent):
        os.utime(path, (0, 0))

    (docs,) = of_nights(tmp_path, "loans")

    assert docs.modified.timestamp() == pytest.approx(page.stat().st_mtime)


def test_what_a_killed_process_was_writing_is_found_anywhere(tmp_path: Path) -> None:
    put(tmp_path / "snapshots" / "ab" / ".x7k.tmp", b"half")
    put(tmp_path / "snapshots" / "ab" / "notes.tmp")
    put(tmp_path / "data_docs" / "loans" / ".y8l.tmp" / str(OLD) / "index.html")

    pages, half = unfinished(tmp_path)
    remove(pages)

    assert (half.path.name, half.bytes, half.as_of) == (".x7k.tmp", 4, None)
    assert (pages.path.name, pages.bytes, pages.as_of) == (".y8l.tmp", 4, None)
    assert unfinished(tmp_path) == [half]


def test_removing_twice_is_removing_once(tmp_path: Path) -> None:
    page = put(tmp_path / "data_docs" / "loans" / str(OLD) / "index.html")
    rows = put(tmp_path / "quarantine" / "live" / "loans" / f"{OLD}.parquet")
    found: list[StoredFile] = of_nights(tmp_path, "loans")

    for file in [*found, *found]:
        remove(file)

    assert not page.parent.exists()
    assert not rows.exists()
    assert bytes_in(tmp_path) == 0


def test_a_folder_that_a_night_replaces_meanwhile_is_young(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = put(tmp_path / "data_docs" / "loans" / str(OLD) / "index.html")
    for path in (page, page.parent):
        os.utime(path, (0, 0))
    listed = Path.rglob

    def and_then_gone(folder: Path, pattern: str) -> list[Path]:
        return [*listed(folder, pattern), folder / "gone.html"]

    monkeypatch.setattr(Path, "rglob", and_then_gone)

    (docs,) = of_nights(tmp_path, "loans")

    assert docs.modified.timestamp() > page.stat().st_mtime + 1000
    assert docs.bytes == 4
