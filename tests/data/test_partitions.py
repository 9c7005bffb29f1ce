from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from finrisk.data.partitions import Delivery, Partition, open_partitions
from finrisk.errors import LandingError
from tests.data.factories import deliver, rows

WANTED = ("id", "income")


def opened(
    home: Path,
    file_format: Literal["parquet", "csv"] = "parquet",
    sidecar: Literal["required", "if_present"] = "if_present",
    path: str = "landing",
) -> Delivery:
    return open_partitions(home / path, file_format, sidecar, WANTED)


def names(delivery: Delivery) -> list[str]:
    return [partition.name for partition in delivery.partitions]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_whole_partition_is_picked_up_with_the_wanted_columns(
    tmp_path: Path, ending: Literal["parquet", "csv"]
) -> None:
    deliver(tmp_path, rows(months=1), f"a.{ending}", sidecar=True)

    delivery = opened(tmp_path, ending, "required")

    assert names(delivery) == [f"a.{ending}"]
    assert delivery.problems == ()
    assert set(delivery.partitions[0].table.column_names) == set(WANTED)
    assert "home" in delivery.partitions[0].header
    assert delivery.partitions[0].stem == "a"


def test_one_file_can_be_the_whole_source(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1))

    assert names(opened(tmp_path, path="landing/loans_1.parquet")) == ["loans_1.parquet"]


def test_sub_folders_are_read_and_unfinished_or_hidden_files_are_not(tmp_path: Path) -> None:
    for folder, name in [
        ("landing/day=1", "part.parquet"),
        ("landing/_tmp", "x.parquet"),
        ("landing", "_SUCCESS"),
        ("landing", ".x.parquet.swp"),
        ("landing", "x.parquet.tmp"),
        ("landing", "x.parquet.part"),
    ]:
        deliver(tmp_path, rows(months=1), name, folder=folder)

    delivery = opened(tmp_path)

    assert names(delivery) == ["day=1/part.parquet"]
    assert delivery.problems == ()


@pytest.mark.parametrize("make_folder", [True, False])
def test_nothing_landed_is_an_error_with_a_remedy(tmp_path: Path, make_folder: bool) -> None:
    if make_folder:
        (tmp_path / "landing").mkdir()

    with pytest.raises(LandingError, match=r"nothing landed in .*landing.*remedy: deliver"):
        opened(tmp_path)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_cut_at_any_offset_is_never_picked_up(
    tmp_path: Path, ending: Literal["parquet", "csv"]
) -> None:
    path = deliver(tmp_path, rows(months=1), f"a.{ending}", sidecar=True)
    whole = path.read_bytes()

    for cut in np.linspace(0, len(whole) - 1, 24).astype(int):
        path.write_bytes(whole[:cut])
        delivery = opened(tmp_path, ending, "required")
        assert delivery.partitions == (), cut
        assert delivery.problems[0].startswith(f"a.{ending}: ")
    path.write_bytes(whole)
    assert names(opened(tmp_path, ending, "required")) == [f"a.{ending}"]


def test_a_parquet_file_cut_at_any_offset_needs_no_sidecar_to_be_refused(tmp_path: Path) -> None:
    path = deliver(tmp_path, rows(months=1))
    whole = path.read_bytes()

    for cut in np.linspace(0, len(whole) - 1, 24).astype(int):
        path.write_bytes(whole[:cut])
        assert opened(tmp_path).partitions == (), cut


def test_a_csv_cut_inside_a_line_needs_no_sidecar_to_be_refused(tmp_path: Path) -> None:
    path = deliver(tmp_path, rows(months=1), "a.csv")
    whole = path.read_bytes()

    for cut in np.linspace(0, len(whole) - 1, 24).astype(int):
        if cut == 0 or whole[cut - 1 : cut] != b"\n":
            path.write_bytes(whole[:cut])
            assert opened(tmp_path, "csv").partitions == (), cut


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"id,income\n", "no rows"),
        (b"id,income\nSECRET,1\nSECRET\n", "do not fit the header"),
        (b'id,income\n"SECRET,1\n', "do not fit the header"),
        (b"id,income\nSECRET\xe9,1\n", "not UTF-8"),
        (b"id,id\nSECRET,1\n", "column 'id' stands twice"),
        (b"id,income\nSECRET,1", "cut off"),
        (b"id,income\rSECRET,1\r", "do not fit the header"),
    ],
)
def test_a_csv_that_is_not_whole_is_a_problem_that_shows_no_row(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = deliver(tmp_path, rows(months=1), "a.csv")
    path.write_bytes(content)

    delivery = opened(tmp_path, "csv")

    assert delivery.partitions == ()
    assert reason in delivery.problems[0]
    assert "remedy: deliver it again" in delivery.problems[0]
    assert "SECRET" not in delivery.problems[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,income,x\r\nA,1,2\r\n",
        b"id;income;x\nA;1;2\n",
        b"id\tincome\tx\nA\t1\t2\n",
        b'id|income|"x y"\nA|1|"2\n3"\n',
    ],
)
def test_csv_dialects_that_lenders_use_are_read(tmp_path: Path, content: bytes) -> None:
    path = deliver(tmp_path, rows(months=1), "a.csv")
    path.write_bytes(content)

    table = opened(tmp_path, "csv").partitions[0].table

    assert table.to_pydict() == {"id": ["A"], "income": ["1"]}


def test_a_parquet_file_without_rows_or_with_a_column_twice_is_a_problem(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1).head(0), "empty.parquet")
    deliver(tmp_path, rows(months=1), "other.parquet").write_bytes(b"PAR1 not really PAR1")

    problems = opened(tmp_path).problems

    assert [p.split(";")[0] for p in problems] == [
        "empty.parquet: no rows",
        "other.parquet: not a whole Parquet file",
    ]


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        ("", "do not give the sha256"),
        ("junk", "do not give the sha256"),
        ("0" * 64, "do not give the sha256"),
        (None, "no .sha256 sidecar yet"),
    ],
)
def test_a_partition_waits_for_a_sidecar_that_matches(
    tmp_path: Path, sidecar: str | None, reason: str
) -> None:
    path = deliver(tmp_path, rows(months=1))
    if sidecar is not None:
        path.with_name(path.name + ".sha256").write_text(sidecar)

    delivery = opened(tmp_path, sidecar="required")

    assert delivery.partitions == ()
    assert reason in delivery.problems[0]


def test_a_partition_announced_but_not_there_is_a_problem(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1), sidecar=True).unlink()

    assert opened(tmp_path).problems == ("loans_1.parquet: announced by its sidecar, not there",)


def test_a_file_or_sidecar_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.parquet").symlink_to(tmp_path / "nowhere")
    path = deliver(tmp_path, rows(months=1), "b.parquet")
    path.with_name("b.parquet.sha256").mkdir()

    delivery = opened(tmp_path)

    assert delivery.partitions == ()
    assert "sidecar cannot be read" in delivery.problems[0]


def test_duplicate_columns_in_parquet_are_refused(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["id", "id"]), sink)
    deliver(tmp_path, pd.DataFrame({"id": [1]}), "a.parquet").write_bytes(sink.getvalue())

    assert "column 'id' stands twice" in opened(tmp_path).problems[0]


@pytest.mark.parametrize(
    ("files", "read", "superseded"),
    [
        (["a.parquet", "a~2.parquet"], ["a~2.parquet"], ("a.parquet",)),
        (
            ["a.parquet", "a~2.parquet", "a~10.parquet", "b.parquet"],
            ["a~10.parquet", "b.parquet"],
            ("a.parquet", "a~2.parquet"),
        ),
        (["a~2.parquet"], ["a~2.parquet"], ()),
        (["a.parquet", "a~b.parquet"], ["a.parquet", "a~b.parquet"], ()),
        (["a.parquet", "sub/a~2.parquet"], ["a.parquet", "sub/a~2.parquet"], ()),
        (["a", "a~3"], ["a~3"], ("a",)),
        (["sub~2.x/a.parquet", "sub.x/a.parquet"], ["sub.x/a.parquet", "sub~2.x/a.parquet"], ()),
    ],
)
def test_the_highest_revision_replaces_the_others(
    tmp_path: Path, files: list[str], read: list[str], superseded: tuple[str, ...]
) -> None:
    for file in files:
        folder, _, name = f"landing/{file}".rpartition("/")
        deliver(tmp_path, rows(months=1), name, folder=folder)

    delivery = opened(tmp_path)

    assert names(delivery) == read
    assert delivery.superseded == superseded
    assert delivery.problems == ()


@pytest.mark.parametrize(
    "name",
    ["a~02.parquet", "a~1.parquet", "a~0.parquet", "a~2.v1.parquet", "a~2~3.parquet", "a~2b", "~2"],
)
def test_a_name_that_only_looks_like_a_revision_is_a_problem(tmp_path: Path, name: str) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet")
    path = deliver(tmp_path, rows(months=1), name)

    delivery = opened(tmp_path)

    assert names(delivery) == ["a.parquet"]
    assert delivery.problems == (f"{name}: revisions are written ~2, ~3; remedy: rename it",)
    assert delivery.superseded == ()
    assert names(opened(tmp_path, path=f"landing/{path.name}")) == [name]


@pytest.mark.parametrize(
    ("name", "stem"), [("v1.0/part", "v1.0/part"), ("v1.0/a~2.b.csv", "v1.0/a~2.b"), ("a", "a")]
)
def test_a_stem_ends_at_the_file_names_own_ending(name: str, stem: str) -> None:
    assert Partition(name, pa.table({}), ()).stem == stem


def test_a_replaced_file_is_not_read_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet").write_bytes(b"not even Parquet")
    deliver(tmp_path, rows(months=1), "a~2.parquet")

    with caplog.at_level("INFO"):
        delivery = opened(tmp_path)

    assert delivery.problems == ()
    assert "a.parquet is not read: a later revision replaces it" in caplog.text


@pytest.mark.parametrize("fault", ["cut off", "announced only", "wrong digest"])
def test_an_incomplete_revision_never_falls_back_to_what_it_replaces(
    tmp_path: Path, fault: str
) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet", sidecar=True)
    path = deliver(tmp_path, rows(months=1), "a~2.parquet", sidecar=True)
    if fault == "announced only":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if fault == "cut off" else b"PAR1")

    delivery = opened(tmp_path, sidecar="required")

    assert delivery.partitions == ()
    assert delivery.problems[0].startswith("a~2.parquet: ")
    assert delivery.superseded == ("a.parquet",)


def test_a_replaced_file_may_be_cleared_away_and_leave_its_sidecar(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet", sidecar=True).unlink()
    deliver(tmp_path, rows(months=1), "a~2.parquet", sidecar=True)

    delivery = opened(tmp_path, sidecar="required")

    assert (names(delivery), delivery.problems, delivery.superseded) == (["a~2.parquet"], (), ())


def test_a_revision_keeps_the_place_and_the_stem_of_what_it_replaces(tmp_path: Path) -> None:
    for name in ("a.parquet", "a~2.parquet", "a_later.parquet"):
        deliver(tmp_path, rows(months=1), name)

    revised, later = opened(tmp_path).partitions

    assert (revised.name, revised.stem, revised.first_name) == ("a~2.parquet", "a", "a.parquet")
    assert later.stem == "a_later"


def test_a_partition_carries_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = deliver(tmp_path, rows(months=1))

    (partition,) = opened(tmp_path).partitions

    assert partition.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
