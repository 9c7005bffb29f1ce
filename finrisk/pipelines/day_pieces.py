"""A file of ordered rows, cut into days, and long days into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finrisk.pipelines.landed_pieces import PIECE_ROWS


@dataclass(frozen=True, slots=True)
class DayPiece:
    """Some rows of one day; ``ends_day``: the last of them."""

    day: date
    table: pa.Table
    ends_day: bool


def day_pieces(file: Path, time: str) -> Iterator[DayPiece]:
    """Cut a file that is ordered by time into pieces of one day each, at most 131,072 rows.

    The pieces of a day are the same whichever other days are in the file.

    Parameters
    ----------
    time : str
        The column of times, none of them missing.
    """
    waiting: list[pa.Table] = []
    day: date | None = None
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(PIECE_ROWS):
            table = pa.Table.from_batches([batch])
            days = table.column(time).to_numpy().astype("datetime64[D]")
            starts = np.flatnonzero(days[1:] != days[:-1]) + 1
            for start, end in pairwise([0, *starts.tolist(), len(days)]):
                begun = days[start].item()
                if day is not None and begun != day:
                    yield DayPiece(day, pa.concat_tables(waiting), ends_day=True)
                    waiting = []
                day = begun
                waiting.append(table.slice(start, end - start))
                while sum(one.num_rows for one in waiting) > PIECE_ROWS:
                    every = pa.concat_tables(waiting)
                    yield DayPiece(day, every.slice(0, PIECE_ROWS), ends_day=False)
                    waiting = [every.slice(PIECE_ROWS)]
    if day is not None:
        yield DayPiece(day, pa.concat_tables(waiting), ends_day=True)
