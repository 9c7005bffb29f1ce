"""Everything that a folder says, also what lies zipped or in columns inside a file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

ZIP, PARQUET, GZIP = b"PK\x03\x04", b"PAR1", b"\x1f\x8b"


def texts_below(folders: Iterable[Path]) -> dict[str, bytes]:
    """Return each file's content by its path, and by path and name what was packed in it."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {name: text for path in files for name, text in _unpacked(str(path), path.read_bytes())}


def _unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if content.startswith(ZIP):
        try:
            with ZipFile(io.BytesIO(content)) as packed:
                for one in packed.namelist():
                    yield from _unpacked(f"{name}!{one}", packed.read(one))
        except BadZipFile:
            return
    if content.startswith(PARQUET):
        table, told = pq.read_table(pa.BufferReader(content)), io.BytesIO()
        flat = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
        pyarrow.csv.write_csv(table.select(flat), told)
        yield f"{name}!rows", told.getvalue() + str(table.schema.metadata).encode()
    if content.startswith(GZIP):
        raise ValueError(f"{name}: a gzip file, which nobody has looked into")
