"""What takes a second and is always the same is made once in a run of the tests, by the real thing.

- The empty MLflow store of SQLite, which two dozen migrations make: a copy of the first one.
- What Great Expectations finds in the same rows by the same contract for the same day, with its
  pages: judging is two thirds of a test's night. Other rows, contracts and days are judged anew.

Both are kept beside the tests' own folders, for every process of the run.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from finrisk.data.gx_adapter import Failure, Suite

Judge = Callable[[Sequence[Suite], date, Path | None], list[Failure]]
MakeTables = Callable[[Any], None]


def judging_once(judge: Judge, kept: Path) -> Judge:
    def judged(suites: Sequence[Suite], as_of: date, docs_dir: Path | None) -> list[Failure]:
        night = kept / f"{_digest(suites, as_of)}-{docs_dir is not None}"
        if not night.exists():
            scratch = Path(mkdtemp(dir=kept))
            failures = judge(suites, as_of, docs_dir)
            (scratch / "failures").write_bytes(pickle.dumps(failures))
            if docs_dir is not None:
                shutil.copytree(docs_dir, scratch / "pages")
            with suppress(OSError):  # another process was quicker, and found the same
                scratch.rename(night)
            return failures
        if docs_dir is not None:
            shutil.copytree(night / "pages", docs_dir, copy_function=shutil.copyfile)
        found: list[Failure] = pickle.loads((night / "failures").read_bytes())  # noqa: S301
        return found

    return judged


def making_once(make: MakeTables, kept: Path) -> MakeTables:
    first = kept / "mlflow.db"

    def made(engine: Any) -> None:
        file = engine.url.database
        if engine.dialect.name != "sqlite" or not file:
            make(engine)
        elif first.exists():
            _copy(first, Path(file))
        else:
            make(engine)
            scratch = Path(mkdtemp(dir=kept)) / first.name
            _copy(Path(file), scratch)
            scratch.rename(first)

    return made


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _digest(suites: Sequence[Suite], as_of: date) -> str:
    digest = hashlib.sha256(str(as_of).encode())
    for suite in suites:
        told = f"{suite.name} {suite.expectations} {list(suite.batch.dtypes.items())}"
        digest.update(told.encode())
        digest.update(pd.util.hash_pandas_object(suite.batch).to_numpy().tobytes())
    return digest.hexdigest()
