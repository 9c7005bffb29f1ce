"""What scoring a batch came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from finrisk.pipelines.ready_rows import ReadyRows
from finrisk.records import Record
from finrisk.wording import counted


@dataclass(frozen=True, slots=True)
class ScoringReport(Record):
    """One batch.

    Parameters
    ----------
    version, epoch : int or None
        Who decided; None: nothing was scored, or the version is no champion.
    decisions : dict of str to int
        How many rows got each word; empty where the version has no cut-off.
    first_day, last_day : date or None
        Of the rows' event days, of which there are ``days``.
    logged : int
        Rows that the decision log holds of it.
    reason : str
        Why nothing was scored, or why some days wait.
    """

    model: str
    scope: str
    version: int | None = None
    epoch: int | None = None
    rows: int = 0
    decisions: dict[str, int] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None
    days: int = 0
    logged: int = 0
    output: str | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What to tell a person in one line."""
        if not self.rows:
            return f"{self.model}: nothing was scored: {self.reason}"
        champion = "no champion" if self.epoch is None else f"champion, epoch {self.epoch}"
        told = [f"{count:,} {word}" for word, count in sorted(self.decisions.items())]
        span = f"{self.first_day} to {self.last_day}" if self.days > 1 else f"{self.first_day}"
        waits = f"; {self.reason}" if self.reason else ""
        return (
            f"{self.model} v{self.version} ({champion}) scored {counted(self.rows, 'row')} of "
            f"{span}: {', '.join(told) or 'no cut-off, so no decision'}{waits}"
        )


@dataclass(slots=True)
class Tally:
    """What has come of a batch so far."""

    rows: int = 0
    words: Counter[str] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)

    def add(self, piece: ReadyRows, decisions: pa.Array) -> None:
        """Count a piece and its decisions."""
        self.rows += len(piece.ids)
        self.days.update(piece.days.tolist())
        for one in decisions.drop_null().value_counts().to_pylist():
            self.words[str(one["values"])] += int(one["counts"])
