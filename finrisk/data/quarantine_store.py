"""Where rows that were set aside are kept: customers' rows, guarded like snapshots."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.atomic import write_whole


class QuarantineStore:
    """Rows set aside in one scope, a file a model and night.

    Parameters
    ----------
    root : Path
        ``store/quarantine/<scope>``, made on first use; who may read it may read customers' rows.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, model: str, as_of: date) -> Path:
        """Return where a night's rows are, if any were set aside."""
        return self.root / model / f"{as_of}.parquet"

    def keep(self, model: str, as_of: date, rows: pd.DataFrame) -> Path | None:
        """Write the rows a night goes on without, in place of what an earlier try wrote.

        Parameters
        ----------
        rows : DataFrame
            ``SetAside.rows``; if empty, a file of an earlier try is removed.

        Returns
        -------
        Path or None
            The file, if there is one.
        """
        path = self.path(model, as_of)
        if rows.empty:
            path.unlink(missing_ok=True)
            return None
        for folder in (self.root.parent, self.root, path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pandas(rows, preserve_index=False, nthreads=1)
        pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
        write_whole(path, bytes(sink.getvalue()))
        return path
