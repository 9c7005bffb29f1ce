"""Which landed files are whole: a half-written partition is left alone, and said so.

A file counts when its ``<file>.sha256`` sidecar matches (if there is one, or must be), and it reads
to its end: a Parquet footer, or CSV rows that all have the header's cells and a closing newline.
Errors of the readers are not passed on, since they quote the row they stumbled over.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finrisk.errors import LandingError

SIDECAR = ".sha256"
UNFINISHED = (".tmp", ".part")
DELIVER_AGAIN = "deliver it again, whole, and its sidecar after it"
DELIMITERS = ",;\t|"

FileFormat = Literal["parquet", "csv"]
SidecarRule = Literal["required", "if_present"]


@dataclass(frozen=True, slots=True)
class Partition:
    """A whole file: the wanted columns it holds, and the names of all it holds."""

    name: str
    table: pa.Table
    header: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.name.rsplit(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What lies in a landing place: whole partitions, and what is wrong with the others."""

    partitions: tuple[Partition, ...]
    problems: tuple[str, ...]


class _Incomplete(Exception):
    """A reason why a file is not picked up."""


def open_partitions(
    root: Path, file_format: FileFormat, sidecar: SidecarRule, wanted: Collection[str]
) -> Delivery:
    """Read the wanted columns of every whole partition under a folder, or of one file.

    Parameters
    ----------
    root : Path
        A folder, searched with its sub-folders, or one file. Names that start with ``.`` or ``_``
        or end with ``.tmp``, ``.part`` or ``.sha256`` are no partitions.
    file_format, sidecar : str
        As the spec's ``source`` has them.
    wanted : collection of str
        Columns to read where a partition has them.

    Raises
    ------
    LandingError
        There is no such place, or no partition in it.
    """
    files = _partition_files(root)
    base = root if root.is_dir() else root.parent
    announced = [f for f in _announced(root) if not f.exists()]
    if not files and not announced:
        raise LandingError(
            f"nothing landed in {root}",
            expected=f"{file_format} partitions",
            got="an empty folder" if root.is_dir() else "no such folder or file",
            remedy="deliver the first partition, or correct source.path in the spec",
        )
    partitions: list[Partition] = []
    problems = [f"{_name(f, base)}: announced by its sidecar, not there" for f in announced]
    for file in files:
        try:
            partitions.append(_open(file, _name(file, base), file_format, sidecar, wanted))
        except _Incomplete as exc:
            problems.append(f"{_name(file, base)}: {exc}; remedy: {DELIVER_AGAIN}")
    return Delivery(tuple(partitions), tuple(problems))


def _partition_files(root: Path) -> list[Path]:
    if not root.is_dir():
        return [root] if root.is_file() else []
    return sorted(f for f in _visible(root) if f.suffix not in (*UNFINISHED, SIDECAR))


def _announced(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(f.with_suffix("") for f in _visible(root) if f.suffix == SIDECAR)


def _visible(root: Path) -> Iterator[Path]:
    for file in root.rglob("*"):
        hidden = any(part.startswith((".", "_")) for part in file.relative_to(root).parts)
        if not hidden and file.is_file():
            yield file


def _name(file: Path, base: Path) -> str:
    return file.relative_to(base).as_posix()


def _open(
    file: Path, name: str, file_format: FileFormat, rule: SidecarRule, wanted: Collection[str]
) -> Partition:
    try:
        content = file.read_bytes()  # once: what is parsed is what was verified
    except OSError as exc:
        raise _Incomplete(f"cannot be read ({exc.strerror})") from exc
    if not content:
        raise _Incomplete("empty file")
    _verify(file, content, rule)
    read: Callable[[bytes, Collection[str]], tuple[pa.Table, list[str]]]
    read = _read_parquet if file_format == "parquet" else _read_csv
    table, header = read(content, wanted)
    if table.num_rows == 0:
        raise _Incomplete("no rows")
    return Partition(name, table, tuple(header))


def _verify(file: Path, content: bytes, rule: SidecarRule) -> None:
    sidecar = file.with_name(file.name + SIDECAR)
    try:
        words = sidecar.read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        if rule == "required":
            raise _Incomplete(f"no {SIDECAR} sidecar yet") from None
        return
    except OSError as exc:
        raise _Incomplete(f"its sidecar cannot be read ({exc.strerror})") from exc
    if not words or words[0].lower() != hashlib.sha256(content).hexdigest():
        raise _Incomplete("its bytes do not give the sha256 of its sidecar")


def _read_parquet(content: bytes, wanted: Collection[str]) -> tuple[pa.Table, list[str]]:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        header = list(file.schema_arrow.names)
        _demand_once(header)
        return file.read(columns=[c for c in header if c in wanted]), header
    except (pa.ArrowException, OSError, ValueError, KeyError) as exc:
        raise _Incomplete("not a whole Parquet file") from exc


def _read_csv(content: bytes, wanted: Collection[str]) -> tuple[pa.Table, list[str]]:
    if not content.endswith((b"\n", b"\r")):
        raise _Incomplete("cut off: its last line has no end")
    try:
        first = content[: content.index(b"\n") + 1].decode("utf-8-sig")
        delimiter = max(DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=delimiter), [])
        _demand_once(header)
        table = pa_csv.read_csv(
            io.BytesIO(content),
            read_options=pa_csv.ReadOptions(block_size=len(content) + 1),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=False,
                include_columns=[c for c in header if c in wanted],
            ),
        )
    except (pa.ArrowException, ValueError, csv.Error) as exc:
        raise _Incomplete("rows that do not fit the header, or text that is not UTF-8") from exc
    return table, header


def _demand_once(header: list[str]) -> None:
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise _Incomplete(f"column {twice[0]!r} stands twice")
