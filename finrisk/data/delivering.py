"""How a simulated sender lands a partition where a spec says, with its sidecar after it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pandas as pd

from finrisk.atomic import write_whole
from finrisk.data.partitions import SIDECAR
from finrisk.errors import SpecError
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FileSource

REMEDY = "simulate with the shipped conf/models/{model}.yaml, or only another model with --model"


def landing_place(spec: ModelSpec, home: Path) -> Path:
    """Return the folder that a spec's rows land in.

    Raises
    ------
    SpecError
        They come from a database.
    """
    if not isinstance(spec.source, FileSource):
        raise SpecError(
            f"model {spec.name!r} has no folder to deliver to",
            expected="source.path",
            got="source.query",
            remedy=REMEDY.format(model=spec.name),
        )
    return home / spec.source.path


def feed_place(spec: ModelSpec, home: Path) -> Path:
    """Return the folder that the reports about a spec's rows land in.

    Raises
    ------
    SpecError
        Its label does not come from reports.
    """
    if not isinstance(spec.label.rule, LabelReports):
        raise SpecError(
            f"model {spec.name!r} has no feed of reports to deliver to",
            expected="label.rule.kind: reports",
            got=spec.label.rule.kind,
            remedy=REMEDY.format(model=spec.name),
        )
    return home / spec.label.rule.path


def is_there(path: Path) -> bool:
    """Say whether a partition was delivered, its sidecar included."""
    return path.exists() and sidecar(path).exists()


def sidecar(path: Path) -> Path:
    """Return where a partition's digest stands."""
    return path.with_name(path.name + SIDECAR)


def deliver(path: Path, rows: pd.DataFrame) -> str:
    """Write a partition and return its name.

    The file comes first, its sidecar after it: in between it does not count as complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sink = io.BytesIO()
    rows.to_parquet(sink, index=False)
    content = sink.getvalue()
    write_whole(path, content)
    line = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
    write_whole(sidecar(path), line.encode("ascii"))
    return path.name
