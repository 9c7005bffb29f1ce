"""Which landed files are whole: a half-written partition is left alone, and said so.

A file counts when its ``<file>.sha256`` sidecar matches (if there is one, or must be), and it reads
to its end: a Parquet footer, or CSV rows that all have the header's cells and a closing newline.
Errors of the readers are not passed on, since they quote the row they stumbled over.

``loans~2.parquet`` replaces ``loans.parquet``, ``loans~3.parquet`` both. The replaced file is not
read, not even while its replacement is incomplete: the sender has said that it is wrong. A name
that only looks like a revision, as ``loans~02.parquet``, is a problem: read beside the file that it
was meant to replace, it would count those rows twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finrisk.data.day_files import DayRange, chosen_days, day_of
from finrisk.errors import LandingError

SIDECAR = ".sha256"
UNFINISHED = (".tmp", ".part")
DELIVER_AGAIN = "deliver it again, whole, and its sidecar after it"
DELIMITERS = ",;\t|"
REVISED = re.compile(r"(?P<stem>.+)~(?P<revision>[2-9]|[1-9]\d+)(?P<ending>\.[^./~]*)?")
MARKED = re.compile(r"~\d")

_log = logging.getLogger(__name__)

FileFormat = Literal["parquet", "csv"]
SidecarRule = Literal["required", "if_present"]


@dataclass(frozen=True, slots=True)
class Partition:
    """A whole file: the wanted columns it holds, the names of all it holds, and its digest.

    ``sha256`` is empty where rows came as no file.
    """

    name: str
    table: pa.Table
    header: tuple[str, ...]
    sha256: str = ""

    @property
    def first_name(self) -> str:
        """The name under which these rows were first delivered: its own without a revision."""
        return revision_of(self.name)[0]

    @property
    def stem(self) -> str:
        """The first name without its ending: a corrected row stays the row it was."""
        return str(PurePosixPath(self.first_name).with_suffix(""))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What lies in a landing place: whole files, what is wrong with others, what is replaced."""

    partitions: tuple[Partition, ...]
    problems: tuple[str, ...]
    superseded: tuple[str, ...] = ()


def revision_of(name: str) -> tuple[str, int]:
    """Return the name that a file was first delivered under, and which revision of it this is.

    Examples
    --------
    >>> revision_of("2024/loans~3.parquet"), revision_of("loans.parquet"), revision_of("a~1.csv")
    (('2024/loans.parquet', 3), ('loans.parquet', 1), ('a~1.csv', 1))
    """
    if (match := REVISED.fullmatch(name)) is None:
        return name, 1
    return match["stem"] + (match["ending"] or ""), int(match["revision"])


def _is_misnamed(name: str) -> bool:
    marks = len(MARKED.findall(PurePosixPath(name).name))
    return marks > 1 or (marks == 1 and REVISED.fullmatch(name) is None)


@dataclass(frozen=True, slots=True)
class Listing:
    """Which files count: the newest revision of each name, None where it was only announced."""

    files: Mapping[str, Path | None]
    problems: tuple[str, ...]
    superseded: tuple[str, ...]


class Incomplete(Exception):
    """A reason why a file is not picked up."""


def open_partitions(
    root: Path,
    file_format: FileFormat,
    sidecar: SidecarRule,
    wanted: Collection[str],
    days: DayRange | None = None,
    *,
    allow_empty: bool = False,
) -> Delivery:
    """Read the wanted columns of every whole partition under a folder, or of one file.

    Parameters
    ----------
    root : Path
        A folder, searched with its sub-folders, or one file, whose revisions do not count. Names
        that start with ``.`` or ``_`` or end with ``.tmp``, ``.part`` or ``.sha256`` are no
        partitions.
    file_format, sidecar : str
        As the spec's ``source`` has them.
    wanted : collection of str
        Columns to read where a partition has them.
    days : DayRange, optional
        Files hold one day each and name it: those of other days are left alone.
    allow_empty : bool
        Whether a file with a header and no row is whole: nothing happened.

    Raises
    ------
    LandingError
        There is no such place, or no partition in it.
    """
    listing = list_partitions(root, file_format, days)
    for name in listing.superseded:
        _log.info("%s is not read: a later revision replaces it", name)
    partitions: list[Partition] = []
    problems = list(listing.problems)
    for name, file in listing.files.items():
        if file is None:
            problems.append(f"{name}: announced by its sidecar, not there")
            continue
        try:
            partitions.append(
                open_partition(file, name, file_format, sidecar, wanted, allow_empty=allow_empty)
            )
        except Incomplete as exc:
            problems.append(f"{name}: {exc}; remedy: {DELIVER_AGAIN}")
    return Delivery(tuple(partitions), tuple(problems), listing.superseded)


def list_partitions(root: Path, file_format: FileFormat, days: DayRange | None = None) -> Listing:
    """Say which files under a folder count, without opening one; arguments as ``open_partitions``.

    Raises
    ------
    LandingError
        There is no such place, or no partition in it.
    """
    base = root if root.is_dir() else root.parent
    announced = {_name(f, base) for f in _announced(root) if not f.exists()}
    landed: dict[str, Path | None] = dict.fromkeys(announced)
    landed |= {_name(f, base): f for f in _partition_files(root)}
    if not landed:
        raise _nothing_landed(root, file_format)
    misnamed = sorted(name for name in landed if root.is_dir() and _is_misnamed(name))
    newest = _newest_revisions(landed.keys() - set(misnamed))
    superseded = tuple(sorted(landed.keys() - announced - {*newest, *misnamed}))
    problems = [f"{name}: revisions are written ~2, ~3; remedy: rename it" for name in misnamed]
    if days is not None:
        newest, of_days = chosen_days(newest, days)
        problems += of_days
        superseded = tuple(name for name in superseded if (day_of(name) or days.last) in days)
    return Listing({name: landed[name] for name in newest}, tuple(problems), superseded)


def _nothing_landed(root: Path, file_format: FileFormat) -> LandingError:
    return LandingError(
        f"nothing landed in {root}",
        expected=f"{file_format} partitions",
        got="an empty folder" if root.is_dir() else "no such folder or file",
        remedy="deliver the first partition, or correct source.path in the spec",
    )


def _newest_revisions(names: Iterable[str]) -> list[str]:
    """Return the highest revision of each name, in the order of folders and first names."""
    newest: dict[str, str] = {}
    for name in sorted(names, key=lambda name: revision_of(name)[1]):
        newest[revision_of(name)[0]] = name
    return [newest[first] for first in sorted(newest, key=lambda name: PurePath(name).parts)]


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


def open_partition(
    file: Path,
    name: str,
    file_format: FileFormat,
    rule: SidecarRule,
    wanted: Collection[str],
    *,
    allow_empty: bool = False,
) -> Partition:
    """Read the wanted columns of one file.

    Raises
    ------
    Incomplete
        It is not whole.
    """
    try:
        content = file.read_bytes()  # once: what is parsed is what was verified
    except OSError as exc:
        raise Incomplete(f"cannot be read ({exc.strerror})") from exc
    if not content:
        raise Incomplete("empty file")
    sha256 = hashlib.sha256(content).hexdigest()
    verify(file, sha256, rule)
    read: Callable[[bytes, Collection[str]], tuple[pa.Table, list[str]]]
    read = _read_parquet if file_format == "parquet" else _read_csv
    table, header = read(content, wanted)
    if table.num_rows == 0 and not allow_empty:
        raise Incomplete("no rows")
    return Partition(name, table, tuple(header), sha256)


def verify(file: Path, sha256: str, rule: SidecarRule) -> None:
    """Hold a file's digest against its sidecar; ``Incomplete`` where they do not agree."""
    sidecar = file.with_name(file.name + SIDECAR)
    try:
        words = sidecar.read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        if rule == "required":
            raise Incomplete(f"no {SIDECAR} sidecar yet") from None
        return
    except OSError as exc:
        raise Incomplete(f"its sidecar cannot be read ({exc.strerror})") from exc
    if not words or words[0].lower() != sha256:
        raise Incomplete("its bytes do not give the sha256 of its sidecar")


def _read_parquet(content: bytes, wanted: Collection[str]) -> tuple[pa.Table, list[str]]:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        header = list(file.schema_arrow.names)
        demand_once(header)
        return file.read(columns=[c for c in header if c in wanted]), header
    except (pa.ArrowException, OSError, ValueError, KeyError) as exc:
        raise Incomplete("not a whole Parquet file") from exc


def _read_csv(content: bytes, wanted: Collection[str]) -> tuple[pa.Table, list[str]]:
    if not content.endswith((b"\n", b"\r")):
        raise Incomplete("cut off: its last line has no end")
    try:
        first = content[: content.index(b"\n") + 1].decode("utf-8-sig")
        delimiter = max(DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=delimiter), [])
        demand_once(header)
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
        raise Incomplete("rows that do not fit the header, or text that is not UTF-8") from exc
    return table, header


def demand_once(header: list[str]) -> None:
    """Refuse a header that names a column twice."""
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise Incomplete(f"column {twice[0]!r} stands twice")
