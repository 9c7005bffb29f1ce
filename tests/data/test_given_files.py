from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finrisk.data.given_files import GivenFile, format_of
from finrisk.errors import ConfigurationError, LandingError


def read(file: GivenFile, *wanted: str, rows: int | None = None) -> list[list[dict[str, object]]]:
    return [piece.to_pylist() for piece in file.pieces(wanted, rows)]


def csv(folder: Path, content: bytes) -> GivenFile:
    (folder / "batch.csv").write_bytes(content)
    return GivenFile.open(folder / "batch.csv")


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("groups", [1, 4, 100])
def test_pieces_are_as_long_as_asked_for_whatever_the_file_s_own_are(
    tmp_path: Path, rows: int, groups: int
) -> None:
    path = tmp_path / "batch.parquet"
    pq.write_table(pa.table({"a": range(11), "b": range(11)}), path, row_group_size=groups)

    pieces = read(GivenFile.open(path), "a", "none", rows=rows)

    assert [one["a"] for piece in pieces for one in piece] == list(range(11))
    assert {len(piece) for piece in pieces[:-1]} <= {rows}
    assert set(pieces[0][0]) == {"a"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_file_is_text_by_its_own_delimiter(tmp_path: Path, delimiter: str) -> None:
    lines = ["a,b", '1,"x', 'y"', "007,NA"]
    content = "\n".join(lines).replace(",", delimiter).encode("utf-8-sig") + b"\n"

    (rows,) = read(csv(tmp_path, content), "b", "a")

    assert rows == [{"a": "1", "b": "x\ny"}, {"a": "007", "b": "NA"}]


def test_a_header_alone_has_no_piece(tmp_path: Path) -> None:
    assert read(csv(tmp_path, b"a,b\n"), "a") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty file"),
        (b"a,b\n1,2", "cut off"),
        (b"a,a\n1,2\n", "column 'a' stands twice"),
        (b"\xff\xfe\n", "no csv file that can be read"),
    ],
)
def test_a_csv_file_that_is_none_is_said_at_once(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(LandingError, match=told):
        csv(tmp_path, content)


def test_a_line_that_does_not_fit_is_said_and_not_quoted(tmp_path: Path) -> None:
    file = csv(tmp_path, b"a,b\n1,2\nsecret\n")

    with pytest.raises(LandingError, match="rows that do not fit the header") as raised:
        read(file, "a")

    assert "secret" not in f"{raised.value}{raised.value.__cause__}"


def test_a_parquet_file_that_breaks_off_is_said(tmp_path: Path) -> None:
    path = tmp_path / "batch.parquet"
    pq.write_table(pa.table({"a": range(50_000)}), path, compression="none", use_dictionary=False)
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(1000) + content[1004:])

    with pytest.raises(LandingError, match=r"batch.parquet: .*remedy: hand it in again"):
        read(GivenFile.open(path), "a")


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz"])
def test_another_kind_of_file_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ends with \.csv or \.parquet"):
        format_of(Path(name))
