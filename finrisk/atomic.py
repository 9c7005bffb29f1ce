"""Files that appear whole or not at all, also after a crash or on a full disk."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from finrisk.faults import WHOLE_FILE, reach


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place in one step; the folder must be there.

    Parameters
    ----------
    path : Path
        Where it appears; a file already there is replaced.
    content : bytes
        All of it.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        reach(WHOLE_FILE)
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(unfinished).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
