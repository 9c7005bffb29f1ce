"""Development rows as a snapshot's file, and candidates fitted on it by each engine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.data.snapshot_rows import reading
from finrisk.models.elsewhere import Days, fit_elsewhere
from finrisk.models.external_memory import spooled
from finrisk.models.trainer import FittedCandidate
from finrisk.specs.model_spec import ModelSpec


def as_snapshot(
    home: Path, development: pd.DataFrame, *, group_rows: int = 250, holdout_rows: int = 40
) -> tuple[Path, str]:
    """Write the rows, and some of a hold-out after them, as the store would; return the name."""
    rows = development.assign(_part="development")
    rows = pd.concat([rows, rows.head(holdout_rows).assign(_part="holdout")], ignore_index=True)
    if "_event_day" not in rows:
        rows["_event_day"] = pd.to_datetime(rows["_vintage"])
    rows["_label"] = rows["_label"].astype(np.int8)
    path = home / "snapshot.parquet"
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, row_group_size=group_rows, compression="zstd")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def fitted_on_disk(
    home: Path,
    development: pd.DataFrame,
    spec: ModelSpec,
    candidate: str,
    *,
    page_rows: int = 300,
    **how: Any,
) -> tuple[FittedCandidate, Days]:
    home.mkdir(exist_ok=True)
    path, sha256 = as_snapshot(home, development, **how)
    with reading(path, sha256) as snapshot:
        opened = spooled(snapshot, spec, home / "scratch", page_rows=page_rows)
        return fit_elsewhere(opened, spec, spec.candidate(candidate), threads=1)
